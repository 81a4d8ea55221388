/** The replicated state: a join-semilattice of entries by origin, and the fences that their tombstones raised. */

import type { Carried, Stamp } from '../gossip/message.ts'
import type { Prefix } from '../ip/prefix.ts'
import type { Millis } from '../rng.ts'
import { Digest, textHash } from './digest.ts'
import { Members } from './members.ts'
import {
  type Body,
  type Claim,
  compareVersions,
  type Entry,
  type Fence,
  type NodeId,
  type NodeRecord,
  type Tombstone,
} from './record.ts'

/** A fence with the tombstone that raised it: what makes others believe it after the tombstone was collected. */
interface FenceProof extends Fence {
  readonly proof: Entry
}

export interface Merged {
  /** The entry replaced what was there. */
  readonly news: boolean
  readonly before: Entry | undefined
  /** Prefixes whose fence rose. */
  readonly raised: readonly Prefix[]
  /** Another entry of the same version was there: two agents write with one identity. */
  readonly twin: boolean
}

/** How much is kept, whatever others say. */
export interface RecordSetLimits {
  /** Live records of others, and this node's own. */
  readonly nodes: number
  /** Tombstones, and fences. */
  readonly remembered: number
  isOurs(prefix: Prefix): boolean
}

const unlimited: RecordSetLimits = {
  nodes: Number.POSITIVE_INFINITY,
  remembered: Number.POSITIVE_INFINITY,
  isOurs: () => true,
}

export class RecordSet {
  readonly #entries = new Map<NodeId, Entry>()
  readonly #members = new Members()
  readonly #expiries = new Map<NodeId, Millis>()
  readonly #fences = new Map<string, FenceProof>()
  /** Few exclude anything, and every choice of a subnet asks who does. */
  readonly #excluding = new Map<NodeId, NodeRecord>()
  readonly #digest = new Digest()
  readonly #tombstoneMs: number
  readonly #limits: RecordSetLimits

  constructor(tombstoneMs: number, limits: RecordSetLimits = unlimited) {
    this.#tombstoneMs = tombstoneMs
    this.#limits = limits
  }

  /** Whether an entry of a node that is not known has room. */
  hasRoom(kind: Body['kind']): boolean {
    const { nodes, remembered } = this.#limits
    return kind === 'record' ? this.size < nodes : this.tombstones < remembered
  }

  /** Whether a neighbour's item is wanted. */
  takes(id: string): boolean {
    const isFence = id.includes('/')
    return isFence || this.#entries.has(id as NodeId) || this.hasRoom('record')
  }

  get root(): string {
    return this.#digest.root
  }

  get buckets(): readonly string[] {
    return this.#digest.buckets
  }

  /** Number of live records. */
  get size(): number {
    return this.#members.all.length
  }

  /** Nodes with a live record, ascending. */
  get members(): readonly NodeId[] {
    return this.#members.all
  }

  get tombstones(): number {
    return this.#expiries.size
  }

  get fences(): number {
    return this.#fences.size
  }

  get(origin: NodeId): Entry | undefined {
    return this.#entries.get(origin)
  }

  record(origin: NodeId): NodeRecord | undefined {
    const body = this.#entries.get(origin)?.body
    return body?.kind === 'record' ? body : undefined
  }

  /** All live records, by ascending origin. */
  records(): NodeRecord[] {
    return this.#members.all.flatMap((origin) => this.record(origin) ?? [])
  }

