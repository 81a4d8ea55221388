/** What this node writes about itself: its version, its extra prefixes, and how it answers words that it did not write. */

import type { CoreConfig } from '../config.ts'
import type { OwnState } from '../effect.ts'
import type { Uplink } from '../event.ts'
import { type Address, isLinkLocal } from '../ip/address.ts'
import { comparePrefixes, type Prefix } from '../ip/prefix.ts'
import type { Note } from '../note.ts'
import type { Millis } from '../rng.ts'
import type { LinkAddress } from '../routing/route.ts'
import type { Trust } from '../trust/trust.ts'
import { type Body, type Entry, type NodeRecord, recordLimits } from './record.ts'

/** Two agents with one identity would outbid each other without end: each answers the other no faster than this. */
const refuteMs = 10_000

/** What other parts of the agent have this node say. */
type Said = Pick<
  NodeRecord,
  'claims' | 'exclusions' | 'witnessed' | 'observed' | 'kept' | 'awarded'
>

export class OwnRecord {
  readonly #config: CoreConfig
  readonly #trust: Trust
  readonly #bootedAtMs: number
  readonly #announced = new Map<string, Prefix>()
  #incarnation: number
  #seqno = 0
  #entry: Entry | undefined
  #gateways: readonly LinkAddress[]
  #uplink: Uplink = { ifindex: 0, name: '', nextHops: [] }
  /** The incarnation of its last refutation; word of a higher one must come from a living twin. */
  #refutedWith = Number.POSITIVE_INFINITY
  #refuteAgainAt: Millis = 0

  constructor(config: CoreConfig, trust: Trust, restored: OwnState, now: Millis) {
    this.#config = config
    this.#trust = trust
    this.#bootedAtMs = Math.round(now + config.wallOffsetMs)
    this.#entry = restored.entry
    this.#gateways = restored.gateways
    this.#incarnation =
      Math.max(restored.incarnation, restored.entry?.body.version.incarnation ?? 0) + 1
    for (const prefix of restored.announced) this.#announced.set(prefix.text, prefix)
  }

  get incarnation(): number {
    return this.#incarnation
  }

  get uplink(): Uplink {
    return this.#uplink
  }

  /** Returns whether the record changes by it. */
  relocate(uplink: Uplink): boolean {
    const changed = hopsText(uplink.nextHops) !== hopsText(this.#uplink.nextHops)
    this.#uplink = uplink
    return changed
  }

  get state(): OwnState {
    const { papers } = this.#trust
    return {
      entry: this.#entry,
      incarnation: this.#incarnation,
      announced: [...this.#announced.values()],
      gateways: this.#gateways,
      ...this.#trust.shown,
      ...(papers.length > 0 ? { papers } : {}),
    }
  }

  /** Returns whether what must survive the process changes by it. */
  holdsOnLinks(gateways: readonly LinkAddress[]): boolean {
    const changed = gateways !== this.#gateways
    this.#gateways = gateways
    return changed
  }

  /** What is announced: what is configured or was asked for, and what the certificate allows. Ascending. */
  get extras(): Prefix[] {
    return this.#wished.filter((prefix) => this.#trust.mayAnnounce(prefix))
  }

  /** What would be announced if the certificate allowed it. */
  get forbidden(): Prefix[] {
    return this.#wished.filter((prefix) => !this.#trust.mayAnnounce(prefix))
  }

  get #wished(): Prefix[] {
    const all = new Map(this.#config.announce.map((prefix) => [prefix.text, prefix]))
    for (const [text, prefix] of this.#announced) all.set(text, prefix)
    return [...all.values()].sort(comparePrefixes)
  }

  /** Returns whether there is room for it. */
  announce(prefix: Prefix): boolean {
    if (this.#wished.length >= recordLimits.extras && !this.#announced.has(prefix.text))
      return false
    this.#announced.set(prefix.text, prefix)
    return true
  }

  /** Returns whether it was announced by command. */
  withdraw(prefix: Prefix): boolean {
    return this.#announced.delete(prefix.text)
  }

  /** The next version of the record. */
  record(said: Said): NodeRecord {
    this.#seqno += 1
    return { ...this.preview(said) }
  }

  /** The record as it stands, without a new version. */
  preview({ claims, exclusions, witnessed, observed, kept, awarded }: Said): NodeRecord {
    return {
      kind: 'record',
      origin: this.#config.self,
      cluster: this.#config.cluster,
      version: { incarnation: this.#incarnation, seqno: this.#seqno },
      name: this.#config.name,
      bootedAtMs: this.#bootedAtMs,
      nextHops: this.#uplink.nextHops,
      addresses: this.#uplink.nextHops.filter((hop) => !isLinkLocal(hop)).map(this.#dialable),
      pools: this.#config.pools,
      claims,
      extras: this.extras,
      exclusions,
      witnessed,
      observed,
      kept,
      awarded,
      draining: false,
      software: this.#config.software,
      ...this.#trust.shown,
    }
  }

  /** Others miss this node, and it is there. */
  refuteAbsence(by: readonly string[]): Note {
    this.#incarnation += 1
    this.#seqno = 0
    return { code: 'missed-by-others', incarnation: this.#incarnation, by }
  }

  written(entry: Entry): void {
    this.#entry = entry
  }

  /**
   * Word about this node that it did not write and that supersedes what it wrote: an eviction, a self of before its
   * store was rolled back, or a twin. Raises the incarnation above it. `yield`: an older twin is alive, and this
   * process must end.
   */
  refute(foreign: Body, now: Millis): { action: 'republish' | 'wait' | 'yield'; notes: Note[] } {
    const { incarnation } = foreign.version
    const isTwin = foreign.kind === 'record' && incarnation > this.#refutedWith
    if (isTwin && this.#wasFirst(foreign)) {
      return { action: 'yield', notes: [this.#duplicate(foreign, true)] }
    }
    if (now < this.#refuteAgainAt) return { action: 'wait', notes: [] }
    this.#incarnation = Math.max(this.#incarnation, incarnation) + 1
    this.#seqno = 0
    this.#refutedWith = this.#incarnation
    if (!isTwin) {
      const what = foreign.kind === 'tombstone' ? 'eviction' : 'older-self'
      return {
        action: 'republish',
        notes: [{ code: 'refuted', incarnation: this.#incarnation, what }],
      }
    }
    this.#refuteAgainAt = now + refuteMs
    return { action: 'republish', notes: [this.#duplicate(foreign, false)] }
  }

  #wasFirst(twin: NodeRecord): boolean {
    if (twin.bootedAtMs !== this.#bootedAtMs) return twin.bootedAtMs < this.#bootedAtMs
    // Copies of one machine may start in the same millisecond: any order will do that both see alike.
    return hopsText(twin.nextHops) < hopsText(this.#uplink.nextHops)
  }

  #duplicate(twin: NodeRecord, yielding: boolean): Note {
    return { code: 'duplicate-identity', name: twin.name, at: hopsText(twin.nextHops), yielding }
  }

  #dialable = (hop: Address): string => `/ip${hop.family}/${hop.text}/tcp/${this.#config.port}`
}

const hopsText = (hops: readonly Address[]): string => hops.map(({ text }) => text).join(', ')
