/** How much of a pool is taken, by claims and by what hosts cannot route. */

import { isSubnet, type Pool, subnetCount } from '../ip/pool.ts'
import type { Prefix } from '../ip/prefix.ts'
import { exclusionTrie, heeded } from './choose.ts'
import { exclusionsOf } from './exclusions.ts'

/** In subnets; together they are all of the pool. */
export interface PoolUsage {
  readonly claimed: bigint
  /** Not claimed, and left alone for the sake of some host. */
  readonly excluded: bigint
  readonly free: bigint
}

/** `exclusions`: one list for each node. */
export function poolUsage(
  pool: Pool,
  claims: Iterable<Prefix>,
  exclusions: readonly (readonly Prefix[])[],
): PoolUsage {
  const all = exclusions.flatMap((each) => heeded(each, pool))
  const disjoint = exclusionsOf(pool, all, [])
  const trie = exclusionTrie(disjoint)
  let excluded = 0n
  for (const { length } of disjoint) excluded += 1n << BigInt(pool.subnetLength - length)
  const claimed = new Set<string>()
  for (const prefix of claims) {
    if (!isSubnet(pool, prefix) || claimed.has(prefix.text)) continue
    claimed.add(prefix.text)
    if (trie.overlaps(prefix)) excluded -= 1n
  }
  const taken = BigInt(claimed.size)
  return { claimed: taken, excluded, free: subnetCount(pool) - taken - excluded }
}
