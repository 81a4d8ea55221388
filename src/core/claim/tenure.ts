/**
 * What this node has seen for itself of who holds what, and for how long. A claim says of itself when it was confirmed,
 * and whoever writes it can write any time. So a holder that this node has routed to for a while stays, whatever a rival
 * says of itself, until all nodes had time to say what they saw; then the most witnesses decide.
 */

import type { Prefix } from '../ip/prefix.ts'
import type { Millis } from '../rng.ts'
import type { Ownership } from './ownership.ts'
import { type NodeId, recordLimits, type Witnessed } from './record.ts'
import { type OwnedClaim, type Rules, resolve } from './resolve.ts'
import type { Witnesses } from './witnesses.ts'

/** Who holds a prefix by the judgement of this node. */
interface Seat {
  readonly holder: NodeId
  readonly since: Millis
  /** It held it before this process started. Others may have ended it meanwhile. */
  readonly isRestored: boolean
}

interface Testimony extends Witnessed {
  /** When it was published; undefined: it is still to be. */
  readonly saidAt: Millis | undefined
}

/** A holder whose prefix another node would take by its own word. */
export interface Contest extends Witnessed {
  readonly rival: NodeId
}

export interface Reviewed {
  /** What this node has to say is not what it said. */
  readonly changed: boolean
  readonly begun: readonly Contest[]
  /** Prefixes that are contested no more. */
  readonly over: readonly Prefix[]
}

export interface TenureWorld {
  readonly ownership: Ownership
  readonly witnesses: Witnesses
  readonly rules: Pick<Rules, 'fenceOf' | 'isOurs' | 'isPinned'>
  /** Whether its node was ended since. */
  isEnded(owned: OwnedClaim): boolean
  /** Whether it is being ended, unless it answers. */
  isEnding(node: NodeId): boolean
}

export class Tenure {
  readonly #self: NodeId
  readonly #tenureMs: Millis
  readonly #world: TenureWorld
  readonly #seats = new Map<string, Seat>()
  readonly #testimonies = new Map<string, Testimony>()
  readonly #metAt = new Map<NodeId, Millis>()

  constructor(self: NodeId, tenureMs: Millis, world: TenureWorld) {
    this.#self = self
    this.#tenureMs = tenureMs
    this.#world = world
  }

