/** Which route this node wants for a prefix: its holder's next hop, or why there is none. */

import type { NodeId, NodeRecord } from '../claim/record.ts'
import type { Standing } from '../claim/resolve.ts'
import type { Address } from '../ip/address.ts'
import { isSubnet, type Pool } from '../ip/pool.ts'
import { contains, type Prefix } from '../ip/prefix.ts'
import type { Refusal } from '../note.ts'
import { type Hop, hopsOf } from './next-hops.ts'

/** A prefix that another node holds, with the next hop to it or the reason for having none. */
export interface Selected {
  readonly prefix: Prefix
  readonly kind: 'claim' | 'extra'
  readonly origin: NodeId
  readonly name: string
  readonly outcome: { readonly hop: Hop } | { readonly refusal: Refusal }
}

/** What others say of one prefix. */
export interface Announcements {
  readonly prefix: Prefix
  /** The claim that wins, whoever's it is. */
  readonly winner: Standing | undefined
  /** Nodes that announce it as an extra prefix. */
  readonly announcers: Iterable<NodeId>
  record(origin: NodeId): NodeRecord | undefined
}

/** What this host lets into its kernel. */
export interface RoutePolicy {
  readonly self: NodeId
  readonly pools: readonly Pool[]
  readonly accept: readonly Prefix[]
  /** Whether a route to `prefix` would take this host's own networks, its containers', or a next hop. */
  guards(prefix: Prefix): boolean
  /** Whether `prefix` lies in a local network inside the pool, of which it would take a part. */
  isLocal(prefix: Prefix): boolean
  isOwnAddress(address: Address): boolean
}

export function select(announced: Announcements, policy: RoutePolicy): Selected | undefined {
  const holder = holderOf(announced, policy.self)
  if (!holder || holder.origin === policy.self) return undefined
  const record = announced.record(holder.origin)
  if (!record) return undefined
  const { prefix } = announced
  const { kind, origin } = holder
  return {
    prefix,
    kind,
    origin,
    name: record.name,
    outcome: judge({ prefix, kind, record }, policy),
  }
}

/** A claim goes before an extra; of several nodes that announce one extra, the lowest id. Tentative claims are not routed to. */
function holderOf(
  { winner, announcers }: Announcements,
  self: NodeId,
): { kind: 'claim' | 'extra'; origin: NodeId } | undefined {
  if (winner?.claim.state === 'confirmed') return { kind: 'claim', origin: winner.origin }
  const [lowest] = [...announcers].sort()
  if (lowest === undefined) return undefined
  const announcesItself = [...announcers].includes(self)
  return { kind: 'extra', origin: announcesItself ? self : lowest }
}

function judge(
  route: { prefix: Prefix; kind: 'claim' | 'extra'; record: NodeRecord },
  policy: RoutePolicy,
): Selected['outcome'] {
  const { prefix, kind, record } = route
  const isOurPools = kind === 'claim' && policy.pools.some((pool) => isSubnet(pool, prefix))
  if (!isOurPools && !isAccepted(prefix, policy.accept)) {
    return { refusal: kind === 'claim' ? 'other-pool' : 'accept-list' }
  }
  if (policy.guards(prefix)) return { refusal: 'own-address' }
  if (policy.isLocal(prefix)) return { refusal: 'local-network' }
  const hop = hopsOf(record.nextHops).find(({ address }) => address.family === prefix.family)
  if (!hop) return { refusal: 'no-next-hop' }
  return policy.isOwnAddress(hop.address) ? { refusal: 'own-address' } : { hop }
}

/** Inside the accept list, and never so broad that it would take the world. */
export function isAccepted(prefix: Prefix, accept: readonly Prefix[]): boolean {
  if (prefix.length < (prefix.family === 4 ? 8 : 16)) return false
  return accept.some((allowed) => contains(allowed, prefix))
}
