/** `starling top`: status and the last events, drawn again as they change. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../adapters/api/client.ts'
import type { StatusResponse } from '../adapters/api/definition.ts'
import { eventLines } from './event-text.ts'
import { exitCode } from './exit-code.ts'
import { paint } from './layout.ts'
import { answerMs, type Shared, withAgent } from './session.ts'
import { statusText } from './status-text.ts'
import { openTerminal, type Terminal } from './terminal.ts'

export interface TopOptions extends Pick<Shared, 'socket'> {
  readonly once?: true
}

/** At most two draws a second, and one each two seconds where nothing is told. */
const drawMsMin = 500
const drawMsMax = 2_000
/** More than any terminal shows. */
const eventsMax = 200

export const top = (options: TopOptions): Promise<number> =>
  withAgent(options, async (agent) => {
    if (options.once || !process.stdout.isTTY) {
      console.log(statusText(await statusOf(agent)).join('\n'))
    } else await follow(agent)
    return exitCode.fine
  })

async function follow(agent: ApiClient): Promise<void> {
  const stopped = new AbortController()
  const { signal } = stopped
  const events: string[] = []
  let wake: () => void = () => undefined
  const terminal = openTerminal({ changed: () => wake(), quit: () => stopped.abort() })
  const watching = agent.watch(
    signal,
    () => undefined,
    (event) => {
      events.push(...eventLines(event))
      events.splice(0, events.length - eventsMax)
      wake()
    },
  )
  const drawing = async () => {
    while (!signal.aborted) {
      const news = new Promise<void>((resolve) => {
        wake = resolve
      })
      const state = await statusOf(agent)
      if (signal.aborted) return
      terminal.draw(frame(state, events, terminal))
      await pause(drawMsMin, signal)
      await Promise.race([news, pause(drawMsMax - drawMsMin, signal)])
    }
  }
  try {
    await Promise.all([watching, drawing()])
  } finally {
    stopped.abort()
    terminal.close()
  }
}

/** The events that still fit, the last one at the bottom. */
function frame(
  state: StatusResponse,
  events: readonly string[],
  { rows }: Pick<Terminal, 'rows'>,
): string[] {
  const lines = [...statusText(state), '', paint('dim', 'events since top runs; q quits')]
  const room = rows - lines.length
  return room > 0 ? [...lines, ...events.slice(-room)] : lines.slice(0, rows)
}

const statusOf = (agent: ApiClient): Promise<StatusResponse> =>
  agent.call('Status', { wait: false, timeoutMs: 0 }, answerMs)

/** Ends at once where it is stopped. */
const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => undefined)
