/** docs/configuration.md says of every setting what the table of settings says. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { type FieldKey, fieldKeys, fields } from '../src/config/fields.ts'
import { flagOf, variableOf } from '../src/config/names.ts'

const path = new URL('../docs/configuration.md', import.meta.url)

test('the documentation of settings is what the table of settings generates', () => {
  const [before, generated, after] = parts(readFileSync(path, 'utf8'))
  if (process.env.UPDATE_DOCS) writeFileSync(path, `${before}\n${reference()}\n${after}`)
  else assert.equal(generated.trim(), reference().trim(), 'run this test with UPDATE_DOCS=1')
})

test('the documentation names every setting in its three spellings', () => {
  const text = readFileSync(path, 'utf8')
  for (const key of fieldKeys) {
    for (const name of [key, flagOf(key), variableOf(key)]) {
      assert.ok(text.includes(`\`${name}\``), `${name} is missing`)
    }
  }
})

function parts(text: string): [string, string, string] {
  const start = text.indexOf('\n', text.indexOf('<!-- generated'))
  const end = text.indexOf('<!-- end -->')
  assert.ok(start > 0 && end > start)
  return [text.slice(0, start + 1), text.slice(start, end), text.slice(end)]
}

function reference(): string {
  const lines: string[] = []
  let group = ''
  for (const key of fieldKeys) {
    if (fields[key].group !== group) {
      group = fields[key].group
      lines.push(`### ${group}`, '')
    }
    lines.push(...entry(key))
  }
  return lines.join('\n')
}

function entry(key: FieldKey): string[] {
  const { about, trade, bounds, unit, list, defaultText } = fields[key]
  const written = fields[key].default({ hostname: '' }).join(', ')
  const usual = defaultText || (written === '' ? 'none' : `\`${written}\``)
  return [
    `#### \`${key}\``,
    '',
    `\`${flagOf(key)}\`, \`${variableOf(key)}\``,
    '',
    `${about}${trade === '' ? '' : ` ${trade}`}`,
    '',
    `- Default: ${usual}${unit === '' ? '' : ` (${unit})`}${list ? '; a list' : ''}`,
    `- Bounds: ${bounds}`,
    '',
  ]
}
