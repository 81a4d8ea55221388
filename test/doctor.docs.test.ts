/** docs/doctor.md lists every line of the doctor as the table of checks has it. */

import { test } from 'node:test'
import { checks, groups } from '../src/cli/doctor/checks.ts'
import { assertGenerated } from './generated.ts'

const path = new URL('../docs/doctor.md', import.meta.url)

test('the lines of the documentation are what the table of checks generates', () => {
  assertGenerated(path, tables())
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
