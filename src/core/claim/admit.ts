/** Whether an entry of another node may enter the record set. */

import type { Verdict } from '../effect.ts'
import { isSubnet } from '../ip/pool.ts'
import { compareVersions, type Entry, type NodeId, type NodeRecord } from './record.ts'

export interface AdmissionContext {
  readonly cluster: string
  readonly known: Entry | undefined
  /** For an entry of a node that is not known. */
  hasRoom(kind: Entry['body']['kind']): boolean
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
  /** As many are known as this node may know. */
  | 'no-room'

export function admit(entry: Entry, context: AdmissionContext): Admission {
  const { body } = entry
  if (body.cluster !== context.cluster) return refuse('reject', 'foreign-cluster')
  const { known } = context
  const isKnown = known?.body.kind === 'record' || known?.body.kind === body.kind
  if (!isKnown && !context.hasRoom(body.kind)) return refuse('ignore', 'no-room')
  if (body.kind === 'record') return admitRecord(body)
  const ended = admitRecord(body.ended.body)
  if (!ended.admitted) return ended
  if (body.reason === 'left') return admitted
  // A refuted eviction ends nobody any more; only its fences are merged.
  if (known && compareVersions(body.version, known.body.version) < 0) return admitted
  // Another node may be ignorant of what we see: that is no fault of whoever forwards it.
  return context.isAlive(body.origin) ? refuse('ignore', 'evicts-the-living') : admitted
}

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

const admitted: Admission = { admitted: true }
const refuse = (verdict: Verdict, why: AdmissionFault): Admission => ({
  admitted: false,
  verdict,
  why,
})