  /** Live records that have exclusions or keep addresses, by ascending origin. */
  excluding(): NodeRecord[] {
    return [...this.#excluding.values()].sort((a, b) => (a.origin < b.origin ? -1 : 1))
  }

  /** Below it, a claim of exactly this prefix goes behind others: nobody's fence reaches beyond the prefix that it names. */
  fenceOf(prefix: Prefix): number {
    return this.#fences.get(prefix.text)?.fence ?? 0
  }

  /** Whether exactly this node was ended since it made the claim. */
  isEnded(origin: NodeId, { prefix, fence }: Claim): boolean {
    const raised = this.#fences.get(prefix.text)
    return raised !== undefined && fence < raised.fence && raised.proof.body.origin === origin
  }

  merge({ entry, remainMs }: Carried, now: Millis): Merged {
    const { origin } = entry.body
    const before = this.#entries.get(origin)
    const raised = entry.body.kind === 'tombstone' ? this.#raise(entry, entry.body) : []
    const twin =
      before !== undefined &&
      before.hash !== entry.hash &&
      before.body.kind === entry.body.kind &&
      before.body.kind === 'record' &&
      compareVersions(before.body.version, entry.body.version) === 0
    // A remainder of 0 carries fences only: its tombstone is already collected elsewhere.
    if (remainMs <= 0 || (before && !supersedes(entry, before))) {
      return { news: false, before, raised, twin }
    }
    if (before) this.#digest.toggle(origin, before.hash)
    this.#digest.toggle(origin, entry.hash)
    this.#entries.set(origin, entry)
    this.#excluding.delete(origin)
    if (entry.body.kind === 'record') this.#members.add(origin)
    else this.#members.delete(origin)
    if (entry.body.kind === 'record' && isExcluding(entry.body)) {
      this.#excluding.set(origin, entry.body)
    }
    if (entry.body.kind === 'tombstone') {
      this.#expiries.set(origin, now + Math.min(remainMs, this.#tombstoneMs))
      if (this.tombstones > this.#limits.remembered) this.#forgetOldest()
    } else {
      this.#expiries.delete(origin)
    }
    return { news: true, before, raised, twin }
  }

  /** Forgets what is known of an origin, but not the fences. Returns what it was. */
  remove(origin: NodeId): Entry | undefined {
    const entry = this.#entries.get(origin)
    if (!entry) return undefined
    this.#digest.toggle(origin, entry.hash)
    this.#entries.delete(origin)
    this.#expiries.delete(origin)
    this.#members.delete(origin)
    this.#excluding.delete(origin)
    return entry
  }

  /** Forgets the tombstones whose retention is over. Their fences stay. Returns whether there were any. */
  collect(now: Millis): boolean {
    const before = this.#expiries.size
    for (const [origin, at] of this.#expiries) {
      if (at > now) continue
      const entry = this.#entries.get(origin)
      if (entry) this.#digest.toggle(origin, entry.hash)
      this.#entries.delete(origin)
      this.#expiries.delete(origin)
    }
    return this.#expiries.size < before
  }

  /** When `collect` next has something to do. */
  nextExpiry(): Millis {
    let next = Number.POSITIVE_INFINITY
    for (const at of this.#expiries.values()) next = Math.min(next, at)
    return next
  }

  /** What this side has in a bucket. */
  stamps(bucket: number): Stamp[] {
    return [...this.#digest.ids(bucket)].flatMap((id) => this.stamp(id) ?? [])
  }

  stamp(id: string): Stamp | undefined {
    const fence = this.#fences.get(id)
    if (fence) return { id, version: [fence.fence, 0], hash: '' }
    const entry = this.#entries.get(id as NodeId)
    return entry && stampOf(entry)
  }

  /** The entry, or the proof of the fence, with this id as it travels. */
  carried(id: string, now: Millis): Carried | undefined {
    const fence = this.#fences.get(id)
    if (fence) return { entry: fence.proof, remainMs: this.#remainOf(fence.proof, now) }
    const entry = this.#entries.get(id as NodeId)
    return entry && { entry, remainMs: this.#remainOf(entry, now) }
  }

  /** Everything, for the store. */
  allCarried(now: Millis): Carried[] {
    const carried = [...this.#entries.values()].map((entry) => ({
      entry,
      remainMs: this.#remainOf(entry, now),
    }))
    const held = new Set(carried.map(({ entry }) => entry.hash))
    for (const { proof } of this.#fences.values()) {
      if (held.has(proof.hash)) continue
      held.add(proof.hash)
      carried.push({ entry: proof, remainMs: 0 })
    }
    return carried
  }

  /** Who is known and ends is remembered in place of whoever ended first. */
  #forgetOldest(): void {
    let oldest: NodeId | undefined
    let endsAt = Number.POSITIVE_INFINITY
    for (const [origin, at] of this.#expiries) {
      if (at >= endsAt) continue
      oldest = origin
      endsAt = at
    }
    if (oldest) this.remove(oldest)
  }

  /** For the fence of a prefix that had none. Those that no claim of ours can need give way. */
  #makeRoom(prefix: Prefix): boolean {
    const { remembered, isOurs } = this.#limits
    if (this.#fences.size < remembered) return true
    if (!isOurs(prefix)) return false
    for (const [text, fence] of this.#fences) {
      if (isOurs(fence.prefix)) continue
      this.#digest.toggle(text, fenceHash(fence))
      this.#fences.delete(text)
      return true
    }
    return false
  }

  #remainOf(entry: Entry, now: Millis): number {
    if (entry.body.kind === 'record') return Number.POSITIVE_INFINITY
    const { origin } = entry.body
    if (this.#entries.get(origin)?.hash !== entry.hash) return 0
    return Math.max(0, (this.#expiries.get(origin) ?? 0) - now)
  }

  #raise(proof: Entry, tombstone: Tombstone): Prefix[] {
    const raised: Prefix[] = []
    for (const { prefix, fence } of tombstone.fences) {
      const known = this.#fences.get(prefix.text)
      if (known && known.fence >= fence) continue
      if (!known && !this.#makeRoom(prefix)) continue
      const item: FenceProof = { prefix, fence, proof }
      if (known) this.#digest.toggle(prefix.text, fenceHash(known))
      this.#digest.toggle(prefix.text, fenceHash(item))
      this.#fences.set(prefix.text, item)
      raised.push(prefix)
    }
    return raised
  }
}

/** Whether `a` replaces `b`, an entry of the same origin: a total order, so that merging is a join. */
export function supersedes(a: Entry, b: Entry): boolean {
  const order = compareVersions(a.body.version, b.body.version)
  if (order !== 0) return order > 0
  if (a.body.kind !== b.body.kind) return a.body.kind === 'tombstone'
  return a.hash < b.hash
}

const isExcluding = ({ exclusions, kept }: NodeRecord): boolean =>
  exclusions.length > 0 || kept.length > 0

const fenceHash = ({ prefix, fence }: Fence): string => textHash(`${prefix.text}#${fence}`)

const stampOf = ({ body, hash }: Entry): Stamp => ({
  id: body.origin,
  version: [body.version.incarnation, body.version.seqno],
  hash: hash.slice(0, 16),
})
