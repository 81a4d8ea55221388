/** The settings as options in the help of the commands that take them. */

import { type Command, Option } from 'commander'
import { fieldKeys, fields } from '../config/fields.ts'
import { fileFlag, fileVariable, flagOf } from '../config/names.ts'
import { takesSettings } from './means.ts'

/** To each command of `program` that takes settings. */
export function describeSettings(program: Command): void {
  for (const command of program.commands) {
    if (takesSettings.includes(command.name())) describe(command)
  }
}

function describe(command: Command): void {
  command.addOption(
    new Option(`${fileFlag} <path>`, `YAML file with settings (${fileVariable})`).helpGroup(
      'Settings file:',
    ),
  )
  for (const key of fieldKeys) {
    const { value, about, list, group, isSwitch } = fields[key]
    const usual = fields[key].defaultText || fields[key].default({ hostname: '' }).join(', ')
    const parts = [about, list ? 'Repeatable.' : '', usual === '' ? '' : `Default: ${usual}.`]
    command.addOption(
      new Option(
        isSwitch ? switchText(flagOf(key), value) : `${flagOf(key)} <${value}>`,
        parts.filter((part) => part !== '').join(' '),
      ).helpGroup(`${group}:`),
    )
  }
  command.addHelpText(
    'after',
    '\nFlags go over variables (STARLING_SETTLE_MS) over the file (settleMs: 600).' +
      '\ndocs/configuration.md says what each setting trades.',
  )
}

const switchText = (flag: string, value: string): string =>
  value === 'true|false' ? flag : `${flag} [${value}]`
