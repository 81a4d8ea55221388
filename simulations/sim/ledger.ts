/** What the nodes really said, as an observer who misses nothing knows it: the source of the checkers' expectations. */

import type { Entry, NodeId, NodeRecord } from '../../src/core/claim/record.ts'
import { supersedes } from '../../src/core/claim/record-set.ts'
import { type OwnedClaim, resolve, type Standing } from '../../src/core/claim/resolve.ts'
import { Witnesses } from '../../src/core/claim/witnesses.ts'
import { overlaps, type Prefix } from '../../src/core/ip/prefix.ts'

export class Ledger {
  readonly #entries = new Map<NodeId, Entry>()
  readonly #fences = new Map<string, { prefix: Prefix; fence: number }>()
  readonly #witnesses = new Witnesses()
  readonly #past = new Map<string, OwnedClaim>()
  #standings: readonly Standing[] | undefined

  write(entry: Entry): void {
    const { body } = entry
    if (this.#entries.get(body.origin)?.hash === entry.hash) return
    this.#standings = undefined
    for (const owned of claimsOf(entry)) this.#past.set(pastKey(owned), owned)
    if (body.kind === 'tombstone') {
      for (const { prefix, fence } of body.fences) {
        const known = this.#fences.get(prefix.text)
        if (!known || known.fence < fence) this.#fences.set(prefix.text, { prefix, fence })
      }
    }
    const before = this.#entries.get(body.origin)
    if (before && !supersedes(entry, before)) return
    this.#entries.set(body.origin, entry)
    this.#witnesses.update(body.origin, { before: witnessedBy(before), after: witnessedBy(entry) })
  }

  /** Everything that either observer heard. */
  join(other: Ledger): void {
    for (const owned of other.#past.values()) this.#past.set(pastKey(owned), owned)
    for (const entry of other.#entries.values()) this.write(entry)
    for (const [text, fence] of other.#fences) {
      const known = this.#fences.get(text)
      if (!known || known.fence < fence.fence) this.#fences.set(text, fence)
    }
  }

  /** What is left of it once nobody remembers more than these. */
  reducedTo(entries: Iterable<Entry>): Ledger {
    const reduced = new Ledger()
    for (const owned of this.#past.values()) reduced.#past.set(pastKey(owned), owned)
    for (const entry of entries) reduced.write(entry)
    return reduced
  }

  get(origin: NodeId): Entry | undefined {
    return this.#entries.get(origin)
  }

  /** Of the nodes that did not end. */
  get records(): NodeRecord[] {
    return [...this.#entries.values()].flatMap(({ body }) => (body.kind === 'record' ? [body] : []))
  }

  /** Every claim that was ever made, in each of its states; as many as were published. */
  get past(): Iterable<OwnedClaim> {
    return this.#past.values()
  }

  /** Of the claims that stand, judged afresh and all at once. */
  get standings(): readonly Standing[] {
    this.#standings ??= resolve([...this.#entries.values()].flatMap(claimsOf), {
      fenceOf: (prefix) => this.fenceOf(prefix),
      // A simulated cluster has one pool.
      isOurs: () => true,
      isPinned: () => false,
      isHeld: () => false,
      support: ({ origin, claim }) => this.#witnesses.count(claim.prefix, origin),
    })
    return this.#standings
  }

  support({ origin, claim }: OwnedClaim): number {
    return this.#witnesses.count(claim.prefix, origin)
  }

  fenceOf(prefix: Prefix): number {
    let floor = 0
    for (const { prefix: fenced, fence } of this.#fences.values()) {
      if (overlaps(fenced, prefix)) floor = Math.max(floor, fence)
    }
    return floor
  }
}

const claimsOf = ({ body }: Entry): OwnedClaim[] =>
  body.kind === 'record' ? body.claims.map((claim) => ({ origin: body.origin, claim })) : []

const witnessedBy = (entry: Entry | undefined) =>
  entry?.body.kind === 'record' ? entry.body.witnessed : []

const pastKey = ({ origin, claim }: OwnedClaim): string =>
  `${origin} ${claim.prefix.text} ${claim.state} ${claim.confirmedAtMs} ${claim.fence}`
