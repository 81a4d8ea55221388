/** One IPv4 or IPv6 address: parsed strictly, printed canonically (RFC 5952), compared as an integer. */

import { IPv4, IPv6 } from 'ip-num'

export type Family = 4 | 6

export interface Address {
  readonly family: Family
  readonly value: bigint
  /** Canonical text; equal addresses have equal text, so it serves as the key in maps. */
  readonly text: string
}

export const bitsOf = (family: Family): number => (family === 4 ? 32 : 128)

/** The address written as `text`, or undefined: no zones, no leading zeros, no surrounding space. */
export function parseAddress(text: string): Address | undefined {
  if (text.length > 45) return undefined
  try {
    return text.includes(':') ? parseV6(text) : address(4, new IPv4(text).getValue())
  } catch {
    // ip-num throws on every malformed text; malformed is a value here.
    return undefined
  }
}

export function address(family: Family, value: bigint): Address {
  return { family, value, text: family === 4 ? printV4(Number(value)) : printV6(value) }
}

export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0
}

export const isLoopback = (a: Address): boolean =>
  a.family === 4 ? a.value >> 24n === 127n : a.value === 1n

export const isLinkLocal = (a: Address): boolean =>
  a.family === 6 ? a.value >> 118n === 0x3fan : a.value >> 16n === 0xa9fen

/** Loopback, unspecified, multicast or limited broadcast: never a next hop, never a host's own reachable address. */
export function isUnroutable(a: Address): boolean {
  if (a.family === 6) return a.value <= 1n || a.value >> 120n === 0xffn
  const octet = Number(a.value >> 24n)
  return octet === 0 || octet === 127 || octet >= 224
}

/** Loopback, link-local, private (RFC 1918, RFC 4193) or shared (RFC 6598): not reached from the internet. */
export function isPrivate(a: Address): boolean {
  if (isLinkLocal(a)) return true
  if (a.family === 6) return a.value === 1n || a.value >> 121n === 0x7en
  return privateV4.some(([first, length]) => a.value >> BigInt(32 - length) === first)
}

/** The leading bits of each, and how many. */
const privateV4: readonly (readonly [bigint, number])[] = [
  [127n, 8],
  [10n, 8],
  [0xac1n, 12],
  [0xc0a8n, 16],
  [0x6440n >> 6n, 10],
]

function parseV6(text: string): Address | undefined {
  if (text.includes('%') || text.includes('/')) return undefined
  return address(6, new IPv6(text).getValue())
}

function printV4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
}

function printV6(value: bigint): string {
  const groups: number[] = []
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((value >> shift) & 0xffffn))
  const run = longestZeroRun(groups)
  if (run.length < 2) return groups.map(hex).join(':')
  const head = groups.slice(0, run.start).map(hex).join(':')
  const tail = groups
    .slice(run.start + run.length)
    .map(hex)
    .join(':')
  return `${head}::${tail}`
}

const hex = (group: number): string => group.toString(16)

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (let index = 0; index <= groups.length; index += 1) {
    if (groups[index] === 0) continue
    if (index - start > best.length) best = { start, length: index - start }
    start = index + 1
  }
  return best
}
