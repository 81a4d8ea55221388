/** Which address of a subnet is granted next: first those that were never used, then the one that rested longest. */

import { type Address, address } from '../ip/address.ts'
import { gatewayOf, usableAddresses } from '../ip/pool.ts'
import { holds, type Prefix } from '../ip/prefix.ts'
import type { Rng } from '../rng.ts'
import type { SubnetView } from '../view.ts'
import type { Rest } from './lease.ts'
import { type Reserve, reservedUntil } from './reserve.ts'

/** More are not remembered: a subnet of IPv6 would remember all of its history. */
const restsMax = 65_536

/** An address that is held from here on, and what was remembered of it. */
export interface Taken {
  readonly address: Address
  readonly rest: Rest | undefined
}

export class FreeAddresses {
  readonly subnet: Prefix
  #used = 0
  /** Of those, the reserved ones. */
  #usedReserved = 0
  readonly #reserve: readonly Reserve[]
  /** Of the addresses behind the gateway's. */
  readonly #size: bigint
  /** Where the first pass starts: two hosts that come to serve one subnet rarely grant the same addresses. */
  readonly #start: bigint
  /** How many of them the first pass has seen. */
  #seen = 0n
  /** Granted, but not durably. */
  #returned: Address[] = []
  #resting = new Map<string, Rest>()
  /** Addresses that containers of other nodes have. */
  readonly #withheld = new Map<string, Address>()

  constructor(subnet: Prefix, reserve: readonly Reserve[], rng: Rng) {
    this.subnet = subnet
    this.#reserve = reserve
    this.#size = usableAddresses(subnet) - 1n
    this.#start = BigInt(Math.floor(rng() * Number(this.#size)))
  }

  get resting(): ReadonlyMap<string, Rest> {
    return this.#resting
  }

  /** Whether a container can have it. */
  isUsable({ value }: Address): boolean {
    const behind = value - this.subnet.first - 2n
    return behind >= 0n && behind < this.#size
  }

  isReserved({ value }: Address): boolean {
    return reservedUntil(this.#reserve, this.subnet, value) !== undefined
  }

  holds(address: Address): boolean {
    return holds(this.subnet, address)
  }

  /** All that containers of other nodes have: granted to nobody here. */
  withhold(addresses: Iterable<Address>): void {
    const wanted = new Map<string, Address>()
    for (const each of addresses) if (this.isUsable(each)) wanted.set(each.text, each)
    for (const [text, free] of this.#withheld) {
      if (wanted.has(text)) continue
      this.#withheld.delete(text)
      if (!this.isReserved(free)) this.#returned.push(free)
    }
    for (const [text, taken] of wanted) {
      if (this.#withheld.has(text)) continue
      this.#withheld.set(text, taken)
      this.#resting.delete(text)
      this.#returned = this.#returned.filter((each) => each.text !== text)
    }
  }

  isWithheld({ text }: Address): boolean {
    return this.#withheld.has(text)
  }

  /** How many are held. */
  get used(): number {
    return this.#used
  }

  /** The next one; undefined: none is free. `isHeld` knows addresses by their text. */
  take(isHeld: (text: string) => boolean): Taken | undefined {
    const unused = this.#returned.pop() ?? this.#fresh(isHeld)
    const taken = unused ? { address: unused, rest: undefined } : this.#longestRested()
    if (taken) this.#used += 1
    return taken
  }

  /** The lowest one in `part` that was never used, or else the lowest of those that rest there. */
  takeWithin(part: Prefix, isHeld: (text: string) => boolean): Taken | undefined {
    let rested: Address | undefined
    const last = min(part.last, part.first + BigInt(restsMax))
    for (let value = max(part.first, this.subnet.first + 2n); value <= last; value += 1n) {
      const candidate = address(this.subnet.family, value)
      const isOpen =
        this.isUsable(candidate) && !this.isReserved(candidate) && !this.isWithheld(candidate)
      if (!isOpen || isHeld(candidate.text)) continue
      if (!this.#resting.has(candidate.text)) return this.claim(candidate)
      rested ??= candidate
    }
    return rested && this.claim(rested)
  }

  /** One that is asked for, or that a stored lease holds. */
  claim(asked: Address): Taken {
    const rest = this.#resting.get(asked.text)
    this.#resting.delete(asked.text)
    this.#returned = this.#returned.filter(({ text }) => text !== asked.text)
    this.#used += 1
    if (this.isReserved(asked)) this.#usedReserved += 1
    return { address: asked, rest }
  }

  /** As if it had not been taken. */
  giveBack({ address: taken, rest }: Taken): void {
    this.#end(taken)
    if (rest) this.#resting = new Map([[taken.text, rest], ...this.#resting])
    else if (!this.isReserved(taken)) this.#returned.push(taken)
  }

  /** It rests behind all others. Returns what is to be forgotten: a reserved address, or the oldest of too many. */
  release(rest: Rest): Address | undefined {
    this.#end(rest.lease.address)
    return this.rest(rest)
  }

  /** As `release`, of one that nobody holds. */
  rest(rest: Rest): Address | undefined {
    const { address: rested } = rest.lease
    if (this.isReserved(rested) || this.isWithheld(rested)) return rested
    this.#resting.set(rested.text, rest)
    return this.#resting.size > restsMax ? this.#longestRested()?.address : undefined
  }

  view(): SubnetView {
    const prefix = this.subnet
    const gateway = gatewayOf(prefix)
    const size = this.#size
    const [used, resting] = [this.#used, this.#resting.size]
    const withheld = [...this.#withheld.values()]
    const open = withheld.filter((each) => !this.isReserved(each)).length
    const free = size - BigInt(used - this.#usedReserved + resting + open) - this.#reserved()
    return { prefix, gateway, size, used, resting, withheld: withheld.length, free }
  }

  #fresh(isHeld: (text: string) => boolean): Address | undefined {
    while (this.#seen < this.#size) {
      const offset = (this.#start + this.#seen) % this.#size
      const value = this.subnet.first + 2n + offset
      const until = reservedUntil(this.#reserve, this.subnet, value)
      if (until !== undefined) {
        const end = this.subnet.first + 2n + this.#size - 1n
        this.#seen += (until < end ? until : end) - value + 1n
        continue
      }
      this.#seen += 1n
      const candidate = address(this.subnet.family, value)
      const isTaken = isHeld(candidate.text) || this.isWithheld(candidate)
      if (!isTaken && !this.#resting.has(candidate.text)) return candidate
    }
    return undefined
  }

  #longestRested(): Taken | undefined {
    for (const [text, rest] of this.#resting) {
      this.#resting.delete(text)
      return { address: rest.lease.address, rest }
    }
    return undefined
  }

  #end(held: Address): void {
    this.#used -= 1
    if (this.isReserved(held)) this.#usedReserved -= 1
  }

  /** Of the addresses that containers can have; overlapping reserves count once. */
  #reserved(): bigint {
    const [low, high] = [this.subnet.first + 2n, this.subnet.first + 1n + this.#size]
    const ranges = this.#reserve
      .filter(
        ({ type, ...rest }) =>
          type === 'offsets' || ('family' in rest && rest.family === this.subnet.family),
      )
      .map(({ type, first, last }) => {
        const base = type === 'offsets' ? this.subnet.first : 0n
        return { first: max(low, base + first), last: min(high, base + last) }
      })
      .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
    let [count, counted] = [0n, low - 1n]
    for (const { first, last } of ranges) {
      const from = max(first, counted + 1n)
      if (from > last) continue
      count += last - from + 1n
      counted = last
    }
    return count
  }
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)
