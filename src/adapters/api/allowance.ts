/** How often something may be asked for that costs: so often at once, then so often a second, and the rest waits or is refused. */

import grpc from '@grpc/grpc-js'
import type { Clock } from '../../ports/clock.ts'
import { Refused } from './answer.ts'

export interface Rate {
  readonly burst: number
  readonly perSecond: number
  /** How many wait for their turn at most. */
  readonly waiting: number
}

/** Resolves when it is one's turn. Rejects where too many wait. */
export type Turn = () => Promise<void>

export function turnsBy({ burst, perSecond, waiting }: Rate, clock: Clock): Turn {
  let left = burst
  let at = clock.now()
  return () => {
    const now = clock.now()
    left = Math.min(burst, left + ((now - at) / 1_000) * perSecond)
    at = now
    if (left - 1 < -waiting)
      return Promise.reject(new Refused(grpc.status.RESOURCE_EXHAUSTED, 'too-many-callers', text))
    left -= 1
    if (left >= 0) return Promise.resolve()
    const waitMs = (-left / perSecond) * 1_000
    return new Promise((resolve) => clock.schedule(now + waitMs, resolve))
  }
}

const text = 'too many questions at once: ask again in a few seconds'
