/** Time that moves only when a test moves it. */

import type { Clock } from '../../../src/ports/clock.ts'

export class FakeClock implements Clock {
  #now = 0
  readonly #timers = new Set<{ at: number; callback: () => void }>()

  now(): number {
    return this.#now
  }

  schedule(at: number, callback: () => void): () => void {
    const timer = { at, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Lets every timer fire at its time, and what it started come to rest. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0]
      if (!next || next.at > end) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.callback()
    }
    this.#now = end
  }

  /** The process does nothing for this long, then every timer that is due fires late. */
  async stall(ms: number): Promise<void> {
    this.#now += ms
    await this.advance(0)
  }
}
