/** The end of a record, made from the record itself: it proves what it ends, and what its node held. */

import { type Entry, fenceAbove, type NodeId, type NodeRecord, type Tombstone } from './record.ts'

/** A tombstone of exactly this record. Each subnet that it held is fenced one above its claim. */
export function tombstoneOf(
  ended: Entry<NodeRecord>,
  by: {
    readonly reason: Tombstone['reason']
    readonly author: NodeId
    readonly certificate?: Uint8Array
  },
): Tombstone {
  const { origin, cluster, version, claims } = ended.body
  return {
    kind: 'tombstone',
    origin,
    cluster,
    // A tombstone goes before a record of the same version.
    version,
    fences: claims
      .filter(({ state }) => state === 'confirmed')
      .map(({ prefix, fence }) => ({ prefix, fence: fenceAbove(fence) })),
    ended,
    ...by,
  }
}
