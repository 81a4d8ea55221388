/** docs/configuration.md says of every setting what the table of settings says. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type FieldKey, fieldKeys, fields } from '../src/config/fields.ts'
import { flagOf, variableOf } from '../src/config/names.ts'
import { assertGenerated } from './generated.ts'

const path = new URL('../docs/configuration.md', import.meta.url)

test('the documentation of settings is what the table of settings generates', () => {
  assertGenerated(path, `\n${reference()}\n`)
})

test('the documentation names every setting in its three spellings', () => {
  const text = readFileSync(path, 'utf8')
  for (const key of fieldKeys) {
    for (const name of [key, flagOf(key), variableOf(key)]) {
      assert.ok(text.includes(`\`${name}\``), `${name} is missing`)
    }
  }
})

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
