/** An event in words: for `watch` with what to do, for `top` in one line. */

import type { EventMessage } from '../adapters/api/definition.ts'
import { printable } from '../core/printable.ts'
import { paint, wrap } from './layout.ts'

export function eventText({ time, level, message, mend, dropped }: EventMessage): string {
  const clock = localTime(time)
  const word = level.toUpperCase().padEnd(5)
  const margin = ' '.repeat(clock.length + word.length + 2)
  const [first = '', ...rest] = wrap(margin, message)
  const lines = [
    `${paint('dim', clock)} ${paint(colours.get(level), word)} ${first.slice(margin.length)}`,
    ...rest,
  ]
  if (mend !== '') lines.push(...wrap(`${margin}-> `, mend))
  return [...droppedLines(time, dropped), ...lines].join('\n')
}

/** Details are left out. */
export function eventLines({ time, level, message, dropped }: EventMessage): string[] {
  const word = paint(colours.get(level), level.toUpperCase().padEnd(5))
  const line = `${paint('dim', localTime(time))} ${word} ${printable(message)}`
  return [...droppedLines(time, dropped), ...(level === 'debug' ? [] : [line])]
}

const droppedLines = (time: string, dropped: number): string[] =>
  dropped === 0 ? [] : [`${localTime(time)} ${paint('red', `${dropped} events were dropped here`)}`]

const colours: ReadonlyMap<string, 'red' | 'yellow' | 'green'> = new Map([
  ['error', 'red'],
  ['warn', 'yellow'],
  ['info', 'green'],
])

/** The wall clock of the person who watches, to the millisecond. */
function localTime(time: string): string {
  const at = new Date(time)
  if (Number.isNaN(at.getTime())) return printable(time)
  const parts = [at.getHours(), at.getMinutes(), at.getSeconds()]
  const hoursToSeconds = parts.map((part) => `${part}`.padStart(2, '0')).join(':')
  return `${hoursToSeconds}.${`${at.getMilliseconds()}`.padStart(3, '0')}`
}
