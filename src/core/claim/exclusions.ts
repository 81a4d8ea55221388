/** The parts of the pools that this host cannot route, because it uses them itself. */

import { bitsOf } from '../ip/address.ts'
import type { Pool } from '../ip/pool.ts'
import { comparePrefixes, contains, overlaps, type Prefix, prefix } from '../ip/prefix.ts'

/**
 * Disjoint prefixes in ascending order, each made of whole subnets, that cover every one of `locals` (host addresses
 * and destinations of alien routes) inside the pool. What is at least as broad as the pool excludes nothing: our
 * routes are more specific. `held`, this node's own confirmed subnets, is no exclusion.
 */
export function exclusionsOf(
  pool: Pool,
  locals: Iterable<Prefix>,
  held: readonly Prefix[],
): Prefix[] {
  const subnets = new Map<string, Prefix>()
  for (const local of locals) {
    if (!overlaps(local, pool.prefix) || contains(local, pool.prefix)) continue
    const widened = prefix(local.family, local.first, Math.min(local.length, pool.subnetLength))
    if (held.some((own) => contains(own, widened))) continue
    subnets.set(widened.text, widened)
  }
  return joinSiblings(dropCovered([...subnets.values()].sort(comparePrefixes)))
}

/** `sorted` has covering prefixes before covered ones. */
function dropCovered(sorted: readonly Prefix[]): Prefix[] {
  const kept: Prefix[] = []
  for (const candidate of sorted) {
    const last = kept.at(-1)
    if (!last || !contains(last, candidate)) kept.push(candidate)
  }
  return kept
}

function joinSiblings(sorted: readonly Prefix[]): Prefix[] {
  const joined: Prefix[] = []
  for (const next of sorted) {
    joined.push(next)
    while (joinLastTwo(joined)) {
      // Each join may make a sibling of the one before it.
    }
  }
  return joined
}

function joinLastTwo(joined: Prefix[]): boolean {
  const left = joined.at(-2)
  const right = joined.at(-1)
  if (!left || !right || left.length !== right.length || left.length === 0) return false
  const size = 1n << BigInt(bitsOf(left.family) - left.length)
  if (left.first + size !== right.first || (left.first & size) !== 0n) return false
  joined.splice(-2, 2, prefix(left.family, left.first, left.length - 1))
  return true
}
