/** docs/events.md says of every code what the tables of codes say. */

import assert from 'node:assert/strict'
import { describe as suite, test } from 'node:test'
import type { SocketError } from '../src/adapters/api/socket.ts'
import type { StoreErrorCode } from '../src/adapters/store/store-error.ts'
import type { Code } from '../src/core/codes/code.ts'
import { codes, factsOf, levelsOf, topics } from '../src/core/codes/codes.ts'
import { type FailureCode, failures } from '../src/core/codes/failures.ts'
import { describe } from '../src/core/describe.ts'
import { problemCodes } from '../src/core/problem.ts'
import { assertGenerated } from './generated.ts'

const path = new URL('../docs/events.md', import.meta.url)

/** The compiler sees that the failures of a start are among them. */
export type OfStart = Known<SocketError['code'] | StoreErrorCode>
type Known<C extends FailureCode> = C

suite('docs/events.md', () => {
  test('is what the tables of codes generate', () => {
    assertGenerated(path, `\n${reference()}\n`)
  })
})

suite('the tables of codes', () => {
  test('have every code under one topic', () => {
    const listed = [...topics.values()].flatMap((those) => [...those.keys()])
    assert.deepEqual(listed.sort(), Object.keys(codes).sort())
  })

  test('say each in sentences, and what to do about each problem', () => {
    for (const [name, { meaning, examples }] of [...topics.values()].flatMap((of) => [...of])) {
      assert.match(meaning, /^[A-Z].*\.$/, name)
      for (const note of examples) {
        const { mend } = describe(note)
        const isProblem = problemCodes.some((code) => code === name)
        assert.ok(mend !== '' || !isProblem, `${name} has no mend`)
      }
    }
    for (const [name, { meaning, mend }] of Object.entries(failures)) {
      assert.match(meaning, /^[A-Z].*\.$/, name)
      assert.match(mend, /\.$/, name)
    }
  })
})

const reference = (): string =>
  [
    ...[...topics].flatMap(([title, those]) => [
      `## ${title}`,
      '',
      ...[...those].flatMap(([name, code]) => entry(name, code)),
    ]),
    '## Failures',
    '',
    'A command that fails says why in one line, and with `--json` adds the code (`error.code`). Calls of the API carry it in the trailer `starling-code`, and an agent that cannot start logs it.',
    '',
    '| code | meaning | what to do |',
    '| --- | --- | --- |',
    ...Object.entries(failures).map(
      ([name, { meaning, mend }]) => `| \`${name}\` | ${meaning} | ${mend} |`,
    ),
    '',
  ].join('\n')

function entry(name: string, code: Code): string[] {
  const levels = levelsOf(code).map((level) => `\`${level}\``)
  const stands = problemCodes.some((each) => each === name)
    ? `, stands in status: [what to do](operations.md#${name})`
    : ''
  const facts = factsOf(code).map((fact) => `\`${fact}\``)
  return [
    `### \`${name}\``,
    '',
    `${levels.join(' or ')}${stands}. ${code.meaning}`,
    '',
    ...code.examples.flatMap((note) => {
      const { message, mend } = describe(note)
      return [`    ${message}`, ...(mend === '' ? [] : [`    -> ${mend}`])]
    }),
    '',
    ...(facts.length > 0 ? [`Facts: ${facts.join(', ')}`, ''] : []),
  ]
}
