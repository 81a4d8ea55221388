/** Whether an entry of another node may enter the record set. */

import type { Verdict } from '../effect.ts'
import { isSubnet } from '../ip/pool.ts'
import type { Prefix } from '../ip/prefix.ts'
import {
  compareVersions,
  type Entry,
  fenceAbove,
  type NodeId,
  type NodeRecord,
  type Tombstone,
  type Version,
  versionLimits,
} from './record.ts'

export interface AdmissionContext {
  readonly cluster: string
  readonly known: Entry | undefined
  fenceOf(prefix: Prefix): number
  /** Whether this node is itself connected to the origin of a tombstone. */
  readonly isAlive: (node: NodeId) => boolean
}

export type Admission =
  | { readonly admitted: true }
  | { readonly admitted: false; readonly verdict: Verdict; readonly why: AdmissionFault }

export type AdmissionFault =
  | 'foreign-cluster'
  | 'claim-outside-pool'
  | 'two-claims-of-a-pool'
  | 'evicts-the-living'
  | 'wrong-fences'
  | 'version-jump'

export function admit(entry: Entry, context: AdmissionContext): Admission {
  const { body } = entry
  if (body.cluster !== context.cluster) return refuse('reject', 'foreign-cluster')
  if (body.kind === 'record') return admitRecord(body)
  if (leapsFences(body, context.fenceOf)) return refuse('reject', 'wrong-fences')
  if (body.reason === 'left') return admitted
  const { known } = context
  const order = known ? compareVersions(body.version, known.body.version) : 1
  if (known && leaps(body.version, known.body.version)) return refuse('reject', 'version-jump')
  // A refuted eviction ends nobody any more; only its fences are merged.
  if (order < 0) return admitted
  // Another node may be ignorant of what we see: that is no fault of whoever forwards it.
  if (context.isAlive(body.origin)) return refuse('ignore', 'evicts-the-living')
  if (order === 0 && known?.body.kind === 'record' && !endsClaims(body.fences, known.body)) {
    return refuse('reject', 'wrong-fences')
  }
  return admitted
}

/** Whether an eviction is of a version that its victim can hardly have come to. */
export const leaps = (evicted: Version, known: Version): boolean =>
  evicted.incarnation - known.incarnation > versionLimits.incarnationJump

/** Whether a fence rises by more than its prefix can have been reclaimed unheard. */
export const leapsFences = ({ fences }: Tombstone, fenceOf: (prefix: Prefix) => number): boolean =>
  fences.some(({ prefix, fence }) => fence - fenceOf(prefix) > versionLimits.fenceJump)

function admitRecord(record: NodeRecord): Admission {
  for (const { prefix } of record.claims) {
    if (!record.pools.some((pool) => isSubnet(pool, prefix))) {
      return refuse('reject', 'claim-outside-pool')
    }
  }
  const families = new Set(record.claims.map(({ prefix }) => prefix.family))
  return families.size === record.claims.length
    ? admitted
    : refuse('reject', 'two-claims-of-a-pool')
}

/** An eviction raises the fences of exactly what its victim held, by one. */
function endsClaims(
  fences: readonly { prefix: { text: string }; fence: number }[],
  record: NodeRecord,
): boolean {
  if (fences.length !== record.claims.length) return false
  return record.claims.every((claim) =>
    fences.some(
      ({ prefix, fence }) => prefix.text === claim.prefix.text && fence === fenceAbove(claim.fence),
    ),
  )
}

const admitted: Admission = { admitted: true }
const refuse = (verdict: Verdict, why: AdmissionFault): Admission => ({
  admitted: false,
  verdict,
  why,
})
