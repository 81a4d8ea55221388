/** `starling watch`: the agent's events as they happen. */

import type { EventMessage } from '../adapters/api/definition.ts'
import { exitCode } from './exit-code.ts'
import { paint, wrap } from './layout.ts'
import { type Shared, withAgent } from './session.ts'

export interface WatchOptions extends Shared {
  /** So many of the events before this moment. */
  readonly last: number
}

export const watch = (shared: WatchOptions): Promise<number> =>
  withAgent(shared, async (agent) => {
    const stopped = new AbortController()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => stopped.abort())
    }
    await agent.watch(
      stopped.signal,
      () => console.error(`watching ${shared.socket}; Ctrl-C stops`),
      (event) => console.log(shared.json ? eventJson(event) : eventText(event)),
      { last: shared.last },
    )
    return exitCode.fine
  })

/** One line for each event. */
export function eventJson({ fields, ...event }: EventMessage): string {
  return JSON.stringify({ ...event, fields: JSON.parse(fields) as unknown })
}

function eventText({ time, level, message, mend, dropped }: EventMessage): string {
  const clock = localTime(time)
  const word = level.toUpperCase().padEnd(5)
  const margin = ' '.repeat(clock.length + word.length + 2)
  const [first = '', ...rest] = wrap(margin, message)
  const lines = [
    `${paint('dim', clock)} ${paint(colours.get(level), word)} ${first.slice(margin.length)}`,
    ...rest,
  ]
  if (mend !== '') lines.push(...wrap(`${margin}-> `, mend))
  if (dropped > 0) lines.unshift(`${clock} ${paint('red', `${dropped} events were dropped here`)}`)
  return lines.join('\n')
}

const colours: ReadonlyMap<string, 'red' | 'yellow' | 'green'> = new Map([
  ['error', 'red'],
  ['warn', 'yellow'],
  ['info', 'green'],
])

/** The wall clock of the person who watches, to the millisecond. */
function localTime(time: string): string {
  const at = new Date(time)
  if (Number.isNaN(at.getTime())) return time
  const parts = [at.getHours(), at.getMinutes(), at.getSeconds()]
  const hoursToSeconds = parts.map((part) => `${part}`.padStart(2, '0')).join(':')
  return `${hoursToSeconds}.${`${at.getMilliseconds()}`.padStart(3, '0')}`
}
