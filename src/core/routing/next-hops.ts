/** Over which interface each next hop is on-link, as far as the kernel was asked. */

import { type Address, isLinkLocal } from '../ip/address.ts'
import { hostPrefix, type Prefix } from '../ip/prefix.ts'
import { PrefixTrie } from '../ip/prefix-trie.ts'
import type { NextHopAnswer, NextHopQuestion } from './route.ts'

/** `off-link` is an answer too; `unknown`: the question is out or due. */
export type Reach = { readonly ifindex: number } | 'off-link' | 'unknown'

/**
 * A next hop as its node announces it. A link-local address says nothing of its link: it is looked for where the same
 * node's IPv4 next hop is, `beside`. Two nodes on two links may have the same one.
 */
export interface Hop {
  readonly address: Address
  readonly beside: Address | undefined
}

/** The next hops that a record names, one per family. */
export function hopsOf(nextHops: readonly Address[]): Hop[] {
  const v4 = nextHops.find(({ family }) => family === 4)
  return nextHops.map((address) => ({
    address,
    beside: address.family === 6 && isLinkLocal(address) ? v4 : undefined,
  }))
}

interface Known extends Hop {
  /** How many records name it. */
  users: number
  reach: Reach
}

export class NextHops {
  readonly #hops = new Map<string, Known>()
  readonly #trie = new PrefixTrie<Set<string>>()
  /** Those that the kernel has not been asked about, or not since it changed. */
  readonly #due = new Set<string>()
  #uplink = 0

  /** Where link-local next hops of nodes without an IPv4 next hop are looked for. */
  set uplink(ifindex: number) {
    if (ifindex === this.#uplink) return
    this.#uplink = ifindex
    for (const [text, hop] of this.#hops) if (isScoped(hop)) this.#due.add(text)
  }

  /** Another record names `hop`. */
  use(hop: Hop): void {
    const text = hopText(hop)
    const known = this.#hops.get(text)
    if (known) {
      known.users += 1
      return
    }
    this.#hops.set(text, { ...hop, users: 1, reach: 'unknown' })
    this.#due.add(text)
    const key = hostPrefix(hop.address)
    this.#trie.set(key, (this.#trie.get(key) ?? new Set()).add(text))
  }

  /** One record fewer names `hop`. */
  release(hop: Hop): void {
    const text = hopText(hop)
    const known = this.#hops.get(text)
    if (!known) return
    known.users -= 1
    if (known.users > 0) return
    this.#hops.delete(text)
    this.#due.delete(text)
    const key = hostPrefix(hop.address)
    const rest = this.#trie.get(key)
    rest?.delete(text)
    if (rest?.size === 0) this.#trie.delete(key)
  }

  reach(hop: Hop): Reach {
    return this.#hops.get(hopText(hop))?.reach ?? 'unknown'
  }

  /**
   * Whether a hop inside `prefix` is on a link of this host, by the kernel's word or as `isOnNetwork` sees it. A hop
   * that is nowhere near is only a number that some node wrote: it protects nothing.
   */
  anyInUse(prefix: Prefix, isOnNetwork: (hop: Address) => boolean): boolean {
    for (const texts of this.#trie.covered(prefix)) {
      for (const text of texts) {
        const hop = this.#hops.get(text)
        if (hop && (typeof hop.reach === 'object' || isOnNetwork(hop.address))) return true
      }
    }
    return false
  }

  /** Whether traffic to any next hop leaves over this interface. */
  usesLink(ifindex: number): boolean {
    for (const { reach } of this.#hops.values()) {
      if (typeof reach === 'object' && reach.ifindex === ifindex) return true
    }
    return false
  }

  /** The interfaces that next hops are on, ascending. */
  links(): number[] {
    const found = new Set<number>()
    for (const { reach } of this.#hops.values()) {
      if (typeof reach === 'object') found.add(reach.ifindex)
    }
    return [...found].sort((a, b) => a - b)
  }

  anyOffLink(): boolean {
    for (const { reach } of this.#hops.values()) if (reach === 'off-link') return true
    return false
  }

  /** Everything must be asked again; the old answers stand until the new ones come. */
  doubt(): void {
    for (const text of this.#hops.keys()) this.#due.add(text)
  }

  /**
   * What the kernel must be asked; it counts as asked from here on. `lost`: hops that were on a link and are not,
   * because the one beside them is not.
   */
  ask(): { readonly questions: readonly NextHopQuestion[]; readonly lost: readonly Address[] } {
    const questions = new Map<string, NextHopQuestion>()
    const lost: Address[] = []
    for (const text of this.#due) {
      const hop = this.#hops.get(text)
      if (!hop) continue
      const ifindex = this.#linkOf(hop)
      // The one beside it is being asked for; its answer makes this one due again.
      if (ifindex === 'unknown') continue
      if (ifindex === 'off-link') {
        if (hop.reach !== 'off-link') lost.push(hop.address)
        hop.reach = 'off-link'
        continue
      }
      const question = { nextHop: hop.address, ifindex }
      questions.set(questionText(question), question)
    }
    this.#due.clear()
    return { questions: [...questions.values()], lost }
  }

  /** The addresses of the hops of which more, less or something else is known by the answer. */
  answer({ question, ifindex }: NextHopAnswer): Address[] {
    const moved: Address[] = []
    for (const text of this.#trie.get(hostPrefix(question.nextHop)) ?? []) {
      const hop = this.#hops.get(text)
      if (!hop || this.#linkOf(hop) !== question.ifindex) continue
      if (this.#settle(hop, ifindex)) moved.push(hop.address)
    }
    return moved
  }

  #settle(hop: Known, ifindex: number | undefined): boolean {
    const before = hop.reach
    hop.reach = ifindex === undefined ? 'off-link' : { ifindex }
    const same = typeof before === 'object' ? before.ifindex === ifindex : before === hop.reach
    if (!same && hop.address.family === 4) this.#followers(hop.address)
    return !same
  }

  /** Link-local next hops follow the IPv4 one beside them. */
  #followers(address: Address): void {
    for (const [text, { beside }] of this.#hops) {
      if (beside?.text === address.text) this.#due.add(text)
    }
  }

  /** The link to look on; 0: the kernel decides. */
  #linkOf(hop: Known): number | 'off-link' | 'unknown' {
    if (!isScoped(hop)) return 0
    if (!hop.beside) return this.#uplink === 0 ? 'off-link' : this.#uplink
    const reach = this.reach({ address: hop.beside, beside: undefined })
    return typeof reach === 'object' ? reach.ifindex : reach
  }
}

const isScoped = ({ address }: Hop): boolean => address.family === 6 && isLinkLocal(address)

const hopText = ({ address, beside }: Hop): string =>
  beside ? `${address.text} beside ${beside.text}` : address.text

const questionText = ({ nextHop, ifindex }: NextHopQuestion): string => `${nextHop.text}%${ifindex}`
