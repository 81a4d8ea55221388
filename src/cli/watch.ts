/** `starling watch`: the agent's events as they happen. */

import type { EventMessage } from '../adapters/api/definition.ts'
import { eventText } from './event-text.ts'
import { exitCode } from './exit-code.ts'
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
