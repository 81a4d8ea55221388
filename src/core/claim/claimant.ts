/** This node's own claims: which subnet it claims next, when a claim confirms, and what it does when it loses one. */

import type { CoreConfig } from '../config.ts'
import type { Family } from '../ip/address.ts'
import { isSubnet, type Pool } from '../ip/pool.ts'
import { overlaps, type Prefix } from '../ip/prefix.ts'
import type { Note } from '../note.ts'
import type { Problem } from '../problem.ts'
import type { Millis } from '../rng.ts'
import { coversMoreThanHalf, exclusionTrie, freeSubnet, heeded, rankAmong } from './choose.ts'
import { exclusionsOf } from './exclusions.ts'
import type { Ownership } from './ownership.ts'
import { type Claim, type NodeId, recordLimits } from './record.ts'
import type { RecordSet } from './record-set.ts'

interface OwnClaim {
  readonly claim: Claim
  /** When a tentative one confirms, if it stands. */
  readonly settlesAt: Millis
  /** It is not put off beyond this. */
  readonly settlesAtMost: Millis
}

/** What the claimant reads to decide. */
export interface ClaimantWorld {
  readonly set: RecordSet
  readonly ownership: Ownership
  /** Prefixes inside a pool that this host uses itself. */
  locals(pool: Prefix): readonly Prefix[]
  /** The subnet that the operator gave to this node. */
  pinned(family: Family): Prefix | undefined
  /** To whom the operator gave the subnet. */
  pinnedTo(prefix: Prefix): NodeId | undefined
}

/**
 * How long a loser waits before it chooses again. News of one race comes in a burst: choosing at every message of it
 * would publish once for each.
 */
const rechooseMs = 25
/** How late a deadline may be before it tells of a starved host, which has not heard what was said meanwhile. */
const latenessMsMax = 50
/** A claim is put off, while others race or this host starves, up to so many settle times in all. */
const settleTimesMax = 5

export class Claimant {
  readonly #config: CoreConfig
  readonly #world: ClaimantWorld
  readonly #claims = new Map<Family, OwnClaim>()
  readonly #full = new Set<Family>()
  readonly #tooBroad = new Set<Family>()
  /** Since when it leaves what is free to those before it in rank. */
  readonly #waitingFrom = new Map<Family, Millis>()
  /** Of these it claims nothing, as an operator asked. */
  readonly #resigned = new Set<Family>()
  /** How far this host's clock is ahead of most others': claims are stamped by those. */
  clockAheadMs = 0
  #exclusions: readonly Prefix[] = []
  #rechooseAt: Millis = Number.POSITIVE_INFINITY

  constructor(config: CoreConfig, world: ClaimantWorld, restored: readonly Claim[], now: Millis) {
    this.#config = config
    this.#world = world
    for (const claim of restored) {
      const pool = this.#poolOf(claim.prefix)
      if (
        pool &&
        claim.prefix.length === pool.subnetLength &&
        overlaps(claim.prefix, pool.prefix)
      ) {
        this.#claims.set(claim.prefix.family, this.#own(claim, now))
      }
    }
  }

