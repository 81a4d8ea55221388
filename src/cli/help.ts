/** `starling help`: of a command what `--help` prints, of a code what its tables and docs/operations.md say. */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { nearest } from '../config/names.ts'
import type { Code } from '../core/codes/code.ts'
import { codeNamed, codes, factsOf, levelsOf } from '../core/codes/codes.ts'
import { failureNamed, failures } from '../core/codes/failures.ts'
import { describe } from '../core/describe.ts'
import type { Level } from '../core/description.ts'
import { printable } from '../core/printable.ts'
import { isShown } from './completion/grammar.ts'
import { exitCode } from './exit-code.ts'
import { paint, wrap } from './layout.ts'

export const codeNames: readonly string[] = [
  ...new Set([...Object.keys(codes), ...Object.keys(failures)]),
].sort()

export function help(program: Command, topic: readonly string[]): number {
  const command = commandNamed(program, topic)
  if (command) {
    command.outputHelp()
    return exitCode.fine
  }
  const [name = ''] = topic
  const code = codeNamed(name)
  const failure = failureNamed(name)
  if (topic.length !== 1 || !(code || failure)) return unknown(program, topic)
  const parts = [
    ...(code ? [eventText(name, code)] : []),
    ...(failure
      ? [
          [
            `${paint('bold', name)}: a failure of a command, of a call of the API, or of a start`,
            '',
            ...wrap('', failure.meaning),
            ...wrap('-> ', failure.mend),
          ],
        ]
      : []),
  ]
  console.log(parts.map((lines) => lines.join('\n')).join('\n\n'))
  return exitCode.fine
}

function commandNamed(program: Command, topic: readonly string[]): Command | undefined {
  let found: Command | undefined = program
  for (const word of topic) found = found?.commands.find((each) => each.name() === word)
  return found
}

function unknown(program: Command, topic: readonly string[]): number {
  const asked = topic.join(' ')
  console.error(`starling: there is no command and no code ${printable(asked)}`)
  const commands = program.commands.filter(isShown).map((each) => each.name())
  const near = nearest(asked, [...commands, ...codeNames])
  if (near !== undefined) console.error(`(Did you mean ${near}?)`)
  return exitCode.usage
}

function eventText(name: string, code: Code): string[] {
  const levels = levelsOf(code).map((level) => words[level])
  const section = sectionOf(name)
  const standing = section ? '; stands in starling status until it ends' : ''
  const facts = factsOf(code)
  return [
    `${paint('bold', name)}: ${levels.join(' or ')}${standing}`,
    '',
    ...wrap('', code.meaning),
    '',
    ...code.examples.flatMap((note) => {
      const { level, message, mend } = describe(note)
      const mark = level.padEnd(6)
      return [
        ...wrap(`  ${mark}`, message),
        ...(mend === '' ? [] : wrap(`  ${' '.repeat(mark.length)}-> `, mend)),
      ]
    }),
    '',
    ...(section ? [...section, ''] : []),
    ...(facts.length > 0 ? wrap('Facts in JSON: ', facts.join(', ')) : []),
    `Documentation: docs/${section ? `operations.md#${name}` : `events.md#${name}`}`,
  ]
}

const words: Readonly<Record<Level, string>> = {
  debug: 'a detail',
  info: 'news',
  warn: 'a warning',
  error: 'an error',
}

/** Cause, check and mend, where docs/operations.md has a section for the code. */
function sectionOf(name: string): string[] | undefined {
  const [, rest] = operations().split(`### \`${name}\`\n`)
  if (rest === undefined) return undefined
  const [section = ''] = rest.split(/^##/m)
  return [...section.matchAll(/^- (Cause|Check|Mend): (.+)$/gm)].flatMap(([, label = '', text]) =>
    wrap(`${label.padEnd(7)}`, plain(text ?? '')),
  )
}

/** Without the addresses of links, and without those that say nothing without theirs. */
const plain = (text: string): string =>
  text.replace(/ \[More\]\([^)]+\)\.?/g, '').replace(/\[([^\]]+)\]\([^)]+\)/g, '$1')

/** Beside the bundle, or in the sources. */
function operations(): string {
  const places = ['operations.md', '../../docs/operations.md']
  const file = places.map((place) => join(import.meta.dirname, place)).find(existsSync)
  return file === undefined ? '' : readFileSync(file, 'utf8')
}
