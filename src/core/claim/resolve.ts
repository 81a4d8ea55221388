/** Who holds a prefix: the winners among overlapping claims, a pure function of the claims and the fences. */

import type { Prefix } from '../ip/prefix.ts'
import { comparePrefixes } from '../ip/prefix.ts'
import { PrefixTrie } from '../ip/prefix-trie.ts'
import type { Claim, NodeId } from './record.ts'

export interface OwnedClaim {
  readonly origin: NodeId
  readonly claim: Claim
}

/** The standing of each claim, in order of precedence. */
export interface Standing extends OwnedClaim {
  /** `fenced`: its fence is below the prefix's fence, so that it goes behind all others, and another one wins. */
  readonly standing: 'winner' | 'yielding' | 'fenced'
}

export interface Rules {
  /** Of a prefix. */
  fenceOf(prefix: Prefix): number
  /**
   * Whether it is a subnet of a pool of this node. What is cut from another pool, or otherwise, goes behind all that are:
   * nobody may take subnets by the pool that their record names.
   */
  isOurs(prefix: Prefix): boolean
  /** The operator gave it to its node. */
  isPinned(owned: OwnedClaim): boolean
  /** Its node has held it for long by this node's own observation, and others have not had the time to object. */
  isHeld(owned: OwnedClaim): boolean
  /** How many nodes witnessed that its node held it before another one claimed it. */
  support(owned: OwnedClaim): number
}

/**
 * Judges claims that overlap each other. What many saw goes before what a claim says of itself. A claim below the fence
 * of its prefix goes behind every other one; where there is none it stands, for a fence protects whoever came later, and
 * takes nothing from who is alone. A fence higher than the prefix's earns nothing: otherwise whoever writes the highest
 * number would hold every prefix. `isTaken`: of prefixes that are lost to claims which are not among these.
 */
export function resolve(
  claims: Iterable<OwnedClaim>,
  rules: Rules,
  isTaken: (prefix: Prefix) => boolean = () => false,
): Standing[] {
  const { fenceOf, isOurs, isPinned, isHeld, support } = rules
  const winners = new PrefixTrie<true>()
  const ranked = [...claims].map((owned) => {
    const { prefix, fence } = owned.claim
    return {
      owned,
      ours: isOurs(prefix),
      pinned: isPinned(owned),
      held: isHeld(owned),
      support: support(owned),
      fenced: fence < fenceOf(prefix),
    }
  })
  ranked.sort(
    (a, b) =>
      Number(b.ours) - Number(a.ours) ||
      Number(b.pinned) - Number(a.pinned) ||
      Number(b.held) - Number(a.held) ||
      b.support - a.support ||
      Number(a.fenced) - Number(b.fenced) ||
      precedence(a.owned, b.owned),
  )
  return ranked.map(({ owned, fenced }): Standing => {
    const { prefix } = owned.claim
    if (isTaken(prefix) || !winners.overlapping(prefix).next().done) {
      return { ...owned, standing: fenced ? 'fenced' : 'yielding' }
    }
    winners.set(prefix, true)
    return { ...owned, standing: 'winner' }
  })
}

/** Start of 2020: an earlier time is that of a clock which was never set. */
export const clockSetMs = 1_577_836_800_000

/** Total: confirmed, then used, then the earlier confirmation, then the lower node id, then the prefix. */
export function precedence(a: OwnedClaim, b: OwnedClaim): number {
  if (a.claim.state !== b.claim.state) return a.claim.state === 'confirmed' ? -1 : 1
  if (a.claim.used !== b.claim.used) return a.claim.used ? -1 : 1
  const [aSince, bSince] = [sinceOf(a.claim), sinceOf(b.claim)]
  if (aSince !== bSince) return aSince - bSince
  if (a.origin !== b.origin) return a.origin < b.origin ? -1 : 1
  return comparePrefixes(a.claim.prefix, b.claim.prefix)
}

/** A clock that was never set makes nobody senior: such a claim goes behind all that have a time. */
const sinceOf = ({ state, confirmedAtMs }: Claim): number =>
  state === 'confirmed' && confirmedAtMs < clockSetMs ? Number.MAX_SAFE_INTEGER : confirmedAtMs
