/** Everything that can happen to an agent. */

import type { Entry, NodeId } from './claim/record.ts'
import type { SyncMessage } from './gossip/message.ts'
import type { Address } from './ip/address.ts'
import type { Prefix } from './ip/prefix.ts'
import type { ContainerAnswer } from './ipam/container.ts'
import type { Attachment, HeldAddress, LeaseRequest } from './ipam/lease.ts'
import type { ProbeAnswer } from './liveness/watch.ts'
import type { FirewallAnswer } from './routing/host-firewall.ts'
import type {
  ForwardingAnswer,
  KernelChange,
  KernelDump,
  NextHopAnswer,
  RouteResult,
  UsageAnswer,
} from './routing/route.ts'

/** What an operator asks for. Each is answered by one `reply` effect with the same id. */
export type Command =
  | { readonly type: 'announce'; readonly prefix: Prefix }
  | { readonly type: 'withdraw'; readonly prefix: Prefix }
  /** `force`: containers have addresses, and lose them. */
  | { readonly type: 'leave'; readonly force?: boolean }
  /** Frees this node's subnet, and claims none until `claim`. */
  | { readonly type: 'give-up'; readonly prefix: Prefix }
  /** Claims where nothing is claimed. */
  | { readonly type: 'claim' }
  /** By node id or by unique node name. */
  | { readonly type: 'evict'; readonly node: string }
  /** Remove every owned route of this host's kernel and stop writing until the next `resync`. */
  | { readonly type: 'purge' }
  | { readonly type: 'resync' }
  /** The operator's certificate of this node, or revocations. */
  | { readonly type: 'install'; readonly papers: readonly Uint8Array[] }
  /** Compare digests with every connected peer that is not known to be equal. */
  | { readonly type: 'probe' }
  /** Answered with the attachment's leases, once they are durable. The same request has the same answer. */
  | { readonly type: 'allocate'; readonly request: LeaseRequest }
  /** Answered with what was released, once that is durable: nothing, where the attachment holds nothing. */
  | {
      readonly type: 'release'
      readonly attachment: Attachment
      /** This one alone, and a failure if the attachment holds others; undefined: all that it holds. */
      readonly address: Address | undefined
    }
  /**
   * These addresses are held already, whatever the store says: by them lost leases are rebuilt. Answered with those that
   * are held by it, once they are durable.
   */
  | { readonly type: 'adopt'; readonly held: readonly HeldAddress[] }

export type Event =
  | { readonly type: 'started' }
  /** The deadline that `nextDeadline` named has come. */
  | { readonly type: 'deadline' }
  | { readonly type: 'command'; readonly id: number; readonly command: Command }
  | { readonly type: 'peer-connected'; readonly peer: NodeId; readonly address: string }
  | { readonly type: 'peer-disconnected'; readonly peer: NodeId }
  /** It is connected, and gave no sign of life when it was asked for one. Any word of it says that it does again. */
  | { readonly type: 'peer-overdue'; readonly peer: NodeId }
  /** What came of a `probe-peer`. */
  | { readonly type: 'peer-probed'; readonly peer: NodeId; readonly answer: ProbeAnswer }
  /** A peer proved who it is, and not that the operator admits it. `certificate`: what it showed, empty for nothing. */
  | {
      readonly type: 'peer-refused'
      readonly peer: NodeId
      readonly address: string
      readonly certificate: Uint8Array
    }
  /** All that were heard on the LAN lately. It is hearsay: somebody whom to dial, and nothing else. */
  | { readonly type: 'neighbours-heard'; readonly neighbours: readonly Neighbour[] }
  /** Every configured seed turned out to be this node itself: nobody is there to wait for. */
  | { readonly type: 'seeds-are-self' }
  /** A whole, signature-checked entry came by gossip. Answered by one `verdict` effect with the same id. */
  | {
      readonly type: 'gossip-received'
      readonly id: number
      readonly from: NodeId
      readonly entry: Entry
    }
  | { readonly type: 'sync-received'; readonly peer: NodeId; readonly message: SyncMessage }
  /** A peer's sign of life said what it has. */
  | { readonly type: 'digest-heard'; readonly peer: NodeId; readonly root: string }
  | { readonly type: 'kernel-dumped'; readonly dump: KernelDump }
  /** The kernel could not be read; it is tried again. */
  | { readonly type: 'kernel-unreadable'; readonly reason: string }
  | { readonly type: 'kernel-changed'; readonly changes: readonly KernelChange[] }
  /** Notifications were lost (receive overrun, reader died): only a dump tells what is there. */
  | { readonly type: 'kernel-overrun'; readonly reason: string }
  | { readonly type: 'routes-applied'; readonly results: readonly RouteResult[] }
  | { readonly type: 'next-hops-looked-up'; readonly answers: readonly NextHopAnswer[] }
  | { readonly type: 'usage-looked-up'; readonly answers: readonly UsageAnswer[] }
  | { readonly type: 'uplink-located'; readonly uplink: Uplink }
  | { readonly type: 'bridge-configured'; readonly error: string }
  | { readonly type: 'firewall-configured'; readonly answer: FirewallAnswer }
  /** Somebody changed the host's firewall: ours may be gone. */
  | { readonly type: 'firewall-changed' }
  | { readonly type: 'forwarding-checked'; readonly answer: ForwardingAnswer }
  /** The changes of the last `persist-leases` are durable, or none of them is and `error` says why. */
  | { readonly type: 'leases-persisted'; readonly error: string }
  | { readonly type: 'containers-looked-for'; readonly answers: readonly ContainerAnswer[] }
  /** Those that nobody answers for. */
  | { readonly type: 'addresses-probed'; readonly silent: readonly Address[] }
  /** Something an adapter must tell the operator: it becomes a problem until `clears`. */
  | { readonly type: 'trouble-reported'; readonly trouble: Trouble }

/** Where somebody on the LAN says that an agent of this cluster listens. */
export interface Neighbour {
  /** IPv6 with its zone where it is link-local: `fe80::1%eth0`. */
  readonly address: string
  readonly port: number
}

/** Where this host's traffic to its peers leaves. Empty next hops: none was found. */
export interface Uplink {
  readonly ifindex: number
  readonly name: string
  /** At most one per family. */
  readonly nextHops: readonly Address[]
  /** Why none was found. */
  readonly lack?: UplinkLack
}

export type UplinkLack =
  /** Nothing leads to peers, and no interface has an address that they could use. */
  | { readonly type: 'none' }
  /** Several interfaces would do, and nothing says which is meant. */
  | { readonly type: 'several'; readonly names: readonly string[] }
  /** The interface that the configuration names is not there; `names` are. */
  | { readonly type: 'absent'; readonly wanted: string; readonly names: readonly string[] }

/** A condition that an adapter found. `active: false` ends the condition with the same code and subject. */
export interface Trouble {
  readonly code:
    | 'seed-unresolvable'
    | 'seed-unreachable'
    | 'handshake-failed'
    | 'dial-forbidden'
    | 'discovery-failed'
    | 'peer-flooding'
    | 'not-admitted'
    | 'monitor-died'
    | 'store-unwritable'
    | 'door-shut'
    | 'network-unwritten'
    | 'network-preceded'
  readonly subject: string
  readonly reason: string
  readonly active: boolean
  /** Of somebody who was heard on the LAN, and whom nobody configured. */
  readonly heard?: true
}
