/** Whom a node keeps a connection to: a pure function of the member list. */

import { fnv1a } from '../claim/digest.ts'
import type { NodeId } from '../claim/record.ts'
import { spanOf } from '../liveness/span.ts'

/** Up to this many nodes everybody connects to everybody. */
export const fullMeshMax = 32
/** Expected number of further random neighbours: they keep the diameter small. */
const chords = 6

/**
 * The neighbours of `self` among `members`, ascending. Symmetric: a is a neighbour of b exactly when b is one of a.
 * Chords are chosen by a hash of the pair against a bound that moves only when the size doubles or halves, so that one
 * node's coming or going moves few connections.
 */
export function neighbours(self: NodeId, members: Iterable<NodeId>): NodeId[] {
  const ring = [...new Set([...members, self])].sort()
  const nearest = spanOf(self, ring, () => true)
  const bound = (2 ** 32 * chords) / 2 ** Math.ceil(Math.log2(ring.length))
  const isWanted = (other: NodeId): boolean =>
    ring.length <= fullMeshMax || nearest.has(other) || pairHash(self, other) < bound
  return ring.filter((other) => other !== self && isWanted(other))
}

const pairHash = (a: NodeId, b: NodeId): number =>
  a < b ? fnv1a(a + b, 0x811c9dc5) : fnv1a(b + a, 0x811c9dc5)
