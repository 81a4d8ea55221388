/** Which subnet to claim: the lowest free one, or among racers for the same one, one each by rank. */

import { bitsOf } from '../ip/address.ts'
import { type Pool, subnetAt, subnetCount, subnetIndex } from '../ip/pool.ts'
import { contains, overlaps, type Prefix } from '../ip/prefix.ts'
import { PrefixTrie } from '../ip/prefix-trie.ts'
import type { NodeId } from './record.ts'

/** What an answer depends on; `holder` finds a prefix that occupies some address of the given subnet. */
export interface Occupancy {
  holder(subnet: Prefix): Prefix | undefined
}

/** The `rank`-th free subnet of the pool in ascending order, counted from 0. Undefined: fewer are free. */
export function freeSubnet(pool: Pool, rank: number, occupancy: Occupancy): Prefix | undefined {
  const count = subnetCount(pool)
  let skip = rank
  let index = 0n
  while (index < count) {
    const subnet = subnetAt(pool, index)
    const holder = occupancy.holder(subnet)
    if (!holder) {
      if (skip === 0) return subnet
      skip -= 1
      index += 1n
    } else {
      // A broad holder occupies many subnets: continue behind its last one.
      index = subnetIndex(pool, holder.last) + 1n
    }
  }
  return undefined
}

/**
 * How many free subnets to leave to others. Every loser of a race sees the same losers and takes the free subnet
 * of its own place among them, so they do not meet again; who has no claim yet goes behind all of them.
 */
export function rankAmong(losers: readonly NodeId[], self: NodeId): number {
  const place = losers.indexOf(self)
  return place < 0 ? losers.length : place
}

/** Exclusions of one pool as a trie, each present once. */
export function exclusionTrie(exclusions: Iterable<Prefix>): PrefixTrie<Prefix> {
  const trie = new PrefixTrie<Prefix>()
  for (const exclusion of exclusions) trie.set(exclusion, exclusion)
  return trie
}

/** The exclusions of one node that others heed: none where they cover more than half of the pool. */
export function heeded(exclusions: readonly Prefix[], pool: Pool): readonly Prefix[] {
  return coversMoreThanHalf(exclusions, pool)
    ? []
    : exclusions.filter((exclusion) => overlaps(exclusion, pool.prefix))
}

/** Of all pools. */
export const exclusionsIn = (
  pools: readonly Pool[],
  exclusions: readonly Prefix[],
): readonly Prefix[] => [...new Set(pools.flatMap((pool) => heeded(exclusions, pool)))]

/** Whether disjoint `prefixes` cover more than half of the pool. */
export function coversMoreThanHalf(prefixes: readonly Prefix[], pool: Pool): boolean {
  const whole = 1n << BigInt(bitsOf(pool.prefix.family) - pool.prefix.length)
  let covered = 0n
  for (const prefix of prefixes) {
    if (contains(prefix, pool.prefix)) return true
    if (overlaps(prefix, pool.prefix)) covered += prefix.last - prefix.first + 1n
  }
  return covered * 2n > whole
}
