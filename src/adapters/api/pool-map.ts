/** Where prefixes lie in a drawing of a pool: cells of equal size, at most 4096 of them. */

import { bitsOf } from '../../core/ip/address.ts'
import type { Pool } from '../../core/ip/pool.ts'
import { overlaps, type Prefix } from '../../core/ip/prefix.ts'

export interface PoolMessage {
  readonly prefix: string
  readonly family: 4 | 6
  /** The first address as a number, in decimal digits. */
  readonly first: string
  readonly subnetLength: number
  /** All subnets of the pool, in decimal digits: IPv6 has more than a number can count. */
  readonly subnets: string
  /** The drawing has 2 to this power cells. */
  readonly cellBits: number
  /** Length of the prefix that one cell stands for: that of a subnet, or shorter in a pool of many. */
  readonly cellLength: number
}

/** Cells of one pool's drawing, from `at` on; `pool` is its index, -1: the prefix lies in no drawing. */
export interface PlaceMessage {
  readonly pool: number
  readonly at: number
  readonly span: number
}

/** A pool of more than 4096 subnets is drawn as far as `taken` reaches, and in coarser cells where that is not enough. */
export function poolMessage(pool: Pool, taken: readonly Prefix[]): PoolMessage {
  const { prefix, subnetLength } = pool
  const bits = subnetLength - prefix.length
  const shown =
    bits <= cellBitsMax ? bits : Math.min(bits, Math.max(reach(pool, taken), cellBitsMax))
  const cellBits = Math.min(shown, cellBitsMax)
  return {
    prefix: prefix.text,
    family: prefix.family,
    first: String(prefix.first),
    subnetLength,
    subnets: String(1n << BigInt(bits)),
    cellBits,
    cellLength: subnetLength - (shown - cellBits),
  }
}

/** So many bits number the subnets up to the last one that is taken. */
function reach(pool: Pool, taken: readonly Prefix[]): number {
  const { first } = pool.prefix
  let last = first
  for (const each of taken) if (overlaps(each, pool.prefix) && each.last > last) last = each.last
  return bitLength((last - first) >> hostBits(pool))
}

export function placeIn(pools: readonly PoolMessage[], prefix: Prefix): PlaceMessage {
  for (const [index, { family, first, cellBits, cellLength }] of pools.entries()) {
    if (family !== prefix.family) continue
    const size = BigInt(bitsOf(family) - cellLength)
    const from = (prefix.first - BigInt(first)) >> size
    const to = (prefix.last - BigInt(first)) >> size
    const cells = 1n << BigInt(cellBits)
    if (to < 0n || from >= cells) continue
    const at = from < 0n ? 0 : Number(from)
    return { pool: index, at, span: Number(to < cells ? to : cells - 1n) - at + 1 }
  }
  return { pool: -1, at: 0, span: 0 }
}

const cellBitsMax = 12

const hostBits = ({ prefix, subnetLength }: Pool): bigint =>
  BigInt(bitsOf(prefix.family) - subnetLength)

const bitLength = (value: bigint): number => (value === 0n ? 0 : value.toString(2).length)
