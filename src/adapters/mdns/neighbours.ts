/** Who was heard lately, at most so many; beyond them newcomers are not remembered. */

import type { Neighbour } from '../../core/event.ts'
import type { Millis } from '../../core/rng.ts'

/** A cluster is joined by any one of its nodes. */
const neighboursMax = 64
/** Agents of one host: who says ever new ports takes no places of others. */
const ofAddressMax = 4

export class Neighbours {
  readonly #heard = new Map<string, { readonly neighbour: Neighbour; readonly until: Millis }>()

  /** Returns whether that is news. */
  heard(neighbour: Neighbour, forMs: number, now: Millis): boolean {
    const key = neighbourText(neighbour)
    if (forMs <= 0) return this.#heard.delete(key)
    const isNew = !this.#heard.has(key)
    if (isNew && !this.#hasRoom(neighbour)) return false
    this.#heard.set(key, { neighbour, until: now + forMs })
    return isNew
  }

  /** Returns whether anybody was forgotten. */
  forget(now: Millis): boolean {
    const before = this.#heard.size
    for (const [key, { until }] of this.#heard) if (until <= now) this.#heard.delete(key)
    return this.#heard.size < before
  }

  clear(): void {
    this.#heard.clear()
  }

  get all(): Neighbour[] {
    return [...this.#heard.values()].map(({ neighbour }) => neighbour)
  }

  #hasRoom({ address }: Neighbour): boolean {
    const beside = this.all.filter((other) => other.address === address)
    return this.#heard.size < neighboursMax && beside.length < ofAddressMax
  }
}

const neighbourText = ({ address, port }: Neighbour): string => `${address} ${port}`
