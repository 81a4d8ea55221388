/** Virtual time: everything that happens in a simulation is planned here and happens one after the other. */

import { invariant } from '../../src/core/invariant.ts'
import type { Millis } from '../../src/core/rng.ts'
import { Agenda } from './agenda.ts'
import { Random } from './random.ts'
import { Trace } from './trace.ts'

/** More than any scenario needs: what exceeds it goes round in circles. */
const happeningsMax = 200_000_000

export class World {
  readonly random: Random
  readonly trace: Trace
  readonly #agenda = new Agenda()
  #now: Millis = 0
  #seq = 0

  constructor(seed: number, trace: Trace = new Trace()) {
    this.random = new Random(seed)
    this.trace = trace
  }

  get now(): Millis {
    return this.#now
  }

  /** How many things happened or are planned. */
  get happenings(): number {
    return this.#seq
  }

  /** Times are whole microseconds, so that they print the same everywhere. */
  plan(at: Millis, action: () => void): void {
    this.#seq += 1
    invariant(this.#seq < happeningsMax, 'a simulation comes to an end')
    this.#agenda.add({
      at: Math.max(this.#now, Math.ceil(at * 1000) / 1000),
      seq: this.#seq,
      action,
    })
  }

  after(delayMs: Millis, action: () => void): void {
    this.plan(this.#now + delayMs, action)
  }

  runFor(durationMs: Millis): void {
    const end = this.#now + durationMs
    for (let next = this.#agenda.first; next && next.at <= end; next = this.#agenda.first) {
      this.#agenda.take()
      this.#now = next.at
      next.action()
    }
    this.#now = end
  }

  /** Looks every `everyMs` whether it is `done`; false: it was not within `withinMs`. */
  runUntil(
    done: () => boolean,
    limits: { readonly withinMs: Millis; readonly everyMs: Millis },
  ): boolean {
    const end = this.#now + limits.withinMs
    while (!done()) {
      if (this.#now >= end) return false
      this.runFor(Math.min(limits.everyMs, end - this.#now))
    }
    return true
  }
}
