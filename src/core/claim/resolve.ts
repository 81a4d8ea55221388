/** Who holds a prefix: the winners among overlapping claims, a pure function of the claims and the fences. */

import type { Prefix } from '../ip/prefix.ts'
import { comparePrefixes, overlaps } from '../ip/prefix.ts'
import type { Claim, NodeId } from './record.ts'

export interface OwnedClaim {
  readonly origin: NodeId
  readonly claim: Claim
}

/** The standing of each claim, in order of precedence. */
export interface Standing extends OwnedClaim {
  /** `fenced`: its fence is below the prefix's fence, so it counts for nothing. */
  readonly standing: 'winner' | 'yielding' | 'fenced'
}

/**
 * Judges claims that overlap each other. `fenceOf` gives the fence of a prefix. A fence higher than that earns
 * nothing: otherwise whoever writes the highest number would hold every prefix.
 */
export function resolve(
  claims: Iterable<OwnedClaim>,
  fenceOf: (prefix: Prefix) => number,
): Standing[] {
  const winners: OwnedClaim[] = []
  return [...claims].sort(precedence).map((owned): Standing => {
    const { prefix, fence } = owned.claim
    if (fence < fenceOf(prefix)) return { ...owned, standing: 'fenced' }
    if (winners.some((winner) => overlaps(winner.claim.prefix, prefix))) {
      return { ...owned, standing: 'yielding' }
    }
    winners.push(owned)
    return { ...owned, standing: 'winner' }
  })
}

/** Total: confirmed, then used, then the earlier confirmation, then the lower node id, then the prefix. */
export function precedence(a: OwnedClaim, b: OwnedClaim): number {
  if (a.claim.state !== b.claim.state) return a.claim.state === 'confirmed' ? -1 : 1
  if (a.claim.used !== b.claim.used) return a.claim.used ? -1 : 1
  if (a.claim.confirmedAtMs !== b.claim.confirmedAtMs) {
    return a.claim.confirmedAtMs - b.claim.confirmedAtMs
  }
  if (a.origin !== b.origin) return a.origin < b.origin ? -1 : 1
  return comparePrefixes(a.claim.prefix, b.claim.prefix)
}
