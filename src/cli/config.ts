/** `starling config`: the settings that an agent with these flags would have, and where each comes from. */

import { type EffectiveSetting, loadConfig, printProblems } from '../config.ts'
import { exitCode } from './exit-code.ts'
import { type Column, table } from './layout.ts'
import { printJson } from './session.ts'

export function config(args: readonly string[]): number {
  const json = args.includes('--json')
  const result = loadConfig({ args, env: process.env, others: ['--json'] })
  if (!result.ok) {
    if (json) printJson({ problems: result.problems })
    console.error(printProblems(result.problems))
    return exitCode.usage
  }
  if (json) printJson({ settings: result.settings })
  else console.log(table(result.settings, columns).join('\n'))
  return exitCode.fine
}

const columns: readonly Column<EffectiveSetting>[] = [
  { title: 'SETTING', text: ({ key }) => key },
  {
    title: 'VALUE',
    text: ({ value }) => (Array.isArray(value) ? value.join(', ') : String(value ?? '')) || '-',
    format: ({ from }) => (from === 'default' ? undefined : 'bold'),
    shorten: { to: 20, keep: 'start' },
  },
  {
    title: 'FROM',
    text: ({ from, where }) => (where === '' ? from : `${from} ${where}`),
    format: ({ from }) => (from === 'default' ? 'dim' : 'green'),
    shorten: { to: 20, keep: 'end' },
  },
]
