/** docs/operations.md has a section for every problem that `starling status` can name, in the words that it has there. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe as suite, test } from 'node:test'
import type { Inability } from '../src/adapters/host/abilities.ts'
import { codeNamed } from '../src/core/codes/codes.ts'
import { describe } from '../src/core/describe.ts'
import type { Note } from '../src/core/note.ts'
import { problemCodes } from '../src/core/problem.ts'
import { assertPage } from './generated.ts'

const inabilities: Readonly<Record<Inability['code'], true>> = {
  'see-namespaces': true,
  'see-processes': true,
}

const path = new URL('../docs/operations.md', import.meta.url)

suite('the problems of docs/operations.md', () => {
  test('are those that status can name, by their codes in alphabetical order', () => {
    assert.deepEqual([...sections().keys()], [...problemCodes].sort())
  })

  test('are quoted as status says them', () => {
    const page = readFileSync(path, 'utf8')
    const renewed = page.replace(
      /^(### `([a-z-]+)`\n\n)(?:(?: {4}.*\n)+\n)?/gm,
      (whole, heading: string, code: string) => {
        const examples = codeNamed(code)?.examples
        return examples ? `${heading}${examples.map(quoted).join('')}\n` : whole
      },
    )
    assertPage(path, renewed)
  })

  test('each have a cause, and commands that check and mend', () => {
    for (const [code, text] of sections()) {
      const entries = [...text.matchAll(/^- (Cause|Check|Mend): (.+)$/gm)]
      const lines = new Map(entries.map(([, label, line]) => [label, line ?? '']))
      assert.deepEqual([...lines.keys()], ['Cause', 'Check', 'Mend'], code)
      assert.match(lines.get('Check') ?? '', /`[^`]+`/, `${code}: a command that checks`)
    }
  })

  test('are followed by what status says that the agent cannot do', () => {
    const page = readFileSync(path, 'utf8')
    for (const code of Object.keys(inabilities)) assert.ok(page.includes(`| \`${code}\` |`), code)
  })
})

function quoted(note: Note): string {
  const { level, message, mend } = describe(note)
  const mark = level === 'error' ? 'error' : 'warning'
  return `    ${mark.padEnd(8)} ${message} [${note.code}]\n${' '.repeat(13)}-> ${mend}\n`
}

function sections(): Map<string, string> {
  const [, ...found] = readFileSync(path, 'utf8').split(/^### `/m)
  return new Map(
    found.map((text) => [text.slice(0, text.indexOf('`')), text.split(/^## /m)[0] ?? '']),
  )
}
