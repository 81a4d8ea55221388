/** The coded facts that an agent tells its operator. */

import type { Failing, NodeId } from './claim/record.ts'
import type { UplinkLack } from './event.ts'
import type { Attachment } from './ipam/lease.ts'
import type { FirewallPart } from './routing/host-firewall.ts'
import type { TrustNote } from './trust/trust-note.ts'

/** `nobody-heard`: on the LAN. */
export type InSyncBy = 'peer' | 'no-seeds' | 'seeds-are-self' | 'nobody-heard' | 'timeout'

export type Note =
  | { readonly code: 'in-sync'; readonly by: InSyncBy }
  | { readonly code: 'joined-alone'; readonly waitedMs: number }
  /** A seed answers, but not as an agent of this cluster: its nodes may hold what this one would claim. */
  | { readonly code: 'join-held'; readonly seeds: readonly string[] }
  | { readonly code: 'claim-tentative'; readonly prefix: string; readonly fence: number }
  | { readonly code: 'claim-confirmed'; readonly prefix: string; readonly afterMs: number }
  | {
      readonly code: 'claim-lost'
      readonly prefix: string
      readonly winner: NodeId
      readonly name: string
    }
  /** `via`: the connection that `rival` came by; empty: this node was not connected. */
  | {
      readonly code: 'claim-contested'
      readonly prefix: string
      readonly holder: NodeId
      readonly name: string
      readonly rival: NodeId
      readonly rivalName: string
      readonly via: string
    }
  | { readonly code: 'claim-given-up'; readonly prefix: string }
  | { readonly code: 'pool-full'; readonly pool: string }
  | { readonly code: 'routes-written'; readonly added: number; readonly removed: number }
  /** `more`: how many further routes drifted in the same moment. */
  | {
      readonly code: 'route-drifted'
      readonly prefix: string
      readonly by: 'removed' | 'changed'
      readonly more: number
    }
  | { readonly code: 'route-alien'; readonly prefix: string; readonly origin: NodeId }
  | {
      readonly code: 'route-off-link'
      readonly prefix: string
      readonly nextHop: string
      readonly origin: NodeId
    }
  | {
      readonly code: 'route-refused'
      readonly prefix: string
      readonly origin: NodeId
      readonly kind: 'claim' | 'extra' | 'kept'
      readonly why: Refusal
      /** What it would take from. */
      readonly by?: string
      /** Where its node is connected. */
      readonly via?: string
    }
  /** An extra prefix of this node, which all others refuse. */
  | {
      readonly code: 'announcement-refused'
      readonly prefix: string
      readonly why: 'inside-subnet' | 'inside-pool' | 'inside-extra'
      readonly by: string
    }
  /** `by` as `ip route` has it. `part`: of the addresses of the prefix. */
  | {
      readonly code: 'route-shadowed'
      readonly prefix: string
      readonly by: string
      readonly part: 'all' | 'some'
    }
  /** `node` is the first whose prefix there was no room for. */
  | {
      readonly code: 'routes-full'
      readonly most: number
      readonly leftOut: number
      readonly node: NodeId
      readonly name: string
    }
  | { readonly code: 'route-dead'; readonly prefix: string }
  | { readonly code: 'route-failed'; readonly prefix: string; readonly error: string }
  | { readonly code: 'pruned'; readonly routes: number }
  | { readonly code: 'purged'; readonly routes: number }
  | { readonly code: 'kernel-resync'; readonly reason: string }
  | { readonly code: 'kernel-unreadable'; readonly reason: string }
  | { readonly code: 'kernel-forbidden' }
  | { readonly code: 'node-joined'; readonly node: NodeId; readonly name: string }
  /** `node` is the first one that there was no room for. */
  | {
      readonly code: 'nodes-full'
      readonly most: number
      readonly node: NodeId
      readonly from: NodeId
      readonly via: string
    }
  | { readonly code: 'node-twice'; readonly node: NodeId; readonly name: string }
  | { readonly code: 'node-left'; readonly node: NodeId; readonly name: string }
  | {
      readonly code: 'node-evicted'
      readonly node: NodeId
      readonly name: string
      readonly author: NodeId
    }
  | {
      readonly code: 'node-claimed'
      readonly node: NodeId
      readonly name: string
      readonly prefix: string
    }
  | { readonly code: 'peer-connected'; readonly peer: NodeId; readonly address: string }
  | { readonly code: 'peer-disconnected'; readonly peer: NodeId }
  | {
      readonly code: 'refuted'
      readonly incarnation: number
      readonly what: 'eviction' | 'older-self' | 'twin'
    }
  /** `by`: names of the nodes that missed this one. */
  | {
      readonly code: 'missed-by-others'
      readonly incarnation: number
      readonly by: readonly string[]
    }
  /** `by`: names of the nodes that found it so. */
  | {
      readonly code: 'node-down'
      readonly node: NodeId
      readonly name: string
      readonly state: Failing
      readonly by: readonly string[]
    }
  | { readonly code: 'node-back'; readonly node: NodeId; readonly name: string }
  | {
      readonly code: 'duplicate-identity'
      readonly name: string
      readonly at: string
      readonly yielding: boolean
    }
  | {
      readonly code: 'eviction-pending'
      readonly node: NodeId
      readonly name: string
      readonly author: NodeId
      readonly inMs: number
      /** The connection that it came by; empty: an operator of this node asked for it. */
      readonly via: string
    }
  | {
      readonly code: 'eviction-refused'
      readonly node: NodeId
      readonly author: NodeId
      readonly via: string
    }
  | {
      readonly code: 'pool-mismatch'
      readonly node: NodeId
      readonly name: string
      readonly theirs: string
      readonly ours: string
    }
  | {
      readonly code: 'clock-skew'
      /** Undefined: this node's own, compared with those of most peers. */
      readonly node: NodeId | undefined
      readonly name: string
      /** Negative: it is behind. */
      readonly aheadMs: number
    }
  /** `node` undefined: this node's own. */
  | { readonly code: 'clock-unset'; readonly node: NodeId | undefined; readonly name: string }
  | { readonly code: 'excluded'; readonly prefixes: readonly string[] }
  | { readonly code: 'exclusions-too-broad'; readonly pool: string }
  /** Of another node. */
  | {
      readonly code: 'exclusions-ignored'
      readonly node: NodeId
      readonly name: string
      readonly pool: string
      readonly via: string
    }
  /** No other subnet was free: what these nodes exclude was chosen all the same. */
  | { readonly code: 'exclusions-overridden'; readonly prefix: string; readonly names: string }
  | { readonly code: 'entry-rejected'; readonly from: NodeId; readonly why: string }
  | {
      readonly code: 'bridge-configured'
      readonly name: string
      readonly addresses: readonly string[]
    }
  | { readonly code: 'bridge-failed'; readonly name: string; readonly error: string }
  | { readonly code: 'forwarding-off'; readonly error: string }
  | { readonly code: 'firewall-failed'; readonly part: FirewallPart; readonly error: string }
  | { readonly code: 'firewall-restored'; readonly part: FirewallPart }
  /** `again`: it had been on. */
  | {
      readonly code: 'forwarding-restored'
      readonly settings: readonly string[]
      readonly how: 'first' | 'again'
    }
  | { readonly code: 'uplink-located'; readonly name: string; readonly nextHops: readonly string[] }
  | { readonly code: 'uplink-missing'; readonly lack: UplinkLack }
  | { readonly code: 'seed-unresolvable'; readonly subject: string; readonly reason: string }
  | { readonly code: 'seed-unreachable'; readonly subject: string; readonly reason: string }
  /** `heard`: on the LAN, and not configured. */
  | {
      readonly code: 'handshake-failed'
      readonly subject: string
      readonly reason: string
      readonly heard?: true
    }
  /** `subject`: the interface on which others are looked for. */
  | { readonly code: 'discovery-failed'; readonly subject: string; readonly reason: string }
  | { readonly code: 'dial-forbidden'; readonly subject: string; readonly reason: string }
  /** `reason`: what it sent more of than it may. */
  | { readonly code: 'peer-flooding'; readonly subject: string; readonly reason: string }
  | { readonly code: 'monitor-died'; readonly subject: string; readonly reason: string }
  | { readonly code: 'store-unwritable'; readonly subject: string; readonly reason: string }
  | ({ readonly code: 'lease-granted' | 'lease-released'; readonly address: string } & Attachment)
  /** Its container is gone, and nobody had released it. */
  | ({ readonly code: 'lease-leaked'; readonly address: string } & Attachment)
  /** The container of this node has it, and one of `node`, which keeps it. */
  | ({
      readonly code: 'address-lost'
      readonly address: string
      readonly node: NodeId
      readonly name: string
    } & Attachment)
  | { readonly code: 'addresses-lost'; readonly addresses: number }
  /** Of a subnet that is `name`'s now, and of further ones; an empty name: nobody's. */
  | {
      readonly code: 'addresses-kept'
      readonly addresses: number
      readonly prefix: string
      readonly name: string
    }
  /** Of this node's subnet; `node` is the first of those whose containers have them. */
  | {
      readonly code: 'addresses-left'
      readonly addresses: number
      readonly node: NodeId
      readonly name: string
    }
  | { readonly code: 'leaks-held-back'; readonly leases: number }
  /** Of containers that a boot of the host ended. */
  | { readonly code: 'leases-void'; readonly leases: number }
  | { readonly code: 'subnet-exhausted'; readonly prefix: string }
  | { readonly code: 'leases-unreadable'; readonly reason: string }
  | { readonly code: 'leases-unwritable'; readonly reason: string }
  | { readonly code: 'leases-slow' }
  /** `subject`: whose containers get no addresses. */
  | { readonly code: 'door-shut'; readonly subject: string; readonly reason: string }
  /** `subject`: the directory in which CNI runtimes look for networks. */
  | { readonly code: 'network-unwritten'; readonly subject: string; readonly reason: string }
  /** `reason`: the files that come first. */
  | { readonly code: 'network-preceded'; readonly subject: string; readonly reason: string }
  | TrustNote
  | { readonly code: 'trouble-over'; readonly was: string; readonly subject: string }

/** Why a route that others announce is not installed here. */
export type Refusal =
  /** Outside the accept list, or shorter than it allows. */
  | 'accept-list'
  /** A claim outside this node's pool or of another prefix length. */
  | 'other-pool'
  /** It would take this host's own addresses or next hops. */
  | 'own-address'
  /** It overlaps a local network inside the pool. */
  | 'local-network'
  /** Its origin has no next hop of this family. */
  | 'no-next-hop'
  /** It would take a part of another node's subnet. */
  | 'inside-subnet'
  /** It lies in a pool, and not in its announcer's own subnet. */
  | 'inside-pool'
  /** It would take a part of what a node announces that goes before. */
  | 'inside-extra'
  /** It would take a part of a network of this host's interfaces. */
  | 'inside-network'
  /** As many routes to announced prefixes are there as this node may have. */
  | 'no-room'
