/** Waits until an agent has converged, prodding it to compare digests meanwhile. */

import type { Clock } from '../../ports/clock.ts'
import type { Operator } from '../../ports/operator.ts'

export interface Waits {
  /** Resolves when converged, at the timeout or when `signal` aborts. */
  converged(timeoutMs: number, signal: AbortSignal): Promise<void>
}

/** All waits of one agent share their probes. */
export function convergenceWaits(operator: Operator, clock: Clock): Waits {
  const probe = limitedProbe(operator, clock)
  return {
    converged: (timeoutMs, signal) =>
      new Promise((resolve) => {
        const endsAt = clock.now() + timeoutMs
        let cancelTick = (): void => {}
        let tickAt = Number.POSITIVE_INFINITY
        const tickIn = (delayMs: number): void => {
          const at = Math.min(clock.now() + delayMs, endsAt)
          if (at >= tickAt) return
          cancelTick()
          tickAt = at
          cancelTick = clock.schedule(at, tick)
        }
        const tick = (): void => {
          tickAt = Number.POSITIVE_INFINITY
          if (operator.view().convergence.converged || clock.now() >= endsAt) {
            finish()
          } else {
            probe()
            tickIn(probeEveryMs)
          }
        }
        const finish = (): void => {
          cancelTick()
          unwatch()
          signal.removeEventListener('abort', finish)
          resolve()
        }
        // A burst of notes costs one look at the view, which is not free in a large cluster.
        const unwatch = operator.watch(() => tickIn(noteDelayMs))
        signal.addEventListener('abort', finish)
        if (signal.aborted) finish()
        else tick()
      }),
  }
}

const probeEveryMs = 250
const noteDelayMs = 20

/** However many callers wait, one probe is under way at a time, and one per interval. */
function limitedProbe(operator: Operator, clock: Clock): () => void {
  let lastAt = Number.NEGATIVE_INFINITY
  let running = false
  return () => {
    if (running || clock.now() - lastAt < probeEveryMs) return
    lastAt = clock.now()
    running = true
    void operator.command({ type: 'probe' }).finally(() => {
      running = false
    })
  }
}
