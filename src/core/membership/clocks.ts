/**
 * How the wall clocks of the peers differ from this host's. A clock that is far from most of the others' is not
 * believed, be it another's or the own one.
 */

import type { NodeId } from '../claim/record.ts'

/** Clocks of one cluster that differ by more are worth a word. */
const skewMsMax = 5_000

/** Words of one connection beyond the first, in answer to questions. */
const answersMax = 3

/** What a peer said of its clock. */
interface Word {
  /** In ms; positive: the peer's is ahead. */
  readonly aheadMs: number
  /** A clock that is behind may be a word that was late: it is asked for a second one, and does not count before. */
  readonly counts: boolean
  /** How often the own clock was said again. */
  readonly said: number
}

export class Clocks {
  readonly #words = new Map<NodeId, Word>()
  /** The median; undefined: something changed since. */
  #middle: number | undefined

  /**
   * Whether the own clock is to be said again: as a question to a peer that seems to be behind, which takes any word
   * after the first for one, or as the answer.
   */
  heard(peer: NodeId, aheadMs: number): boolean {
    const before = this.#words.get(peer)
    const counts = before !== undefined || aheadMs >= -skewMsMax
    const isQuestion = before?.counts === true
    const says = isQuestion ? before.said < answersMax : !counts
    this.#words.set(peer, {
      // A word is late now and then, and never early.
      aheadMs: Math.max(aheadMs, before?.aheadMs ?? aheadMs),
      counts,
      said: (before?.said ?? 0) + (says ? 1 : 0),
    })
    this.#middle = undefined
    return says
  }

  disconnected(peer: NodeId): void {
    this.#words.delete(peer)
    this.#middle = undefined
  }

  /** How far the own clock is ahead of most of those that are known, itself included; 0 where it is close enough. */
  get ownAheadMs(): number {
    const behind = -this.#most
    return Math.abs(behind) > skewMsMax ? behind : 0
  }

  /** How far the peer's clock is ahead of most others; 0 where it is close enough, or not known. */
  aheadMs(peer: NodeId): number {
    const word = this.#words.get(peer)
    const ahead = word?.counts ? word.aheadMs - this.#most : 0
    return Math.abs(ahead) > skewMsMax ? ahead : 0
  }

  get #most(): number {
    this.#middle ??= this.#median()
    return this.#middle
  }

  /** Of two in the middle the one that is closer to the own clock. */
  #median(): number {
    const words = [...this.#words.values()].filter(({ counts }) => counts)
    const all = [0, ...words.map(({ aheadMs }) => aheadMs)].sort((a, b) => a - b)
    const low = all[(all.length - 1) >> 1] ?? 0
    const high = all[all.length >> 1] ?? 0
    return Math.abs(low) <= Math.abs(high) ? low : high
  }
}
