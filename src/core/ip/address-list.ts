/** Addresses of one prefix in few bytes: a dense list costs one byte for each. */

import { type Address, address } from './address.ts'
import type { Prefix } from './prefix.ts'

export interface AddressList {
  readonly prefix: Prefix
  /** Ascending, each as the distance from the one before it (from the first address of the prefix), in LEB128. */
  readonly packed: Uint8Array
}

/** `sorted`: ascending, all of them inside the prefix. What comes behind `bytesMax` is left out. */
export function packAddresses(
  prefix: Prefix,
  sorted: Iterable<Address>,
  bytesMax = Number.POSITIVE_INFINITY,
): AddressList {
  const bytes: number[] = []
  let before = prefix.first
  for (const { value } of sorted) {
    const number = leb128(value - before)
    if (bytes.length + number.length > bytesMax) break
    bytes.push(...number)
    before = value
  }
  return { prefix, packed: Uint8Array.from(bytes) }
}

/** The addresses that a well-formed list holds. */
export function* addressesIn({ prefix, packed }: AddressList): Generator<Address> {
  for (const value of valuesIn(prefix, packed)) {
    if (value === undefined) return
    yield address(prefix.family, value)
  }
}

/** Whether it is ascending, without repetition, inside its prefix and spelled in the only way. */
export function isWellFormed({ prefix, packed }: AddressList): boolean {
  for (const value of valuesIn(prefix, packed)) if (value === undefined) return false
  return true
}

export const sameLists = (a: readonly AddressList[], b: readonly AddressList[]): boolean =>
  a.length === b.length && a.every((list, at) => textOf(list) === textOf(b[at]))

const textOf = (list: AddressList | undefined): string =>
  list ? `${list.prefix.text} ${list.packed.join()}` : ''

/** Undefined where the list is broken; nothing follows it. */
function* valuesIn(prefix: Prefix, packed: Uint8Array): Generator<bigint | undefined> {
  let value = prefix.first
  for (let at = 0; at < packed.length; ) {
    const isFirst = at === 0
    let distance = 0n
    let shift = 0n
    let byte = 0x80
    while (byte >= 0x80 && at < packed.length && shift <= 126n) {
      byte = packed[at] ?? 0
      distance |= BigInt(byte & 0x7f) << shift
      shift += 7n
      at += 1
    }
    value += distance
    const isLonger = byte === 0 && shift > 7n
    if (byte >= 0x80 || isLonger || (distance === 0n && !isFirst) || value > prefix.last) {
      yield undefined
      return
    }
    yield value
  }
}

function leb128(distance: bigint): number[] {
  const bytes: number[] = []
  let rest = distance
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  return [...bytes, Number(rest)]
}
