/** One canonical CIDR prefix, IPv4 or IPv6. */

import { type Address, address, bitsOf, type Family, parseAddress } from './address.ts'

export interface Prefix {
  readonly family: Family
  readonly first: bigint
  readonly last: bigint
  /** Number of leading bits that are fixed: 22 in 172.16.0.0/22. */
  readonly length: number
  /** Canonical text; equal prefixes have equal text, so it serves as the key in maps. */
  readonly text: string
}

/** The prefix of `length` bits that holds `value`; host bits are cleared. */
export function prefix(family: Family, value: bigint, length: number): Prefix {
  const hostBits = BigInt(bitsOf(family) - length)
  const first = (value >> hostBits) << hostBits
  const last = first | ((1n << hostBits) - 1n)
  return { family, first, last, length, text: `${address(family, first).text}/${length}` }
}

/** The prefix written as `text`, or undefined. Host bits must be zero: `10.1.2.3/24` is nobody's prefix. */
export function parsePrefix(text: string): Prefix | undefined {
  const parsed = parseInterface(text)
  return parsed && parsed.address.value === parsed.prefix.first ? parsed.prefix : undefined
}

/** An address with its prefix length, as `ip address` writes it: `10.0.1.70/24`. */
export function parseInterface(text: string): { address: Address; prefix: Prefix } | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) return undefined
  const parsed = parseAddress(text.slice(0, slash))
  const lengthText = text.slice(slash + 1)
  if (!parsed || !/^(0|[1-9][0-9]{0,2})$/.test(lengthText)) return undefined
  const length = Number(lengthText)
  if (length > bitsOf(parsed.family)) return undefined
  return { address: parsed, prefix: prefix(parsed.family, parsed.value, length) }
}

export const hostPrefix = (a: Address): Prefix => prefix(a.family, a.value, bitsOf(a.family))

export const contains = (outer: Prefix, inner: Prefix): boolean =>
  outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last

export const overlaps = (a: Prefix, b: Prefix): boolean =>
  a.family === b.family && a.first <= b.last && b.first <= a.last

export const holds = (p: Prefix, a: Address): boolean =>
  p.family === a.family && p.first <= a.value && a.value <= p.last

/** Family, then first address, then the shorter prefix: a covering prefix sorts before what it covers. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  if (a.family !== b.family) return a.family - b.family
  if (a.first !== b.first) return a.first < b.first ? -1 : 1
  return a.length - b.length
}
