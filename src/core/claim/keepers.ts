/**
 * Whose the single addresses are that outlive the claim which they were granted under. A node that lost a subnet keeps
 * those that its containers still have; whoever holds the subnet now says of each whose it is from here on.
 */

import { type Address, address } from '../ip/address.ts'
import { type AddressList, addressesIn, sameLists } from '../ip/address-list.ts'
import type { Prefix } from '../ip/prefix.ts'
import type { Award, Body, NodeId } from './record.ts'

/** What is heeded of one node: lists of our subnets, and awards of addresses in what it claims. */
interface Said {
  readonly kept: readonly AddressList[]
  readonly awarded: readonly Award[]
}

/** So many nodes keep something at the most, the lowest ones: whoever has more identities than that gains nothing. */
const keepersMax = 256

const nothing: Said = { kept: [], awarded: [] }

export class Keepers {
  readonly #isOurs: (prefix: Prefix) => boolean
  /** By node, where it says anything. */
  readonly #said = new Map<NodeId, Said>()
  /** Those of which `#kept` knows. */
  #heeded: ReadonlySet<NodeId> = new Set()
  /** By address. */
  readonly #kept = new Map<string, Set<NodeId>>()
  /** By address and author. */
  readonly #awarded = new Map<string, Map<NodeId, NodeId>>()
  /** Authors that were ended: what they said last stands until somebody else holds their subnet. */
  readonly #ended = new Set<NodeId>()

  /** `isOurs`: whether it is a subnet of this node's pools. */
  constructor(isOurs: (prefix: Prefix) => boolean) {
    this.#isOurs = isOurs
  }

  get isEmpty(): boolean {
    return this.#said.size === 0
  }

  /** Replaces what `origin` says; undefined: it is forgotten. Returns the addresses whose node may be another one now. */
  update(origin: NodeId, body: Body | undefined): Address[] {
    const before = this.#said.get(origin) ?? nothing
    const said = body ? this.#heededOf(body) : nothing
    const wasEnded = this.#ended.has(origin)
    const isEnded = body?.kind === 'tombstone' && said.awarded.length > 0
    if (isEnded) this.#ended.add(origin)
    else this.#ended.delete(origin)
    if (sameSaid(before, said)) {
      return wasEnded === isEnded ? [] : said.awarded.flatMap((award) => [...addressesIn(award)])
    }
    const touched = new Map<string, Address>()
    if (said.kept.length + said.awarded.length === 0) this.#said.delete(origin)
    else this.#said.set(origin, said)
    this.#award(origin, before.awarded, said.awarded, touched)
    this.#heed(origin, before, touched)
    return [...touched.values()]
  }

  /** Who keeps an address inside `subnet`. */
  *keptIn(subnet: Prefix): Generator<{ readonly address: Address; readonly node: NodeId }> {
    for (const node of this.#heeded) {
      for (const list of this.#said.get(node)?.kept ?? []) {
        if (list.prefix.text !== subnet.text) continue
        for (const each of addressesIn(list)) yield { address: each, node }
      }
    }
  }

  /** What `author` says of addresses inside `subnet`. */
  *awardedIn(
    subnet: Prefix,
    author: NodeId,
  ): Generator<{ readonly address: Address; readonly node: NodeId }> {
    for (const award of this.#said.get(author)?.awarded ?? []) {
      if (award.prefix.text !== subnet.text) continue
      for (const each of addressesIn(award)) yield { address: each, node: award.node }
    }
  }

  /** Whose the holder of the subnet says that an address is; undefined: it has not said. */
  awardee({ text }: Pick<Address, 'text'>, holder: NodeId): NodeId | undefined {
    return this.#awarded.get(text)?.get(holder)
  }

