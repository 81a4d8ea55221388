/** Which route this node wants for a prefix: its holder's next hop, or why there is none. */

import type { NodeId, NodeRecord } from '../claim/record.ts'
import type { Standing } from '../claim/resolve.ts'
import { unreachable } from '../invariant.ts'
import { type Address, address } from '../ip/address.ts'
import { isSubnet, type Pool } from '../ip/pool.ts'
import { contains, type Prefix } from '../ip/prefix.ts'
import type { Refusal } from '../note.ts'
import { isAccepted } from './accept.ts'
import { type ExtraFault, type ExtraWorld, extraFault } from './extras.ts'
import { type Hop, hopsOf } from './next-hops.ts'

/** A prefix that another node holds, with the next hop to it or the reason for having none. */
export interface Selected {
  readonly prefix: Prefix
  /** `kept`: an address that outlived the claim which it was granted under. */
  readonly kind: 'claim' | 'extra' | 'kept'
  readonly origin: NodeId
  readonly name: string
  readonly outcome: /** `isGone`: nothing is behind the next hop, and senders are told so at once. */
    | { readonly hop: Hop; readonly isGone: boolean }
    /** A container of this host has it. */
    | { readonly onBridge: true }
    /** `by`: the prefix and the node that it would take from, for people. */
    | { readonly refusal: Refusal; readonly by?: string }
}

/** What others say of one prefix. */
export interface Announcements {
  readonly prefix: Prefix
  /** The claim that wins, whoever's it is. */
  readonly winner: Standing | undefined
  /** Nodes that announce it as an extra prefix. */
  readonly announcers: Iterable<NodeId>
  /** The node that keeps it, and may. */
  readonly keeper: NodeId | undefined
  readonly world: ExtraWorld
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
  /** Whether it lies in a network of this host's interfaces, inside the pools or not. */
  isInNetwork(prefix: Prefix): boolean
  isOwnAddress(address: Address): boolean
  /** Whether this host has a bridge for containers. */
  readonly hasBridge: boolean
  /** Whether neither the node nor its host is there. */
  isGone(node: NodeId): boolean
}

export function select(announced: Announcements, policy: RoutePolicy): Selected | undefined {
  const holder = holderOf(announced, policy)
  if (!holder) return undefined
  const isOwn = holder.origin === policy.self
  if (isOwn && !(holder.kind === 'kept' && policy.hasBridge)) return undefined
  const record = announced.record(holder.origin)
  if (!record) return undefined
  const { prefix } = announced
  const { kind, origin, fault } = holder
  if (isOwn) return { prefix, kind, origin, name: record.name, outcome: { onBridge: true } }
  const outcome = fault
    ? { refusal: fault.why, by: faultText(fault, (node) => announced.record(node)?.name) }
    : judge({ prefix, kind, record }, policy)
  return { prefix, kind, origin, name: record.name, outcome }
}

interface Holder {
  readonly kind: Selected['kind']
  readonly origin: NodeId
  readonly fault?: ExtraFault
}

/** A claim goes before what is kept, and that before an extra; of several nodes that announce one extra, the lowest id of those that may, and that are there. */
function holderOf(announced: Announcements, policy: RoutePolicy): Holder | undefined {
  const { winner, announcers, keeper, prefix, world } = announced
  // Tentative claims are not routed to.
  if (winner?.claim.state === 'confirmed') return { kind: 'claim', origin: winner.origin }
  if (keeper !== undefined) return { kind: 'kept', origin: keeper }
  const nodes = [...announcers].sort()
  const inOrder = [
    ...nodes.filter((node) => node === policy.self),
    ...nodes.filter((node) => !policy.isGone(node)),
    ...nodes.filter((node) => policy.isGone(node)),
  ]
  let refused: Holder | undefined
  for (const origin of inOrder) {
    const fault = extraFault(prefix, origin, policy, world)
    if (!fault) return { kind: 'extra', origin }
    if (origin !== policy.self) refused ??= { kind: 'extra', origin, fault }
  }
  return refused
}

function judge(
  route: { prefix: Prefix; kind: Selected['kind']; record: NodeRecord },
  policy: RoutePolicy,
): Selected['outcome'] {
  const { prefix, kind, record } = route
  const fault = faultOf(prefix, kind, policy)
  if (fault) return { refusal: fault }
  if (policy.isLocal(prefix)) return { refusal: 'local-network' }
  if (kind === 'extra' && policy.isInNetwork(prefix)) return { refusal: 'inside-network' }
  const hop = hopsOf(record.nextHops).find(({ address }) => address.family === prefix.family)
  if (!hop) return { refusal: 'no-next-hop' }
  const isGone = policy.isGone(record.origin)
  // Of a former self nothing is left but a subnet that is unreachable from here, too.
  if (!isGone && policy.isOwnAddress(hop.address)) return { refusal: 'own-address' }
  return { hop, isGone }
}

/** Where it lies must allow it, and it must take nothing that this host has. */
function faultOf(prefix: Prefix, kind: Selected['kind'], policy: RoutePolicy): Refusal | undefined {
  const { pools, accept } = policy
  switch (kind) {
    case 'claim': {
      if (!pools.some((pool) => isSubnet(pool, prefix)) && !isAccepted(prefix, accept))
        return 'other-pool'
      return policy.guards(prefix) ? 'own-address' : undefined
    }
    case 'kept':
      // Inside the subnet of this host, too, which says itself whose the address is.
      if (!pools.some((pool) => contains(pool.prefix, prefix))) return 'other-pool'
      return policy.isOwnAddress(address(prefix.family, prefix.first)) ? 'own-address' : undefined
    case 'extra':
      if (!isAccepted(prefix, accept)) return 'accept-list'
      return policy.guards(prefix) ? 'own-address' : undefined
    default:
      return unreachable(kind)
  }
}

/** `172.16.8.0/22 of h3` */
export function faultText(
  { of, node }: ExtraFault,
  nameOf: (node: NodeId) => string | undefined,
): string {
  return node === undefined ? of.text : `${of.text} of ${nameOf(node) ?? node}`
}
