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
  /** By which step of the order it lost; undefined: it won. */
  readonly lostBy?: Step
}

/** The steps of the order of precedence, as they are asked. */
export type Step =
  | 'pool'
  | 'pinned'
  | 'held'
  | 'witnesses'
  | 'fence'
  | 'confirmed'
  | 'used'
  | 'earlier'
  | 'node-id'
  | 'prefix'

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
  const winners = new PrefixTrie<Ranked>()
  const ranked = [...claims].map((owned) => rank(owned, rules))
  ranked.sort((a, b) => firstDifference(a, b)?.order ?? 0)
  return ranked.map((each): Standing => {
    const { owned, isFenced } = each
    const { prefix } = owned.claim
    const [before] = winners.overlapping(prefix)
    const isOut = isTaken(prefix)
    if (!before && !isOut) {
      winners.set(prefix, each)
      return { ...owned, standing: 'winner' }
    }
    // What takes a prefix from outside of these claims is a subnet of a pool of this node.
    const lostBy = isOut || !before ? 'pool' : (firstDifference(before, each)?.step ?? 'prefix')
    return { ...owned, standing: isFenced ? 'fenced' : 'yielding', lostBy }
  })
}

interface Ranked {
  readonly owned: OwnedClaim
  readonly isOurs: boolean
  readonly isPinned: boolean
  readonly isHeld: boolean
  readonly support: number
  readonly isFenced: boolean
}

function rank(owned: OwnedClaim, rules: Rules): Ranked {
  const { prefix, fence } = owned.claim
  return {
    owned,
    isOurs: rules.isOurs(prefix),
    isPinned: rules.isPinned(owned),
    isHeld: rules.isHeld(owned),
    support: rules.support(owned),
    isFenced: fence < rules.fenceOf(prefix),
  }
}

interface Difference {
  readonly step: Step
  /** Negative: the first one goes before. */
  readonly order: number
}

/** The first step of the order by which two claims differ; undefined: they are one. */
function firstDifference(a: Ranked, b: Ranked): Difference | undefined {
  if (a.isOurs !== b.isOurs) return { step: 'pool', order: a.isOurs ? -1 : 1 }
  if (a.isPinned !== b.isPinned) return { step: 'pinned', order: a.isPinned ? -1 : 1 }
  if (a.isHeld !== b.isHeld) return { step: 'held', order: a.isHeld ? -1 : 1 }
  if (a.support !== b.support) return { step: 'witnesses', order: b.support - a.support }
  if (a.isFenced !== b.isFenced) return { step: 'fence', order: a.isFenced ? 1 : -1 }
  return byClaim(a.owned, b.owned)
}

/** Start of 2020: an earlier time is that of a clock which was never set. */
export const clockSetMs = 1_577_836_800_000

/** Total: confirmed, then used, then the earlier confirmation, then the lower node id, then the prefix. */
export const precedence = (a: OwnedClaim, b: OwnedClaim): number => byClaim(a, b)?.order ?? 0

/** What the claims say of themselves. */
function byClaim(a: OwnedClaim, b: OwnedClaim): Difference | undefined {
  if (a.claim.state !== b.claim.state)
    return { step: 'confirmed', order: a.claim.state === 'confirmed' ? -1 : 1 }
  if (a.claim.used !== b.claim.used) return { step: 'used', order: a.claim.used ? -1 : 1 }
  const [aSince, bSince] = [sinceOf(a.claim), sinceOf(b.claim)]
  if (aSince !== bSince) return { step: 'earlier', order: aSince - bSince }
  if (a.origin !== b.origin) return { step: 'node-id', order: a.origin < b.origin ? -1 : 1 }
  const order = comparePrefixes(a.claim.prefix, b.claim.prefix)
  return order === 0 ? undefined : { step: 'prefix', order }
}

/** A clock that was never set makes nobody senior: such a claim goes behind all that have a time. */
const sinceOf = ({ state, confirmedAtMs }: Claim): number =>
  state === 'confirmed' && confirmedAtMs < clockSetMs ? Number.MAX_SAFE_INTEGER : confirmedAtMs
