/**
 * All claims by prefix with their standing, kept up to date in time proportional to what changed. Claims of other pools
 * are kept apart: they go behind all of ours, so that nobody makes each change costly by a claim of all addresses.
 */

import { contains, type Prefix } from '../ip/prefix.ts'
import { PrefixTrie } from '../ip/prefix-trie.ts'
import type { Claim, NodeId } from './record.ts'
import { type Rules, resolve, type Standing } from './resolve.ts'

interface Slot {
  readonly prefix: Prefix
  readonly claims: Map<NodeId, Claim>
}

export class Ownership {
  /** Subnets of our pools: two of them are one, or apart. */
  readonly #ours = new PrefixTrie<Slot>()
  readonly #others = new PrefixTrie<Slot>()
  readonly #standings = new Map<string, readonly Standing[]>()
  readonly #yielding = new Map<NodeId, Map<string, Claim>>()
  readonly #rules: Rules

  constructor(rules: Rules) {
    this.#rules = rules
  }

  /** Replaces the claims of `origin`. Returns every prefix whose standings may differ. */
  update(
    origin: NodeId,
    change: { before: readonly Claim[]; after: readonly Claim[] },
  ): Map<string, Prefix> {
    for (const { prefix } of change.before) this.#drop(origin, prefix)
    for (const claim of change.after) this.#put(origin, claim)
    return this.judge([...change.before, ...change.after].map(({ prefix }) => prefix))
  }

  isClaimed(prefix: Prefix): boolean {
    return this.#slotsOf(prefix).get(prefix) !== undefined
  }

  /** Judges again all claims that overlap `prefixes`. Returns every prefix whose standings may differ. */
  judge(prefixes: Iterable<Prefix>): Map<string, Prefix> {
    const judged = new Map<string, Prefix>()
    for (const prefix of prefixes) {
      if (judged.has(prefix.text)) continue
      judged.set(prefix.text, prefix)
      this.#judgeComponent(prefix, judged)
      if (!this.isClaimed(prefix)) this.#setStandings(prefix, [])
    }
    return judged
  }

  winner(prefix: Prefix): Standing | undefined {
    return this.standings(prefix).find(({ standing }) => standing === 'winner')
  }

  /** Of the claims of exactly this prefix, in order of precedence. */
  standings(prefix: Prefix): readonly Standing[] {
    return this.#standings.get(prefix.text) ?? []
  }

  /** Who claims exactly the prefix with this text, in order of precedence. */
  claimants(text: string): NodeId[] {
    return (this.#standings.get(text) ?? []).map(({ origin }) => origin)
  }

  /** The winning claim that `prefix` yields to. */
  holder(prefix: Prefix): Standing | undefined {
    for (const slots of [this.#ours, this.#others]) {
      for (const slot of slots.overlapping(prefix)) {
        const winner = this.winner(slot.prefix)
        if (winner) return winner
      }
    }
    return undefined
  }

  /** Nodes with a tentative claim inside `pool` that yields: they are about to choose again. Ascending. */
  losers(pool: Prefix): NodeId[] {
    const losers: NodeId[] = []
    for (const [origin, claims] of this.#yielding) {
      for (const { state, prefix } of claims.values()) {
        if (state !== 'tentative' || !contains(pool, prefix)) continue
        losers.push(origin)
        break
      }
    }
    return losers.sort()
  }

  *all(): Generator<Standing> {
    for (const slots of [this.#ours, this.#others]) {
      for (const slot of slots.values()) yield* this.standings(slot.prefix)
    }
  }

  #slotsOf(prefix: Prefix): PrefixTrie<Slot> {
    return this.#rules.isOurs(prefix) ? this.#ours : this.#others
  }

  #put(origin: NodeId, claim: Claim): void {
    const slots = this.#slotsOf(claim.prefix)
    const slot = slots.get(claim.prefix) ?? { prefix: claim.prefix, claims: new Map() }
    slot.claims.set(origin, claim)
    slots.set(claim.prefix, slot)
  }

  #drop(origin: NodeId, prefix: Prefix): void {
    this.#yielding.get(origin)?.delete(prefix.text)
    if (this.#yielding.get(origin)?.size === 0) this.#yielding.delete(origin)
    const slots = this.#slotsOf(prefix)
    const slot = slots.get(prefix)
    if (!slot) return
    slot.claims.delete(origin)
    if (slot.claims.size === 0) slots.delete(prefix)
  }

  #judgeComponent(prefix: Prefix, judged: Map<string, Prefix>): void {
    if (!this.#rules.isOurs(prefix)) return this.#judgeOthers(prefix, judged)
    const was = this.#standings.has(prefix.text)
    const slot = this.#ours.get(prefix)
    this.#judgeSlots(slot ? [slot] : [], judged)
    // What is behind all of ours is judged otherwise only where one came or went.
    if (was === (slot !== undefined)) return
    for (const other of [...this.#others.overlapping(prefix)]) {
      if (!judged.has(other.prefix.text)) this.#judgeOthers(other.prefix, judged)
    }
  }

  /** Prefixes nest or are apart: all that can influence each other lies inside the broadest claim that covers `prefix`. */
  #judgeOthers(prefix: Prefix, judged: Map<string, Prefix>): void {
    const [broadest] = this.#others.covering(prefix)
    this.#judgeSlots([...this.#others.covered(broadest?.prefix ?? prefix)], judged)
  }

  #judgeSlots(slots: readonly Slot[], judged: Map<string, Prefix>): void {
    const standings = new Map<string, Standing[]>(slots.map((slot) => [slot.prefix.text, []]))
    const claims = slots.flatMap((slot) =>
      [...slot.claims].map(([origin, claim]) => ({ origin, claim })),
    )
    const isTaken = (claimed: Prefix): boolean =>
      !this.#rules.isOurs(claimed) && !this.#ours.overlapping(claimed).next().done
    for (const standing of resolve(claims, this.#rules, isTaken)) {
      standings.get(standing.claim.prefix.text)?.push(standing)
    }
    for (const slot of slots) {
      judged.set(slot.prefix.text, slot.prefix)
      this.#setStandings(slot.prefix, standings.get(slot.prefix.text) ?? [])
    }
  }

  #setStandings(prefix: Prefix, standings: readonly Standing[]): void {
    if (standings.length === 0) this.#standings.delete(prefix.text)
    else this.#standings.set(prefix.text, standings)
    for (const { origin, claim, standing } of standings) {
      const yielding = this.#yielding.get(origin) ?? new Map<string, Claim>()
      if (standing === 'winner') yielding.delete(prefix.text)
      else yielding.set(prefix.text, claim)
      if (yielding.size === 0) this.#yielding.delete(origin)
      else this.#yielding.set(origin, yielding)
    }
  }
}
