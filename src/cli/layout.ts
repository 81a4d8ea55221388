/** Lays out text for a terminal: aligned columns, wrapped sentences, nothing wider than the screen. */

import { styleText } from 'node:util'
import { printable } from '../core/printable.ts'

type Format = Parameters<typeof styleText>[0]

export interface Column<Row> {
  readonly title: string
  readonly text: (row: Row) => string
  readonly format?: (row: Row) => Format | undefined
  /** The least width that it may be shortened to, and which end is kept; absent: it is never shortened. */
  readonly shorten?: { readonly to: number; readonly keep: 'start' | 'end' }
}

/** At most 120 columns, so that lines stay readable in logs and mails too. */
const screenWidth = (): number =>
  Math.max(60, Math.min(120, process.stdout.isTTY ? process.stdout.columns || 120 : 120))

/** Colour on a terminal alone, and never against NO_COLOR. */
export const paint = (format: Format | undefined, text: string): string =>
  format === undefined ? text : styleText(format, text, { stream: process.stdout })

export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string[] {
  const cells = rows.map((row) => columns.map((column) => printable(column.text(row))))
  const widths = fit(
    columns,
    columns.map(({ title }, index) =>
      Math.max(title.length, ...cells.map((line) => line[index]?.length ?? 0)),
    ),
  )
  const line = (texts: readonly string[], format: (index: number) => Format | undefined): string =>
    texts
      .map((text, index) => {
        const width = widths[index] ?? 0
        const short = shorten(text, width, columns[index]?.shorten?.keep ?? 'start')
        const gap = index === columns.length - 1 ? '' : ' '.repeat(width - short.length + 2)
        return `${paint(format(index), short)}${gap}`
      })
      .join('')
      .trimEnd()
  return [
    line(
      columns.map(({ title }) => title),
      () => 'dim',
    ),
    ...cells.map((texts, at) => line(texts, (index) => columns[index]?.format?.(rows[at] as Row))),
  ]
}

/** `text` in lines that start with `first` and then with as much space. */
export function wrap(first: string, text: string): string[] {
  const width = screenWidth() - first.length
  const lines: string[] = []
  let line = ''
  for (const word of printable(text).split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  lines.push(line)
  return lines.map((each, index) => `${index === 0 ? first : ' '.repeat(first.length)}${each}`)
}

/** One fact a row, behind its label; empty ones are left out. */
export function factLines(rows: readonly (readonly [label: string, text: string])[]): string[] {
  return rows
    .filter(([, text]) => text !== '')
    .flatMap(([label, text]) => {
      const [first = '', ...rest] = wrap(label.padEnd(labelWidth), text)
      return [`${paint('dim', label.padEnd(labelWidth))}${first.slice(labelWidth)}`, ...rest]
    })
}

const labelWidth = 11

/** One by one off the widest column that may be shortened, until all fit. */
function fit<Row>(columns: readonly Column<Row>[], natural: readonly number[]): number[] {
  const widths = [...natural]
  const spare = screenWidth() - 2 * (columns.length - 1)
  for (let over = widths.reduce((sum, width) => sum + width, 0) - spare; over > 0; over -= 1) {
    let widest = -1
    for (const [index, { shorten: may }] of columns.entries()) {
      const width = widths[index] ?? 0
      if (may && width > may.to && width > (widths[widest] ?? 0)) widest = index
    }
    if (widest < 0) break
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

function shorten(text: string, width: number, keep: 'start' | 'end'): string {
  if (text.length <= width) return text
  return keep === 'start' ? `${text.slice(0, width - 1)}…` : `…${text.slice(1 - width)}`
}
