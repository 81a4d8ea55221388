/** Streams notes to callers, each through a bounded queue of its own. */

import type { EventEmitter } from 'node:events'
import type { Operator } from '../../ports/operator.ts'
import type { Noted } from '../../ports/telemetry.ts'
import type { EventMessage } from './definition.ts'
import { eventMessage } from './messages.ts'

/** The part of a gRPC stream that is used here. */
export interface EventStream extends EventEmitter {
  write(message: EventMessage): boolean
  end(): void
}

/** Writes those of `earlier` and then every note to `stream` until the returned function is called. */
export function streamNotes(
  operator: Operator,
  stream: EventStream,
  earlier: readonly Noted[] = [],
): () => void {
  // At the bound the oldest goes, and the next event that is sent says how many went.
  const queue = [...earlier]
  const lengthMax = queue.length + queueLengthMax
  let dropped = 0
  let writable = true
  const flush = (): void => {
    while (writable) {
      const next = queue.shift()
      if (!next) return
      writable = stream.write(eventMessage(next.note, next.timeMs, dropped))
      dropped = 0
    }
  }
  stream.on('drain', () => {
    writable = true
    flush()
  })
  flush()
  return operator.watch((note) => {
    if (queue.length >= lengthMax) {
      queue.shift()
      dropped += 1
    }
    queue.push({ note, timeMs: Date.now() })
    flush()
  })
}

const queueLengthMax = 256
