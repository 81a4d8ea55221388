/** Everything an agent can ask for, performed in order; what is told to people comes last in its batch. */

import type { Entry, NodeId } from './claim/record.ts'
import type { FailureCode } from './codes/failures.ts'
import type { Neighbour } from './event.ts'
import type { Carried, SyncMessage } from './gossip/message.ts'
import type { Address } from './ip/address.ts'
import type { Prefix } from './ip/prefix.ts'
import type { ContainerQuestion } from './ipam/container.ts'
import type { Lease, LeaseChange, StoredLeases } from './ipam/lease.ts'
import type { Note } from './note.ts'
import type { HostFirewall } from './routing/host-firewall.ts'
import type {
  BridgeAnswers,
  HostAddress,
  LinkAddress,
  NeighbourQuestion,
  NextHopQuestion,
  RouteChange,
  UsageQuestion,
} from './routing/route.ts'

/** gossipsub's validation result: only what is accepted is forwarded; the sender of what is rejected loses score. */
export type Verdict = 'accept' | 'ignore' | 'reject'

/** What of a node must survive its process. */
export interface OwnState {
  /** The last record or tombstone it wrote; undefined before its first one. */
  readonly entry: Entry | undefined
  readonly incarnation: number
  /** Extra prefixes announced by command, besides the configured ones. */
  readonly announced: readonly Prefix[]
  /** Addresses that this agent put on links of its host. */
  readonly gateways: readonly LinkAddress[]
  /** The operator's certificate of this node. */
  readonly certificate?: Uint8Array
  /** The operator's revocations, and who used which join token. */
  readonly papers?: readonly Uint8Array[]
}

/** What an agent starts from: all of it read back from the store. */
export interface Snapshot {
  readonly own: OwnState
  readonly known: readonly Carried[]
  /** A text: why they cannot be read, and what to do. */
  readonly leases: StoredLeases | string
}

export type CommandResult =
  | {
      readonly ok: true
      readonly message: string
      /** What was granted or released. */
      readonly leases?: readonly Lease[]
    }
  /** `code` is stable; `message` says what to do. */
  | { readonly ok: false; readonly code: FailureCode; readonly message: string }

/** A peer that the overlay wants a connection to. */
export interface WantedPeer {
  readonly id: NodeId
  readonly addresses: readonly string[]
  /** Its loss matters to this node more than to others, and is to be found within seconds. */
  readonly watched: boolean
}

export type Effect =
  /** Durable before any later effect of the batch is performed. */
  | { readonly type: 'persist-own'; readonly own: OwnState }
  /** A cache: may be lost, never torn. Performed without waiting. */
  | { readonly type: 'persist-known'; readonly known: readonly Carried[] }
  /** All of them or none. One at a time: the next one after `leases-persisted`. Nothing waits for it meanwhile. */
  | {
      readonly type: 'persist-leases'
      readonly changes: readonly LeaseChange[]
      /** What was stored could not be read: it is put aside, and these are all. */
      readonly anew: boolean
    }
  /** Answered by `containers-looked-for`. */
  | { readonly type: 'look-for-containers'; readonly questions: readonly ContainerQuestion[] }
  /** Whether anybody on the bridge answers for them. Answered by `addresses-probed`. */
  | { readonly type: 'probe-addresses'; readonly questions: readonly NeighbourQuestion[] }
  | { readonly type: 'publish'; readonly entry: Entry }
  | { readonly type: 'verdict'; readonly id: number; readonly verdict: Verdict }
  | { readonly type: 'send'; readonly peer: NodeId; readonly message: SyncMessage }
  /** Its connections end at once: it is not admitted any more, or not needed. */
  | { readonly type: 'disconnect'; readonly peer: NodeId }
  /** What signs of life say this node has. */
  | { readonly type: 'digest'; readonly root: string }
  /** The whole list of peers to stay connected to; who is not on it any more is not redialled. */
  | { readonly type: 'connect'; readonly peers: readonly WantedPeer[] }
  /** Asks for others on that link from here on, and nowhere else. Answered by `neighbours-heard`. Empty: there is none. */
  | {
      readonly type: 'discover'
      readonly link: string
      readonly nextHops: readonly Address[]
    }
  /** The whole list of neighbours to dial until they are connected. */
  | { readonly type: 'seek'; readonly neighbours: readonly Neighbour[] }
  /** Dials it afresh, connected or not. Answered by `peer-probed`. */
  | {
      readonly type: 'probe-peer'
      readonly peer: NodeId
      readonly addresses: readonly string[]
    }
  /** Answered by `routes-applied`. */
  | { readonly type: 'apply-routes'; readonly changes: readonly RouteChange[] }
  /** Answered by `kernel-dumped` or `kernel-unreadable`. */
  | { readonly type: 'dump-kernel' }
  /** Answered by `next-hops-looked-up`. */
  | { readonly type: 'look-up-next-hops'; readonly questions: readonly NextHopQuestion[] }
  /** Answered by `usage-looked-up`. */
  | { readonly type: 'look-up-usage'; readonly questions: readonly UsageQuestion[] }
  /** Answered by `uplink-located`. No address inside `subnets`, this node's own, is a next hop. */
  | { readonly type: 'locate-uplink'; readonly subnets: readonly Prefix[] }
  /**
   * Bridge `name` exists, is up and has `addresses`. Of those that carry our address protocol it has no others, and
   * `former`, which this agent added where it was then, are gone. No other address is touched. It answers for
   * `answers` and for nobody else. An empty name: only `former` matter. Answered by `bridge-configured`.
   */
  | {
      readonly type: 'configure-bridge'
      readonly name: string
      readonly addresses: readonly Omit<HostAddress, 'ifindex'>[]
      readonly former: readonly LinkAddress[]
      readonly answers: BridgeAnswers
    }
  /** Switches on what is off, for all and for `links`. Answered by `forwarding-checked`. */
  | {
      readonly type: 'check-forwarding'
      readonly families: readonly (4 | 6)[]
      /** Names of interfaces. */
      readonly links: readonly string[]
    }
  /** Of the host's firewall this is starling's, and nothing else. Answered by `firewall-configured`. */
  | { readonly type: 'configure-firewall'; readonly wanted: HostFirewall }
  | { readonly type: 'reply'; readonly id: number; readonly result: CommandResult }
  | { readonly type: 'note'; readonly note: Note }
  /** Everything before it is performed, then the process ends: 0 for a leave, otherwise the note says why. */
  | { readonly type: 'stop'; readonly exitCode: number }
