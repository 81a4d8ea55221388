/**
 * How the wall clocks of the peers differ from this host's. A clock that is far from most of the others' is not
 * believed, be it another's or the own one.
 */

import type { NodeId } from '../claim/record.ts'

/** Clocks of one cluster that differ by more are worth a word. */
const skewMsMax = 5_000

export class Clocks {
  /** Of the connected peers, in ms; positive: the peer's is ahead. */
  readonly #ahead = new Map<NodeId, number>()
  /** The median; undefined: something changed since. */
  #middle: number | undefined

  /** The first word of a connection counts. */
  heard(peer: NodeId, aheadMs: number): void {
    if (this.#ahead.has(peer)) return
    this.#ahead.set(peer, aheadMs)
    this.#middle = undefined
  }

  disconnected(peer: NodeId): void {
    this.#ahead.delete(peer)
    this.#middle = undefined
  }

  /** How far the own clock is ahead of most of those that are known, itself included; 0 where it is close enough. */
  get ownAheadMs(): number {
    const behind = -this.#most
    return Math.abs(behind) > skewMsMax ? behind : 0
  }

  /** How far the peer's clock is ahead of most others; 0 where it is close enough, or not known. */
  aheadMs(peer: NodeId): number {
    const ahead = (this.#ahead.get(peer) ?? this.#most) - this.#most
    return Math.abs(ahead) > skewMsMax ? ahead : 0
  }

  get #most(): number {
    this.#middle ??= this.#median()
    return this.#middle
  }

  /** Of two in the middle the one that is closer to the own clock. */
  #median(): number {
    const all = [0, ...this.#ahead.values()].sort((a, b) => a - b)
    const low = all[(all.length - 1) >> 1] ?? 0
    const high = all[all.length >> 1] ?? 0
    return Math.abs(low) <= Math.abs(high) ? low : high
  }
}
