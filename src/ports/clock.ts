/** Time, passed in so that a simulator can own it. */

import type { Millis } from '../core/rng.ts'

export interface Clock {
  /** Monotonic; never goes back, does not jump with the wall clock. */
  now(): Millis
  /** Calls back once at or after `at`; returns how to cancel. */
  schedule(at: Millis, callback: () => void): () => void
}
