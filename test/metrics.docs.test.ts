/** docs/metrics.md says of every metric and every alert what the code and the rules say. */

import { test } from 'node:test'
import type { Metric } from '../src/adapters/web/metric.ts'
import { metricGroups } from '../src/adapters/web/metrics-table.ts'
import { alertRules } from './deploy/alert-rules.ts'
import { assertGenerated } from './generated.ts'

const path = new URL('../docs/metrics.md', import.meta.url)

for (const [what, make] of [
  ['metrics', metricTables],
  ['alerts', alertTable],
] as const) {
  test(`the documentation of ${what} is what they say of themselves`, () => {
    assertGenerated(path, make(), `: ${what}`)
  })
}

function metricTables(): string {
  return Object.entries(metricGroups)
    .flatMap(([group, metrics]) => [
      `### ${group}`,
      '',
      '| name | type | labels | meaning |',
      '| --- | --- | --- | --- |',
      ...metrics.map(
        (metric) =>
          `| \`${metric.name}\` | ${metric.type} | ${labelsOf(metric)} | ${metric.help} |`,
      ),
      '',
    ])
    .join('\n')
}

const labelsOf = ({ labels }: Metric): string =>
  Object.entries(labels)
    .map(([label, values]) => {
      const text =
        typeof values === 'string' ? values : values.map((each) => `\`${each}\``).join(', ')
      return `\`${label}\`: ${text}`
    })
    .join('<br>')

function alertTable(): string {
  const rows = alertRules.map(({ alert, for: lasting, labels, annotations }) => {
    // As it reads before it is about anything.
    const plain = (text: string) =>
      text.replace(/\{\{ *\$(?:labels[.])?(\w+).*?\}\}/g, (_, name: string) => name.toUpperCase())
    return `| \`${alert}\` | ${labels.severity}, after ${lasting} | ${plain(annotations.summary)} | ${plain(annotations.runbook)} |`
  })
  return [
    '| alert | severity | says | what to do |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}
