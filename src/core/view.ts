/** What an agent shows of itself: read by the API and by the simulator's checkers. */

import type { Claim, NodeId, NodeRecord } from './claim/record.ts'
import type { Step } from './claim/resolve.ts'
import type { Address } from './ip/address.ts'
import type { Prefix } from './ip/prefix.ts'
import type { Attachment, Lease, Rest } from './ipam/lease.ts'
import type { Liveness } from './liveness/observations.ts'
import type { Refusal } from './note.ts'
import type { Problem } from './problem.ts'
import type { KernelRoute, RouteTarget } from './routing/route.ts'
import type { Misuse } from './routing/usage.ts'
import type { Admission } from './trust/paper.ts'

/** Each part is made when it is read, and shows the agent as it is then. */
export interface AgentView {
  readonly self: NodeId
  readonly name: string
  readonly cluster: string
  /** Who may join: whoever connects, has the cluster key, or a certificate of the operator. */
  readonly admission: Admission
  /** Empty: none is managed. */
  readonly bridge: string
  /** The interface that leads to other hosts; empty while none is found. */
  readonly uplink: string
  /** Undefined: nobody is looked for on the LAN. */
  readonly discovery: DiscoveryView | undefined
  /** `joining` until in-sync; `purged` after a purge until resync. */
  readonly phase: 'joining' | 'in-sync' | 'purged' | 'left'
  readonly incarnation: number
  readonly own: NodeRecord
  readonly claims: readonly ClaimView[]
  readonly routes: readonly RouteView[]
  readonly nodes: readonly NodeView[]
  readonly problems: readonly Problem[]
  /** Digest of the whole record set; equal digests mean equal sets. */
  readonly root: string
  readonly tombstones: number
  readonly fences: number
  readonly convergence: Convergence
  readonly ipam: IpamView
  /** Leases whose subnet is this node's no more. */
  readonly kept: readonly KeptView[]
}

export interface DiscoveryView {
  /** Where others are asked for; empty while there is no uplink. */
  readonly link: string
  /** How many said that they are there. */
  readonly heard: number
}

export interface KeptView {
  readonly lease: Lease
  /** Name of the node whose container has the address, too, and keeps it; empty: this one keeps it. */
  readonly lostTo: string
}

/** Lists are made when they are asked for. */
export interface IpamView {
  /** Those that addresses are granted from, at most one per family. */
  readonly subnets: readonly SubnetView[]
  leases(): readonly Lease[]
  resting(): readonly Rest[]
  /** What the attachment holds, IPv4 first. */
  of(attachment: Attachment): readonly Lease[]
  /** Who holds the address. */
  at(address: Address): Lease | undefined
  /** Who held it last. */
  lastAt(address: Address): Rest | undefined
  /** How many were granted to another container within a minute of their release, since the start. */
  readonly reusedEarly: number
}

/** `size` = `used` + `resting` + `withheld` + `free` + addresses that are reserved and not used. */
export interface SubnetView {
  readonly prefix: Prefix
  readonly gateway: Address
  /** Addresses that containers can have. */
  readonly size: bigint
  readonly used: number
  /** Of containers of other nodes, which had them before this node had the subnet. */
  readonly withheld: number
  readonly resting: number
  /** Never used since the claim, and given unasked. */
  readonly free: bigint
}

export interface Convergence {
  readonly claimed: boolean
  readonly digestsEqual: boolean
  readonly kernelEqual: boolean
  /** All three. */
  readonly converged: boolean
}

export interface ClaimView {
  readonly claim: Claim
  readonly origin: NodeId
  readonly name: string
  /** `yielding`: another claim precedes it. `fenced`: its fence is below the prefix's fence. */
  readonly standing: 'winner' | 'yielding' | 'fenced'
  /** Name of the node that it yields to, and by which step of the order; undefined: it won. */
  readonly lost: { readonly to: string; readonly by: Step } | undefined
  readonly own: boolean
}

export interface RouteView {
  readonly prefix: Prefix
  readonly origin: NodeId | undefined
  readonly name: string
  readonly kind: 'claim' | 'extra' | 'kept' | 'leftover'
  /** What we want in the kernel; undefined where it is refused. */
  readonly wanted: RouteTarget | undefined
  readonly kernel: KernelRoute | undefined
  readonly state: RouteState
  readonly refusal: Refusal | undefined
  /** What a refused route would take from; empty where nothing of others is. */
  readonly refusedFor: string
  /** What keeps packets from it where `state` is shadowed or dead. */
  readonly shadow: Misuse | undefined
  /** The kernel's error where `state` is failed. */
  readonly error: string
}

export type RouteState =
  /** In the kernel, which uses it. */
  | 'installed'
  /** In the kernel, which uses another route for all or some of its addresses. */
  | 'shadowed'
  /** In the kernel, and its link is down. */
  | 'dead'
  /** Wanted, and not in the kernel yet. */
  | 'missing'
  | 'alien'
  | 'not-on-link'
  | 'refused'
  | 'failed'
  /** Owned and wanted by nobody: removed once in sync. */
  | 'leftover'

export interface NodeView {
  readonly record: NodeRecord
  readonly self: boolean
  readonly connected: boolean
  /** Where it is connected; empty when it is not. */
  readonly address: string
  /** Whether its last digest equals ours; undefined when not compared yet. */
  readonly digestEqual: boolean | undefined
  readonly liveness: Liveness
  /** Wall clock in ms since 1970: when this node found that out; 0 while it is alive. */
  readonly sinceMs: number
  /** Names of the nodes that miss it, ascending. */
  readonly missedBy: readonly string[]
}
