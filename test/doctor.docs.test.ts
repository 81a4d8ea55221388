/** docs/doctor.md lists every line of the doctor as the table of checks has it. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { checks, groups } from '../src/cli/doctor/checks.ts'

const path = new URL('../docs/doctor.md', import.meta.url)

test('the lines of the documentation are what the table of checks generates', () => {
  const text = readFileSync(path, 'utf8')
  const [, before = '', , after = ''] =
    /^([\s\S]*<!-- generated[^\n]*\n)([\s\S]*)(<!-- end -->[\s\S]*)$/.exec(text) ?? []
  assert.notEqual(before, '')
  const renewed = `${before}${tables()}${after}`
  if (process.env.UPDATE_DOCS) writeFileSync(path, renewed)
  else assert.equal(text, renewed, 'run this test with UPDATE_DOCS=1')
})

function tables(): string {
  return groups
    .map((group) => {
      const rows = checks
        .filter((check) => check.group === group)
        .map(({ code, reads, wrong, mend }) => `| \`${code}\` | ${reads} | ${wrong} | ${mend} |`)
      return [
        `\n### ${group}\n`,
        '| code | looks at | warns or fails | mend |',
        '| --- | --- | --- | --- |',
        ...rows,
        '',
      ].join('\n')
    })
    .join('')
}
