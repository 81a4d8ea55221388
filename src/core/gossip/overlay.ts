/** Whom a node keeps a connection to: a pure function of the member list. */

import { fnv1a } from '../claim/digest.ts'
import type { NodeId } from '../claim/record.ts'

/** Up to this many nodes everybody connects to everybody. */
export const fullMeshMax = 32
/** Neighbours on the ring of node ids, on each side: they keep the graph connected and give every node watchers. */
const ringReach = 2
/** Expected number of further random neighbours: they keep the diameter small. */
const chords = 6

/**
 * The neighbours of `self` among `members`, ascending. Symmetric: a is a neighbour of b exactly when b is one of a.
 * Chords are chosen by a hash of the pair against a bound that moves only when the size doubles or halves, so that one
 * node's coming or going moves few connections.
 */
export function neighbours(self: NodeId, members: Iterable<NodeId>): NodeId[] {
  const ring = [...new Set([...members, self])].sort()
  const others = ring.filter((member) => member !== self)
  if (ring.length <= fullMeshMax) return others
  const place = ring.indexOf(self)
  const wanted = new Set<NodeId>()
  for (let step = 1; step <= ringReach; step += 1) {
    for (const at of [place + step, place - step + ring.length]) {
      const member = ring[at % ring.length]
      if (member) wanted.add(member)
    }
  }
  const bound = (2 ** 32 * chords) / 2 ** Math.ceil(Math.log2(ring.length))
  for (const other of others) if (pairHash(self, other) < bound) wanted.add(other)
  return [...wanted].sort()
}

const pairHash = (a: NodeId, b: NodeId): number =>
  a < b ? fnv1a(a + b, 0x811c9dc5) : fnv1a(b + a, 0x811c9dc5)
