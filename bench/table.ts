/** Reports as one table for people. */

import type { Comparison, Figure, Report } from './benchmark.ts'

const heading = ['', 'median', 'p99', 'n', 'other', 'ratio', 'goal']

export function tableOf(reports: Readonly<Record<string, Report>>): string {
  const lines: string[] = []
  const rows = Object.values(reports).flatMap(({ figures }) => figures.map(cellsOf))
  const widths = heading.map((word, column) =>
    Math.max(word.length, ...rows.map((cells) => cells[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return column === 0 || column === cells.length - 1
          ? cell.padEnd(width)
          : cell.padStart(width)
      })
      .join('  ')
      .trimEnd()
  lines.push(line(heading))
  for (const [name, { figures, notes }] of Object.entries(reports)) {
    lines.push('', name)
    for (const each of figures) lines.push(line(cellsOf(each)))
    for (const note of notes) lines.push(`  * ${note}`)
  }
  return lines.join('\n')
}

function cellsOf({ what, unit, median, p99, samples, against, goal }: Figure): string[] {
  return [
    `  ${what}`,
    `${number(median)} ${unit === 'count' ? '' : unit}`.trim(),
    p99 === undefined ? '' : number(p99),
    String(samples),
    against === undefined ? '' : `${pair(against.median, against.p99)} ${against.what}`,
    against === undefined ? '' : ratios(against),
    goal === undefined ? '' : `${goal.text}: ${goal.met ? 'met' : 'MISSED'}`,
  ]
}

const pair = (middle: number, high: number | undefined): string =>
  high === undefined ? number(middle) : `${number(middle)} (p99 ${number(high)})`

const ratios = ({ ratio, ratioOfP99 }: Comparison): string =>
  ratioOfP99 === undefined
    ? `${ratio.toFixed(2)}x`
    : `${ratio.toFixed(2)}x (p99 ${ratioOfP99.toFixed(2)}x)`

/** Three digits that mean something. */
const number = (value: number): string =>
  value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(3)
