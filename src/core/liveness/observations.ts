/** What nodes say they found of those that they watch, and what follows from all of it: a pure function of the record set. */

import type { Failing, NodeId, Observed } from '../claim/record.ts'

/** `suspect`: one node says so, and one node's word is not enough. */
export type Liveness = 'alive' | 'suspect' | Failing

/** Its claims and further prefixes are not routed to: nothing is behind them. */
export const isGone = (liveness: Liveness): boolean =>
  liveness === 'host-down' || liveness === 'displaced'

/** No agent answers. */
export const isDown = (liveness: Liveness): boolean => isGone(liveness) || liveness === 'agent-down'

/** What one node says of another. */
export interface Word {
  readonly author: NodeId
  readonly observed: Observed
}

/** Words that it takes: one node alone may be what is cut off. */
const quorum = 2

export class Observations {
  readonly #incarnationOf: (node: NodeId) => number | undefined
  readonly #about = new Map<NodeId, Map<NodeId, Observed>>()
  readonly #by = new Map<NodeId, readonly Observed[]>()

  constructor(incarnationOf: (node: NodeId) => number | undefined) {
    this.#incarnationOf = incarnationOf
  }

  /**
   * Replaces what `author` says; called whenever its entry changed. Returns every node that may be judged otherwise by
   * it: itself, whom it speaks of, and of whom these speak.
   */
  update(author: NodeId, after: readonly Observed[]): Set<NodeId> {
    const touched = new Set([author])
    for (const { node } of this.#by.get(author) ?? []) {
      touched.add(node)
      const words = this.#about.get(node)
      words?.delete(author)
      if (words?.size === 0) this.#about.delete(node)
    }
    for (const observed of after) {
      touched.add(observed.node)
      const words = this.#about.get(observed.node) ?? new Map<NodeId, Observed>()
      this.#about.set(observed.node, words.set(author, observed))
    }
    if (after.length > 0) this.#by.set(author, after)
    else this.#by.delete(author)
    for (const node of [...touched]) {
      for (const { node: subject } of this.#by.get(node) ?? []) touched.add(subject)
    }
    return touched
  }

  /** What is said of the node as it is now: a higher incarnation refutes all that was said before. */
  about(node: NodeId): Word[] {
    const incarnation = this.#incarnationOf(node)
    const words: Word[] = []
    for (const [author, observed] of this.#about.get(node) ?? []) {
      if (observed.incarnation === incarnation) words.push({ author, observed })
    }
    return words
  }

  /**
   * What counts of it. Who is missed itself has no vote: where a network was split, each side misses the other, and
   * neither is right once they hear each other again. Whoever has refuted that looks again before it votes, and what it
   * said before goes on to take the vote of those on the other side, until they have refuted it too.
   */
  votes(node: NodeId): Word[] {
    return this.about(node).filter(
      ({ author, observed }) =>
        observed.observer === this.#incarnationOf(author) && !this.#isMissed(author),
    )
  }

  /** `loner`: a node that is connected to nobody believes itself. */
  state(node: NodeId, loner?: NodeId): Liveness {
    const own = loner && this.about(node).find(({ author }) => author === loner)
    if (own) return own.observed.state
    const votes = this.votes(node)
    if (votes.length === 0) return 'alive'
    if (votes.length < quorum) return 'suspect'
    const share = (...states: readonly Failing[]) =>
      votes.filter(({ observed }) => states.includes(observed.state)).length / votes.length
    if (share('displaced') > 0.5) return 'displaced'
    return share('displaced', 'host-down') > 0.5 ? 'host-down' : 'agent-down'
  }

  #isMissed(node: NodeId): boolean {
    return this.about(node).length >= quorum
  }
}