  /** What this node saw of contested prefixes. Ascending. */
  get witnessed(): Witnessed[] {
    return [...this.#testimonies.values()]
      .map(({ prefix, holder }) => ({ prefix, holder }))
      .sort((a, b) => (a.prefix.text < b.prefix.text ? -1 : 1))
  }

  met(node: NodeId, now: Millis): void {
    if (!this.#metAt.has(node)) this.#metAt.set(node, now)
  }

  forget(node: NodeId): void {
    this.#metAt.delete(node)
  }

  /** All that is known so far was stored by a former run, and what it said then still stands. */
  restored(said: readonly Witnessed[], now: Millis): void {
    const since = Number.NEGATIVE_INFINITY
    for (const node of this.#metAt.keys()) this.#metAt.set(node, since)
    for (const each of said) {
      this.#testimonies.set(each.prefix.text, { ...each, saidAt: now })
      this.#seats.set(each.prefix.text, { holder: each.holder, since, isRestored: true })
    }
    for (const [text, { holder }] of this.#seats) {
      // Whom it saw hold what others claim, too, it only knows where it has said so.
      if (this.#testimonies.has(text) || !this.#isAlone(text, holder)) continue
      this.#seats.set(text, { holder, since, isRestored: true })
    }
  }

  /** Whether a claim stays because its node has held it for long, whatever others say of theirs. */
  isHeld(owned: OwnedClaim, now: Millis): boolean {
    const { origin, claim } = owned
    const { prefix } = claim
    const seat = this.#seats.get(prefix.text)
    if (seat?.holder !== origin || now - seat.since < this.#tenureMs) return false
    if (seat.isRestored && this.#world.isEnded(owned)) return false
    const { saidAt = now } = this.#testimonies.get(prefix.text) ?? {}
    const isOpen = now - saidAt < this.#tenureMs || this.#areEnding(prefix, origin)
    return isOpen && !this.#isOverruled(prefix, origin, now)
  }

  /** Must be called with every prefix that was judged. */
  review(prefixes: Iterable<Prefix>, now: Millis): Reviewed {
    const begun: Contest[] = []
    const over: Prefix[] = []
    for (const prefix of prefixes) {
      this.#seat(prefix, now)
      const testimony = this.#testimonies.get(prefix.text)
      if (testimony && !this.#isContested(testimony)) {
        this.#testimonies.delete(prefix.text)
        over.push(prefix)
      } else if (!testimony) {
        const contest = this.#contest(prefix, now)
        if (!contest) continue
        this.#testimonies.set(prefix.text, { prefix, holder: contest.holder, saidAt: undefined })
        begun.push(contest)
      }
    }
    return { changed: begun.length + over.length > 0, begun, over }
  }

  /** What it witnessed was published. */
  said(now: Millis): void {
    for (const [text, testimony] of this.#testimonies) {
      this.#testimonies.set(text, { ...testimony, saidAt: testimony.saidAt ?? now })
    }
  }

  /** When others had time to say what they saw: the prefix is to be judged again. */
  nextDeadline(now: Millis): Millis {
    let next = Number.POSITIVE_INFINITY
    for (const { saidAt = Number.POSITIVE_INFINITY } of this.#testimonies.values()) {
      const at = saidAt + this.#tenureMs
      if (at > now) next = Math.min(next, at)
    }
    return next
  }

  get contested(): Prefix[] {
    return [...this.#testimonies.values()].map(({ prefix }) => prefix)
  }

  #seat(prefix: Prefix, now: Millis): void {
    const winner = this.#world.ownership.winner(prefix)
    if (winner?.claim.state !== 'confirmed') this.#seats.delete(prefix.text)
    else if (this.#seats.get(prefix.text)?.holder !== winner.origin) {
      this.#seats.set(prefix.text, { holder: winner.origin, since: now, isRestored: false })
    }
  }

  /** Where a holder of long standing, or one that came after an end, would lose its prefix if this node said nothing. */
  #contest(prefix: Prefix, now: Millis): Contest | undefined {
    const standings = this.#world.ownership.standings(prefix)
    if (standings.length < 2) return undefined
    const seat = this.#seats.get(prefix.text)
    const held =
      standings.find((owned) => this.isHeld(owned, now)) ??
      (standings.some((owned) => this.#world.isEnded(owned))
        ? standings.find(({ origin }) => origin === seat?.holder)
        : undefined)
    if (!held || this.#testimonies.size >= recordLimits.witnessed) return undefined
    const [first] = resolve(standings, {
      ...this.#world.rules,
      isHeld: () => false,
      support: ({ origin }) => {
        const said = this.#world.witnesses.count(prefix, origin)
        return said - Number(this.#world.witnesses.says(this.#self, prefix, origin))
      },
    })
    const { origin: holder } = held
    return !first || first.origin === holder ? undefined : { prefix, holder, rival: first.origin }
  }

  /** Others may have ended the rivals already, and say no more of what they saw. */
  #areEnding({ text }: Prefix, holder: NodeId): boolean {
    const rivals = this.#world.ownership.claimants(text).filter((origin) => origin !== holder)
    return rivals.length > 0 && rivals.every((origin) => this.#world.isEnding(origin))
  }

  #isAlone(text: string, holder: NodeId): boolean {
    return this.#world.ownership.claimants(text).every((origin) => origin === holder)
  }

  #isContested({ prefix, holder }: Witnessed): boolean {
    const claimants = this.#world.ownership.standings(prefix)
    return claimants.length > 1 && claimants.some(({ origin }) => origin === holder)
  }

  /** Most of the nodes that this one has long known saw another one hold it: there is nothing to wait for. */
  #isOverruled(prefix: Prefix, holder: NodeId, now: Millis): boolean {
    for (const [other, said] of this.#world.witnesses.holders(prefix)) {
      if (other === holder) continue
      const others = [...said].filter((node) => node !== other)
      const known = others.filter((node) => this.#isLongKnown(node, now)).length
      if (known > 0 && known * 2 > this.#longKnown(now)) return true
    }
    return false
  }

  #isLongKnown(node: NodeId, now: Millis): boolean {
    if (node === this.#self) return true
    return now - (this.#metAt.get(node) ?? now) >= this.#tenureMs
  }

  #longKnown(now: Millis): number {
    let count = 1
    for (const at of this.#metAt.values()) if (now - at >= this.#tenureMs) count += 1
    return count
  }
}