  get claims(): Claim[] {
    return [...this.#claims.values()]
      .map(({ claim }) => claim)
      .sort((a, b) => a.prefix.family - b.prefix.family)
  }

  get confirmed(): Claim[] {
    return this.claims.filter(({ state }) => state === 'confirmed')
  }

  get exclusions(): readonly Prefix[] {
    return this.#exclusions
  }

  /** Every pool has a confirmed claim. */
  get complete(): boolean {
    return this.confirmed.length === this.#config.pools.length
  }

  problems(): Problem[] {
    const notes: Problem[] = []
    for (const pool of this.#config.pools) {
      const { family } = pool.prefix
      if (this.#full.has(family)) notes.push({ code: 'pool-full', pool: poolText(pool) })
      if (this.#tooBroad.has(family)) {
        notes.push({ code: 'exclusions-too-broad', pool: poolText(pool) })
      }
      const own = this.#claims.get(family)
      if (own) notes.push(...this.#excluded(pool, own.claim.prefix))
    }
    return notes
  }

  nextDeadline(): Millis {
    // A claim that is about to be chosen anew does not settle, though its time may have come.
    if (Number.isFinite(this.#rechooseAt)) return this.#rechooseAt
    let next = Number.POSITIVE_INFINITY
    for (const { claim, settlesAt } of this.#claims.values()) {
      if (claim.state === 'tentative') next = Math.min(next, settlesAt)
    }
    return next
  }

  /** Reads the host's own networks again. Returns whether what is announced of them changed. */
  exclude(): { changed: boolean; notes: Note[] } {
    const notes: Note[] = []
    const exclusions: Prefix[] = []
    for (const pool of this.#config.pools) {
      const held = this.confirmed.map(({ prefix }) => prefix)
      const found = exclusionsOf(pool, this.#world.locals(pool.prefix), held)
      const { family } = pool.prefix
      if (!coversMoreThanHalf(found, pool)) this.#tooBroad.delete(family)
      else if (!this.#tooBroad.has(family)) {
        this.#tooBroad.add(family)
        notes.push({ code: 'exclusions-too-broad', pool: poolText(pool) })
      }
      exclusions.push(...found)
    }
    // What is beyond the bound is heeded here all the same, only not announced.
    const announced = exclusions.slice(0, recordLimits.exclusions)
    const prefixes = announced.map(({ text }) => text)
    const changed = prefixes.join() !== this.#exclusions.map(({ text }) => text).join()
    this.#exclusions = announced
    if (changed) notes.push({ code: 'excluded', prefixes })
    return { changed, notes }
  }

  /** Lifts its claims to the fences of their prefixes, where nobody else holds them. */
  refence(now: Millis): void {
    for (const own of this.#claims.values()) {
      if (this.#isFencedAlone(own.claim)) this.#raiseFence(own, now)
    }
  }

  /** An address of it was granted. Returns whether that is news. */
  use({ family, text }: Prefix): boolean {
    const own = this.#claims.get(family)
    if (!own || own.claim.used || own.claim.prefix.text !== text) return false
    this.#claims.set(family, { ...own, claim: { ...own.claim, used: true } })
    return true
  }

  /** Ends a claim, and claims nothing in its place until `resume`. */
  giveUp({ family, text }: Prefix): Note[] {
    if (this.#claims.get(family)?.claim.prefix.text !== text) return []
    this.#claims.delete(family)
    this.#resigned.add(family)
    return [{ code: 'claim-given-up', prefix: text }]
  }

  resume(): void {
    this.#resigned.clear()
  }

  /** Forgets all claims: the node leaves. */
  end(): void {
    this.#claims.clear()
    this.#rechooseAt = Number.POSITIVE_INFINITY
  }

  /**
   * Looks at every pool once: claims where it has nothing, yields what it lost, confirms what has settled. Must be
   * called with its own published claims in `ownership`. Returns whether the own record changed.
   */
  review(now: Millis, startedAt: Millis): { changed: boolean; notes: Note[] } {
    const notes: Note[] = []
    const due = this.#rechooseAt <= now
    if (due) this.#rechooseAt = Number.POSITIVE_INFINITY
    const changed = this.#config.pools.map((pool) =>
      this.#reviewPool(pool, { now, startedAt, due, notes }),
    )
    return { changed: changed.includes(true), notes }
  }

  #reviewPool(
    pool: Pool,
    at: { now: Millis; startedAt: Millis; due: boolean; notes: Note[] },
  ): boolean {
    const { family } = pool.prefix
    const own = this.#claims.get(family)
    if (!own && this.#resigned.has(family)) return false
    if (!own) {
      // A search through a full pool is long: what a burst of news changes is looked at once.
      if (this.#full.has(family) && !at.due) return this.#rechooseSoon(at)
      return this.#choose(pool, at)
    }
    const { claim } = own
    const pinned = this.#world.pinned(family)
    // Nobody admits another claim of this node.
    if (pinned && pinned.text !== claim.prefix.text) {
      this.#choose(pool, at)
      return true
    }
    if (this.#isFencedAlone(claim)) return this.#raiseFence(own, at.now)
    const winner = this.#world.ownership.holder(claim.prefix)
    const lost = winner !== undefined && winner.origin !== this.#config.self
    if (lost && claim.state === 'confirmed') {
      const name = this.#world.set.record(winner.origin)?.name ?? ''
      at.notes.push({ code: 'claim-lost', prefix: claim.prefix.text, winner: winner.origin, name })
      this.#claims.delete(family)
      this.#choose(pool, at)
      return true
    }
    if (claim.state === 'confirmed') return false
    if (lost || this.#isExcluded(pool, claim.prefix)) {
      if (at.due) return this.#choose(pool, at)
      // Should it win after all, it settles from here.
      this.#claims.set(family, this.#own(claim, at.now))
      return this.#rechooseSoon(at)
    }
    if (at.now < own.settlesAt) return false
    return this.#putOff(pool, own, at.now) ? false : this.#confirm(own, at)
  }

  #rechooseSoon({ now }: { now: Millis }): false {
    this.#rechooseAt = Math.min(this.#rechooseAt, now + rechooseMs)
    return false
  }

  /** Claims the lowest free subnet, or none and says so. */
  #choose(pool: Pool, at: { now: Millis; notes: Note[] }): boolean {
    const { family } = pool.prefix
    const had = this.#claims.delete(family)
    const rank = this.#rank(pool, at)
    const prefix = this.#tooBroad.has(family) ? undefined : this.#free(pool, rank)
    if (!prefix) {
      this.#wait(pool, rank, at)
      return had
    }
    this.#full.delete(family)
    this.#waitingFrom.delete(family)
    at.notes.push(...this.#excluded(pool, prefix))
    this.#claim(prefix, at)
    return true
  }

  /** A loser that took nothing in all the time in which a claim settles is not there any more. */
  #rank(pool: Pool, { now }: { now: Millis }): number {
    const waitedMs = now - (this.#waitingFrom.get(pool.prefix.family) ?? now)
    if (waitedMs >= this.#config.timing.settleMs) return 0
    return rankAmong(this.#world.ownership.losers(pool.prefix), this.#config.self)
  }

  /** Nothing is free, or only as much as those before this node in rank will take. */
  #wait(pool: Pool, rank: number, at: { now: Millis; notes: Note[] }): void {
    const { family } = pool.prefix
    if (this.#tooBroad.has(family)) return
    if (rank > 0 && this.#free(pool, 0)) {
      this.#rechooseSoon(at)
      if (!this.#waitingFrom.has(family)) this.#waitingFrom.set(family, at.now)
      return
    }
    this.#waitingFrom.delete(family)
    if (!this.#full.has(family)) {
      this.#full.add(family)
      at.notes.push({ code: 'pool-full', pool: poolText(pool) })
    }
  }

  #claim(prefix: Prefix, at: { now: Millis; notes: Note[] }): void {
    const fence = this.#world.set.fenceOf(prefix)
    const claim: Claim = { prefix, fence, state: 'tentative', used: false, confirmedAtMs: 0 }
    this.#claims.set(prefix.family, this.#own(claim, at.now))
    at.notes.push({ code: 'claim-tentative', prefix: prefix.text, fence })
  }

  #own(claim: Claim, now: Millis): OwnClaim {
    const { settleMs } = this.#config.timing
    return { claim, settlesAt: now + settleMs, settlesAtMost: now + settleMs * settleTimesMax }
  }

  /** Whether it is too early: who confirms before it has heard of a rival may have to give the subnet back. */
  #putOff(pool: Pool, own: OwnClaim, now: Millis): boolean {
    const isStarved = now - own.settlesAt > latenessMsMax
    const isRacing = this.#world.ownership.losers(pool.prefix).length > 0
    if (!(isStarved || isRacing) || now >= own.settlesAtMost) return false
    const settlesAt = Math.min(now + this.#config.timing.settleMs / 2, own.settlesAtMost)
    this.#claims.set(pool.prefix.family, { ...own, settlesAt })
    return true
  }

  #confirm(own: OwnClaim, at: { now: Millis; startedAt: Millis; notes: Note[] }): boolean {
    const confirmedAtMs = this.#wallMs(at.now)
    const claim: Claim = { ...own.claim, state: 'confirmed', confirmedAtMs }
    this.#claims.set(claim.prefix.family, this.#own(claim, at.now))
    const afterMs = at.now - at.startedAt
    at.notes.push({ code: 'claim-confirmed', prefix: claim.prefix.text, afterMs })
    return true
  }

  #wallMs(now: Millis): number {
    return Math.max(0, Math.round(now + this.#config.wallOffsetMs - this.clockAheadMs))
  }

  /** Its fence was raised, yet nobody else claims it: an eviction that was refuted before anybody took the prefix. */
  #isFencedAlone({ fence, prefix }: Claim): boolean {
    if (fence >= this.#world.set.fenceOf(prefix)) return false
    const holder = this.#world.ownership.holder(prefix)
    const isAlone = this.#world.ownership
      .standings(prefix)
      .every(({ origin }) => origin === this.#config.self)
    return isAlone && (holder === undefined || holder.origin === this.#config.self)
  }

  /** What was freed is claimed anew: whoever confirmed it in the meantime goes before. */
  #raiseFence(own: OwnClaim, now: Millis): true {
    const fence = this.#world.set.fenceOf(own.claim.prefix)
    const confirmedAtMs = own.claim.state === 'confirmed' ? this.#wallMs(now) : 0
    const claim = { ...own.claim, fence, confirmedAtMs }
    this.#claims.set(claim.prefix.family, { ...own, claim })
    return true
  }

  /** What other nodes exclude, or cut from another pool, is chosen last: nobody may deny others the pool by it. */
  #free(pool: Pool, rank: number): Prefix | undefined {
    return this.#freeAmong(pool, rank, 'preferred') ?? this.#freeAmong(pool, rank, 'any')
  }

  #freeAmong(pool: Pool, rank: number, which: 'preferred' | 'any'): Prefix | undefined {
    const avoided = exclusionTrie(this.#ownExclusions(pool))
    if (which === 'preferred') {
      for (const exclusion of this.#exclusionsOfOthers(pool)) avoided.set(exclusion, exclusion)
    }
    const { ownership } = this.#world
    const holder = (subnet: Prefix): Prefix | undefined => {
      const [exclusion] = avoided.overlapping(subnet)
      if (exclusion) return exclusion
      const reservedFor = this.#world.pinnedTo(subnet)
      if (reservedFor !== undefined && reservedFor !== this.#config.self) return subnet
      const winner = ownership.holder(subnet)
      if (!winner || winner.origin === this.#config.self) return undefined
      const { prefix } = winner.claim
      return which === 'preferred' || isSubnet(pool, prefix) ? prefix : undefined
    }
    const pinned = this.#world.pinned(pool.prefix.family)
    if (pinned) {
      // By the operator's word it goes before whoever holds it.
      const isMine = this.#world.pinnedTo(pinned) === this.#config.self
      const [exclusion] = avoided.overlapping(pinned)
      return exclusion || !(isMine || !holder(pinned)) ? undefined : pinned
    }
    return freeSubnet(pool, rank, { holder })
  }

  /** Where it had to be chosen although others cannot route it. */
  #excluded(pool: Pool, chosen: Prefix): Problem[] {
    const names = this.#world.set
      .excluding()
      .filter(({ origin }) => origin !== this.#config.self)
      .filter(({ exclusions }) => heeded(exclusions, pool).some((each) => overlaps(each, chosen)))
      .map(({ name }) => name)
    if (names.length === 0) return []
    const shown = names.slice(0, 3).join(', ') + (names.length > 3 ? ' …' : '')
    return [{ code: 'exclusions-overridden', prefix: chosen.text, names: shown }]
  }

  #ownExclusions(pool: Pool): Prefix[] {
    return exclusionsOf(pool, this.#world.locals(pool.prefix), [])
  }

  #exclusionsOfOthers(pool: Pool): Prefix[] {
    return this.#world.set
      .excluding()
      .filter(({ origin }) => origin !== this.#config.self)
      .flatMap(({ exclusions, kept }) => [
        ...heeded(exclusions, pool),
        // Their containers still have addresses of these.
        ...heeded(
          kept.map(({ prefix }) => prefix),
          pool,
        ),
      ])
  }

  /** Whether another subnet is to be chosen in place of one that is not confirmed. */
  #isExcluded(pool: Pool, prefix: Prefix): boolean {
    const isHere = (exclusion: Prefix) => overlaps(exclusion, prefix)
    if (this.#ownExclusions(pool).some(isHere)) return true
    return (
      this.#exclusionsOfOthers(pool).some(isHere) &&
      this.#freeAmong(pool, 0, 'preferred') !== undefined
    )
  }

  #poolOf(prefix: Prefix): Pool | undefined {
    return this.#config.pools.find((pool) => pool.prefix.family === prefix.family)
  }
}

export const poolText = (pool: Pool): string =>
  `${pool.prefix.text} divided into /${pool.subnetLength}`
