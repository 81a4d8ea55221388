/** A monotonic clock that does not run as the world's does. */

import type { Millis } from '../../src/core/rng.ts'

export class HostClock {
  readonly #since: Millis
  readonly #start: Millis
  readonly #rate: number

  constructor(since: Millis, { start, rate }: { readonly start: Millis; readonly rate: number }) {
    this.#since = since
    this.#start = start
    this.#rate = rate
  }

  at(worldMs: Millis): Millis {
    return this.#start + (worldMs - this.#since) * this.#rate
  }

  worldAt(at: Millis): Millis {
    return this.#since + (at - this.#start) / this.#rate
  }
}
