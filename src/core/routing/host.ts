/** This host's links and addresses, as the kernel told them. */

import type { Address } from '../ip/address.ts'
import { hostPrefix, type Prefix } from '../ip/prefix.ts'
import { PrefixTrie } from '../ip/prefix-trie.ts'
import type { HostAddress, Link } from './route.ts'

export class Host {
  readonly #links = new Map<number, Link>()
  /** By address text, then by interface: several interfaces may have one address. */
  readonly #addresses = new PrefixTrie<Map<number, HostAddress>>()

  link(ifindex: number): Link | undefined {
    return this.#links.get(ifindex)
  }

  links(): Iterable<Link> {
    return this.#links.values()
  }

  linkNamed(name: string): Link | undefined {
    for (const link of this.#links.values()) if (link.name === name) return link
    return undefined
  }

  putLink(link: Link): void {
    this.#links.set(link.ifindex, link)
  }

  /** A link takes its addresses with it. */
  dropLink(ifindex: number): void {
    this.#links.delete(ifindex)
    for (const held of [...this.addresses()]) if (held.ifindex === ifindex) this.dropAddress(held)
  }

  putAddress(held: HostAddress): void {
    const key = hostPrefix(held.address)
    const holders = this.#addresses.get(key) ?? new Map<number, HostAddress>()
    holders.set(held.ifindex, held)
    this.#addresses.set(key, holders)
  }

  dropAddress({ address, ifindex }: HostAddress): void {
    const key = hostPrefix(address)
    const holders = this.#addresses.get(key)
    holders?.delete(ifindex)
    if (holders?.size === 0) this.#addresses.delete(key)
  }

  has(address: Address): boolean {
    return this.#addresses.get(hostPrefix(address)) !== undefined
  }

  anyInside(prefix: Prefix): boolean {
    return !this.#addresses.covered(prefix).next().done
  }

  *addresses(): Generator<HostAddress> {
    for (const holders of this.#addresses.values()) yield* holders.values()
  }

  nameOf = (ifindex: number): string => this.#links.get(ifindex)?.name ?? `if${ifindex}`
}
