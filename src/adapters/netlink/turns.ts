/** Reads, writes and deliveries one after the other, so that what is delivered after an answer is news to it. */

export class Turns {
  #taken = false
  /** Bounded by the callers, each of which waits for its turn. */
  readonly #waiting: (() => void)[] = []

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#taken) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#taken = true
    try {
      return await work()
    } finally {
      // Later than the promises that wait for this answer: they learn it before the next delivery.
      setImmediate(() => this.#pass())
    }
  }

  /** At once where nobody has the turn. */
  deliver(work: () => void): void {
    if (!this.#taken) return work()
    this.#waiting.push(() => {
      work()
      this.#pass()
    })
  }

  #pass(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#taken = false
  }
}
