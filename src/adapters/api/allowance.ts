/** How often something may be asked for that costs: so often at once, then so often a second, and the rest waits or is refused. */

import type { Clock } from '../../ports/clock.ts'

export interface Rate {
  readonly burst: number
  readonly perSecond: number
  /** How many wait for their turn at most. */
  readonly waiting: number
}

/** Resolves when it is one's turn. False: too many wait. */
export type Turn = () => Promise<boolean>

export function turnsBy({ burst, perSecond, waiting }: Rate, clock: Clock): Turn {
  let left = burst
  let at = clock.now()
  return () => {
    const now = clock.now()
    left = Math.min(burst, left + ((now - at) / 1_000) * perSecond)
    at = now
    if (left - 1 < -waiting) return Promise.resolve(false)
    left -= 1
    if (left >= 0) return Promise.resolve(true)
    const waitMs = (-left / perSecond) * 1_000
    return new Promise((resolve) => clock.schedule(now + waitMs, () => resolve(true)))
  }
}
