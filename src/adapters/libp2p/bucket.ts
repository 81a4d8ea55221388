/** An allowance that is used up at once or little by little, and comes back with time. */

import type { Millis } from '../../core/rng.ts'

export interface Rate {
  /** What may be used at once. */
  readonly burst: number
  /** What comes back each minute. */
  readonly perMinute: number
}

const minuteMs = 60_000

export class Bucket {
  #rate: Rate
  #left: number
  #at: Millis

  constructor(rate: Rate, now: Millis) {
    this.#rate = rate
    this.#left = rate.burst
    this.#at = now
  }

  /** Of what is left a change of rates takes nothing. */
  set rate(rate: Rate) {
    this.#rate = rate
  }

  /** Whether there was enough; nothing is used otherwise. */
  use(amount: number, now: Millis): boolean {
    this.#refill(now)
    if (this.#left < amount) return false
    this.#left -= amount
    return true
  }

  /** Uses what was consumed already: how many ms to wait until it is made up for. */
  owe(amount: number, now: Millis): Millis {
    this.#refill(now)
    this.#left -= amount
    return this.#left >= 0 ? 0 : (-this.#left / this.#rate.perMinute) * minuteMs
  }

  #refill(now: Millis): void {
    const { burst, perMinute } = this.#rate
    const back = ((now - this.#at) / minuteMs) * perMinute
    this.#left = Math.min(burst, this.#left + Math.max(0, back))
    this.#at = now
  }
}