  /** Whose a node that held the subnet said that an address is, before it was ended. */
  formerAwardee({ text }: Pick<Address, 'text'>): NodeId | undefined {
    const authors = [...(this.#awarded.get(text)?.keys() ?? [])]
    const last = authors.filter((author) => this.#ended.has(author)).sort()[0]
    return last && this.#awarded.get(text)?.get(last)
  }

  /**
   * The node that keeps the only address of `prefix` and may: by the word of whoever holds the subnet, or held it last.
   * Where there is none, of several the lowest. Until the holder has spoken, `self` goes on with what it keeps, and
   * nobody else heeds it.
   */
  keeper(prefix: Prefix, holder: NodeId | undefined, self: NodeId): NodeId | undefined {
    if (this.isEmpty || prefix.first !== prefix.last) return undefined
    const kept = address(prefix.family, prefix.first)
    const nodes = this.#kept.get(kept.text)
    if (!nodes) return undefined
    if (holder === undefined) {
      const former = this.formerAwardee(kept)
      return former !== undefined && nodes.has(former) ? former : [...nodes].sort()[0]
    }
    const awardee = this.awardee(kept, holder)
    if (awardee !== undefined) return nodes.has(awardee) ? awardee : undefined
    return nodes.has(self) ? self : undefined
  }

  /** What lies in no subnet of ours is routed to by nobody, and what is in no claim of the author is not its to give. */
  #heededOf(body: Body): Said {
    const record = body.kind === 'record' ? body : body.ended.body
    const claimed = new Set(record.claims.map(({ prefix }) => prefix.text))
    return {
      kept: body.kind === 'record' ? record.kept.filter(({ prefix }) => this.#isOurs(prefix)) : [],
      awarded: record.awarded.filter(({ prefix }) => claimed.has(prefix.text)),
    }
  }

  #award(
    origin: NodeId,
    before: readonly Award[],
    after: readonly Award[],
    touched: Map<string, Address>,
  ): void {
    if (sameAwards(before, after)) return
    for (const each of before.flatMap((award) => [...addressesIn(award)])) {
      touched.set(each.text, each)
      const authors = this.#awarded.get(each.text)
      authors?.delete(origin)
      if (authors?.size === 0) this.#awarded.delete(each.text)
    }
    for (const award of after) {
      for (const each of addressesIn(award)) {
        touched.set(each.text, each)
        const authors = this.#awarded.get(each.text) ?? new Map<NodeId, NodeId>()
        this.#awarded.set(each.text, authors.set(origin, award.node))
      }
    }
  }

  /** Which nodes are heeded is a function of who keeps anything, in whatever order that was heard. */
  #heed(origin: NodeId, before: Said, touched: Map<string, Address>): void {
    const keeping = [...this.#said].filter(([, { kept }]) => kept.length > 0)
    const nodes = keeping.map(([node]) => node).sort()
    const heeded = new Set(nodes.slice(0, keepersMax))
    for (const node of this.#heeded) {
      if (heeded.has(node) && node !== origin) continue
      this.#keep(
        'drop',
        node,
        node === origin ? before.kept : (this.#said.get(node)?.kept ?? []),
        touched,
      )
    }
    for (const node of heeded) {
      if (this.#heeded.has(node) && node !== origin) continue
      this.#keep('put', node, this.#said.get(node)?.kept ?? [], touched)
    }
    this.#heeded = heeded
  }

  #keep(
    what: 'put' | 'drop',
    node: NodeId,
    lists: readonly AddressList[],
    touched: Map<string, Address>,
  ): void {
    for (const each of lists.flatMap((list) => [...addressesIn(list)])) {
      touched.set(each.text, each)
      const nodes = this.#kept.get(each.text) ?? new Set()
      if (what === 'put') this.#kept.set(each.text, nodes.add(node))
      else if (nodes.delete(node) && nodes.size === 0) this.#kept.delete(each.text)
    }
  }
}

const sameSaid = (a: Said, b: Said): boolean =>
  sameLists(a.kept, b.kept) && sameAwards(a.awarded, b.awarded)

export const sameAwards = (a: readonly Award[], b: readonly Award[]): boolean =>
  sameLists(a, b) && a.every(({ node }, at) => node === b[at]?.node)
