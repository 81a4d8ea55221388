/** One connection between two processes; each end learns of its end on its own. */

import type { Millis } from '../../src/core/rng.ts'

/** Told when its end of a connection is closed. */
interface End<Self extends End<Self>> {
  closed(connection: Connection<Self>): void
}

export class Connection<E extends End<E>> {
  readonly #ends: readonly [E, E]
  readonly #open: Set<E>
  /** Ends at which signs of life do not arrive. */
  readonly #silent = new Set<E>()
  readonly #lastArrival = new Map<E, Millis>()

  constructor(dialler: E, listener: E) {
    this.#ends = [dialler, listener]
    this.#open = new Set(this.#ends)
  }

  other = (end: E): E => (this.#ends[0] === end ? this.#ends[1] : this.#ends[0])

  isOpen(end: E): boolean {
    return this.#open.has(end)
  }

  /** False: it is silent at this end already. */
  fallsSilent(end: E): boolean {
    const isNew = !this.#silent.has(end)
    this.#silent.add(end)
    return isNew
  }

  isSilent(end: E): boolean {
    return this.#silent.has(end)
  }

  speaks(end: E): void {
    this.#silent.delete(end)
  }

  /** This end learns that the connection is gone. */
  close(end: E): void {
    if (this.#open.delete(end)) end.closed(this)
  }

  /** When what would arrive at `at` arrives, behind everything that was sent in order before it. */
  inOrder(receiver: E, at: Millis): Millis {
    const arrival = Math.max(at, this.#lastArrival.get(receiver) ?? 0)
    this.#lastArrival.set(receiver, arrival)
    return arrival
  }
}
