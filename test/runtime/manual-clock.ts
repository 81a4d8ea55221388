/** A clock that moves only when told to. */

import type { Millis } from '../../src/core/rng.ts'
import type { Clock } from '../../src/ports/clock.ts'

export class ManualClock implements Clock {
  #now: Millis = 0
  #timers: { readonly at: Millis; readonly callback: () => void }[] = []

  now(): Millis {
    return this.#now
  }

  schedule(at: Millis, callback: () => void): () => void {
    const timer = { at, callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** When each timer that is armed will fire. */
  get armed(): Millis[] {
    return this.#timers.map(({ at }) => at)
  }

  pass(ms: Millis): void {
    this.#now += ms
    const due = this.#timers.filter(({ at }) => at <= this.#now)
    this.#timers = this.#timers.filter(({ at }) => at > this.#now)
    for (const { callback } of due) callback()
  }
}
