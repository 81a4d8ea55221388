/** Which node's announcement of a further prefix stands: longest match is no way to take another's addresses. */

import type { NodeId } from '../claim/record.ts'
import type { Standing } from '../claim/resolve.ts'
import type { Pool } from '../ip/pool.ts'
import { contains, overlaps, type Prefix } from '../ip/prefix.ts'
import { isAccepted } from './accept.ts'

/** What the map says of a prefix. Equal maps give equal answers. */
export interface ExtraWorld {
  /** The winning claim that overlaps it. */
  holder(prefix: Prefix): Standing | undefined
  /** Further prefixes that contain it, itself excepted, and who announces them. */
  broader(prefix: Prefix): Iterable<{ readonly prefix: Prefix; readonly nodes: Iterable<NodeId> }>
}

export type ExtraFault =
  /** It takes a part of the subnet of another node. */
  | { readonly why: 'inside-subnet'; readonly of: Prefix; readonly node: NodeId }
  /** It lies in a pool, and not in the announcer's own subnet. */
  | { readonly why: 'inside-pool'; readonly of: Prefix; readonly node: undefined }
  /** It takes a part of what a node announces that goes before its announcer. */
  | { readonly why: 'inside-extra'; readonly of: Prefix; readonly node: NodeId }

/** Undefined: it stands. Of nodes that announce prefixes inside each other the lower id goes before. */
export function extraFault(
  extra: Prefix,
  announcer: NodeId,
  { pools, accept }: { readonly pools: readonly Pool[]; readonly accept: readonly Prefix[] },
  world: ExtraWorld,
): ExtraFault | undefined {
  const holder = world.holder(extra)
  const claim = holder?.claim
  if (holder && claim && contains(claim.prefix, extra)) {
    if (holder.origin === announcer && claim.state === 'confirmed') return undefined
    return { why: 'inside-subnet', of: claim.prefix, node: holder.origin }
  }
  const pool = pools.find(({ prefix }) => overlaps(prefix, extra) && contains(prefix, extra))
  if (pool) return { why: 'inside-pool', of: pool.prefix, node: undefined }
  for (const { prefix, nodes } of world.broader(extra)) {
    // What nobody installs is in nobody's way.
    if (!isAccepted(prefix, accept)) continue
    const [first] = [...nodes].sort()
    if (first !== undefined && first < announcer) {
      return { why: 'inside-extra', of: prefix, node: first }
    }
  }
  return undefined
}
