/** What is wanted of this host's kernel: for each prefix that others hold, the next hop to it or why there is none. */

import type { CoreConfig } from '../config.ts'
import type { Address } from '../ip/address.ts'
import { hostPrefix, type Prefix } from '../ip/prefix.ts'
import { PrefixTrie } from '../ip/prefix-trie.ts'
import type { Note } from '../note.ts'
import { type Announcements, type RoutePolicy, type Selected, select } from './select.ts'

/** What the policy asks of the host. */
export type RibSurroundings = Pick<
  RoutePolicy,
  'guards' | 'isLocal' | 'isInNetwork' | 'isOwnAddress' | 'isGone' | 'hasBridge'
>

export class Rib {
  readonly #announced: (prefix: Prefix) => Announcements
  readonly #policy: RoutePolicy
  /** Of each kind but claims. */
  readonly #routedMax: number
  readonly #selected = new Map<string, Selected>()
  readonly #routed = { extra: 0, kept: 0 }
  /** Those that there was no room for, in order of coming. */
  readonly #leftOut = new Map<string, Selected>()
  readonly #trie = new PrefixTrie<Prefix>()

  constructor(
    { self, pools, accept, limits }: CoreConfig,
    announced: (prefix: Prefix) => Announcements,
    surroundings: RibSurroundings,
  ) {
    this.#announced = announced
    this.#routedMax = limits.routes
    this.#policy = { self, pools, accept, ...surroundings }
  }

  /** Judges what is announced of `prefix` once more. False: nothing is wanted there. */
  select(prefix: Prefix): boolean {
    const before = limitedKind(this.#selected.get(prefix.text))
    if (before) this.#routed[before] -= 1
    const selected = this.#within(select(this.#announced(prefix), this.#policy))
    const after = limitedKind(selected)
    if (after) this.#routed[after] += 1
    if (selected && isLeftOut(selected)) this.#leftOut.set(prefix.text, selected)
    else this.#leftOut.delete(prefix.text)
    if (selected) {
      this.#selected.set(prefix.text, selected)
      this.#trie.set(prefix, prefix)
    } else {
      this.#selected.delete(prefix.text)
      this.#trie.delete(prefix)
    }
    return selected !== undefined
  }

  /** Whoever comes last finds no room. What is left out is looked at again at the next dump. */
  #within(selected: Selected | undefined): Selected | undefined {
    const kind = limitedKind(selected)
    return selected && kind && this.#routed[kind] >= this.#routedMax
      ? { ...selected, outcome: { refusal: 'no-room' } }
      : selected
  }

  get(prefix: Pick<Prefix, 'text'>): Selected | undefined {
    return this.#selected.get(prefix.text)
  }

  all(): Selected[] {
    return [...this.#selected.values()]
  }

  /** Told once for all that there is no room for. */
  get problem(): Extract<Note, { code: 'routes-full' }> | undefined {
    const [first] = this.#leftOut.values()
    if (!first) return undefined
    const { origin: node, name } = first
    return { code: 'routes-full', most: this.#routedMax, leftOut: this.#leftOut.size, node, name }
  }

  covering(address: Address): Prefix[] {
    return [...this.#trie.covering(hostPrefix(address))]
  }

  overlapping(prefix: Prefix): Prefix[] {
    return [...this.#trie.overlapping(prefix)]
  }
}

/** Of a route of which nodes can have as many announced as they like. */
const limitedKind = (selected: Selected | undefined): 'extra' | 'kept' | undefined =>
  selected && selected.kind !== 'claim' && 'hop' in selected.outcome ? selected.kind : undefined

export const isLeftOut = ({ outcome }: Selected): boolean =>
  'refusal' in outcome && outcome.refusal === 'no-room'
