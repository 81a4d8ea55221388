/** One connection between two processes; each end learns of its end on its own. */

import type { Millis } from '../../src/core/rng.ts'
import type { Station } from './station.ts'

export class Connection {
  readonly #ends: readonly [Station, Station]
  readonly #open: Set<Station>
  readonly #lastArrival = new Map<Station, Millis>()

  constructor(dialler: Station, listener: Station) {
    this.#ends = [dialler, listener]
    this.#open = new Set(this.#ends)
  }

  other = (station: Station): Station => (this.#ends[0] === station ? this.#ends[1] : this.#ends[0])

  isOpen(end: Station): boolean {
    return this.#open.has(end)
  }

  /** This end learns that the connection is gone. */
  close(end: Station): void {
    if (this.#open.delete(end)) end.closed(this)
  }

  /** When what would arrive at `at` arrives, behind everything that was sent in order before it. */
  inOrder(receiver: Station, at: Millis): Millis {
    const arrival = Math.max(at, this.#lastArrival.get(receiver) ?? 0)
    this.#lastArrival.set(receiver, arrival)
    return arrival
  }
}
