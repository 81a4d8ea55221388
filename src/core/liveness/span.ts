/** Whom a node watches on the ring of node ids: a pure function of the members and of who of them stands. */

import { placeOf } from '../claim/members.ts'
import type { NodeId } from '../claim/record.ts'

/** Neighbours that stand, on each side: they keep the graph connected, and watch each other. */
const ringReach = 2
/** Neighbours that do not, on each side, in a cluster of which the most are gone. */
const walkMax = 256

/** The nearest members on each side up to the `reach`-th one that stands, and those before it that do not. */
export function spanOf(
  self: NodeId,
  members: readonly NodeId[],
  stands: (node: NodeId) => boolean,
  reach = ringReach,
): Set<NodeId> {
  const span = new Set<NodeId>()
  const place = placeOf(self, members)
  const isMember = members[place] === self
  const count = members.length
  for (const step of [1, -1]) {
    // A node that is not on the ring yet stands before the one at its place.
    const start = isMember || step < 0 ? place + step : place
    let standing = 0
    for (let walked = 0; walked < Math.min(count, walkMax) && standing < reach; walked += 1) {
      const node = members[(((start + walked * step) % count) + count) % count]
      if (node === undefined || node === self) break
      span.add(node)
      if (stands(node)) standing += 1
    }
  }
  return span
}
