/** Over which interface each next hop is on-link, as far as the kernel was asked. */

import type { Address } from '../ip/address.ts'
import { hostPrefix, type Prefix } from '../ip/prefix.ts'
import { PrefixTrie } from '../ip/prefix-trie.ts'
import type { NextHopAnswer } from './route.ts'

/** `off-link` is an answer too; `unknown`: the question is out or due. */
export type Reach = { readonly ifindex: number } | 'off-link' | 'unknown'

interface NextHop {
  readonly address: Address
  /** How many records name it. */
  users: number
  reach: Reach
}

export class NextHops {
  readonly #hops = new Map<string, NextHop>()
  readonly #trie = new PrefixTrie<Address>()
  /** Those that the kernel has not been asked about, or not since it changed. */
  readonly #due = new Map<string, Address>()

  /** Another record names `address`. */
  use(address: Address): void {
    const hop = this.#hops.get(address.text)
    if (hop) {
      hop.users += 1
      return
    }
    this.#hops.set(address.text, { address, users: 1, reach: 'unknown' })
    this.#due.set(address.text, address)
    this.#trie.set(hostPrefix(address), address)
  }

  /** One record fewer names `address`. */
  release(address: Address): void {
    const hop = this.#hops.get(address.text)
    if (!hop) return
    hop.users -= 1
    if (hop.users > 0) return
    this.#hops.delete(address.text)
    this.#due.delete(address.text)
    this.#trie.delete(hostPrefix(address))
  }

  reach(address: Address): Reach {
    return this.#hops.get(address.text)?.reach ?? 'unknown'
  }

  anyInside(prefix: Prefix): boolean {
    return !this.#trie.covered(prefix).next().done
  }

  /** Whether traffic to any next hop leaves over this interface. */
  usesLink(ifindex: number): boolean {
    for (const { reach } of this.#hops.values()) {
      if (typeof reach === 'object' && reach.ifindex === ifindex) return true
    }
    return false
  }

  anyOffLink(): boolean {
    for (const { reach } of this.#hops.values()) if (reach === 'off-link') return true
    return false
  }

  /** Everything must be asked again; the old answers stand until the new ones come. */
  doubt(): void {
    for (const { address } of this.#hops.values()) this.#due.set(address.text, address)
  }

  /** The next hops that the kernel must be asked about; they count as asked from here on. */
  ask(): Address[] {
    const due = [...this.#due.values()]
    this.#due.clear()
    return due
  }

  /** Whether the answer differs from what was known. */
  answer({ nextHop, ifindex }: NextHopAnswer): boolean {
    const hop = this.#hops.get(nextHop.text)
    if (!hop) return false
    const before = hop.reach
    hop.reach = ifindex === undefined ? 'off-link' : { ifindex }
    if (typeof before === 'object') return before.ifindex !== ifindex
    return before !== hop.reach
  }
}
