/** How long a kind of work took, counted by upper bounds: plain numbers that only grow. */

import type { Millis } from '../core/rng.ts'

export interface Durations {
  /** Ascending. */
  readonly boundsMs: readonly Millis[]
  /** How often it took at most the bound of the same place, and more than the one before; the last: more than all. */
  readonly counts: number[]
  sumMs: Millis
}

export const noDurations = (boundsMs: readonly Millis[]): Durations => ({
  boundsMs,
  counts: [...boundsMs, Number.POSITIVE_INFINITY].map(() => 0),
  sumMs: 0,
})

export function addDuration(durations: Durations, tookMs: Millis): void {
  const place = durations.boundsMs.findIndex((bound) => tookMs <= bound)
  const index = place < 0 ? durations.boundsMs.length : place
  durations.counts[index] = (durations.counts[index] ?? 0) + 1
  durations.sumMs += tookMs
}
