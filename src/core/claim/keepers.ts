/**
 * Whose the single addresses are that outlive the claim which they were granted under. A node that lost a subnet keeps
 * those that its containers still have; whoever holds the subnet now says of each whose it is from here on.
 */

import { type Address, address } from '../ip/address.ts'
import { type AddressList, addressesIn } from '../ip/address-list.ts'
import { overlaps, type Prefix } from '../ip/prefix.ts'
import type { NodeId, NodeRecord } from './record.ts'

/** As many are known, whatever nodes say: what comes later is not heeded. */
const keptMax = 16_384

type Said = Pick<NodeRecord, 'kept' | 'awarded'>

const nothing: Said = { kept: [], awarded: [] }

export class Keepers {
  /** By node, where it says anything. */
  readonly #said = new Map<NodeId, Said>()
  /** By address. */
  readonly #kept = new Map<string, Set<NodeId>>()
  /** By address and author. */
  readonly #awarded = new Map<string, Map<NodeId, NodeId>>()
  #revision = 0

  /** Raised with every change. */
  get revision(): number {
    return this.#revision
  }

  get isEmpty(): boolean {
    return this.#said.size === 0
  }

  /** Replaces what `origin` says. Returns the addresses whose node may be another one now. */
  update(origin: NodeId, said: Said = nothing): Address[] {
    const before = this.#said.get(origin)
    const isEmpty = said.kept.length === 0 && said.awarded.length === 0
    if (!before && isEmpty) return []
    this.#revision += 1
    const touched = new Map<string, Address>()
    if (before) this.#drop(origin, before, touched)
    if (isEmpty) this.#said.delete(origin)
    else {
      this.#said.set(origin, said)
      this.#put(origin, said, touched)
    }
    return [...touched.values()]
  }

  /** Who keeps an address inside `prefix`. */
  *keptIn(prefix: Prefix): Generator<{ readonly address: Address; readonly node: NodeId }> {
    for (const [node, { kept }] of this.#said) {
      for (const each of within(kept, prefix)) {
        if (this.#kept.get(each.text)?.has(node)) yield { address: each, node }
      }
    }
  }

  /** What `author` says of addresses inside `prefix`. */
  *awardedIn(
    prefix: Prefix,
    author: NodeId,
  ): Generator<{ readonly address: Address; readonly node: NodeId }> {
    for (const award of this.#said.get(author)?.awarded ?? []) {
      for (const each of within([award], prefix)) yield { address: each, node: award.node }
    }
  }

  /** Whose the holder of the subnet says that an address is; undefined: it has not said. */
  awardee({ text }: Pick<Address, 'text'>, holder: NodeId): NodeId | undefined {
    return this.#awarded.get(text)?.get(holder)
  }

  /**
   * The node that keeps the only address of `prefix` and may: by the word of whoever holds the subnet. While nobody does, of several the
   * lowest. Until the holder has spoken, `self` goes on with what it keeps, and nobody else heeds it.
   */
  keeper(prefix: Prefix, holder: NodeId | undefined, self: NodeId): NodeId | undefined {
    if (this.isEmpty || prefix.first !== prefix.last) return undefined
    const kept = address(prefix.family, prefix.first)
    const nodes = this.#kept.get(kept.text)
    if (!nodes) return undefined
    if (holder === undefined) return [...nodes].sort()[0]
    const awardee = this.awardee(kept, holder)
    if (awardee !== undefined) return nodes.has(awardee) ? awardee : undefined
    return nodes.has(self) ? self : undefined
  }

  #put(origin: NodeId, { kept, awarded }: Said, touched: Map<string, Address>): void {
    for (const address of allOf(kept)) {
      const known = this.#kept.get(address.text)
      if (!known && this.#kept.size >= keptMax) continue
      touched.set(address.text, address)
      if (known) known.add(origin)
      else this.#kept.set(address.text, new Set([origin]))
    }
    for (const award of awarded) {
      for (const address of addressesIn(award)) {
        touched.set(address.text, address)
        const authors = this.#awarded.get(address.text) ?? new Map<NodeId, NodeId>()
        this.#awarded.set(address.text, authors.set(origin, award.node))
      }
    }
  }

  #drop(origin: NodeId, { kept, awarded }: Said, touched: Map<string, Address>): void {
    for (const address of allOf(kept)) {
      const nodes = this.#kept.get(address.text)
      if (!nodes?.delete(origin)) continue
      touched.set(address.text, address)
      if (nodes.size === 0) this.#kept.delete(address.text)
    }
    for (const address of allOf(awarded)) {
      touched.set(address.text, address)
      const authors = this.#awarded.get(address.text)
      authors?.delete(origin)
      if (authors?.size === 0) this.#awarded.delete(address.text)
    }
  }
}

function* allOf(lists: readonly AddressList[]): Generator<Address> {
  for (const list of lists) yield* addressesIn(list)
}

function* within(lists: readonly AddressList[], prefix: Prefix): Generator<Address> {
  for (const list of lists) {
    if (!overlaps(list.prefix, prefix)) continue
    for (const address of addressesIn(list)) {
      if (prefix.first <= address.value && address.value <= prefix.last) yield address
    }
  }
}
