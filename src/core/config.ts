/** What the core needs to know of its configuration, and the facts that tell this agent from all others. */

import type { NodeId, Seal } from './claim/record.ts'
import type { Address } from './ip/address.ts'
import type { Pool } from './ip/pool.ts'
import type { Prefix } from './ip/prefix.ts'
import type { Reserve } from './ipam/reserve.ts'
import type { Admission, ReadPaper } from './trust/paper.ts'

export interface CoreConfig {
  readonly self: NodeId
  readonly name: string
  readonly cluster: string
  readonly software: string
  /** Signs with this node's key. */
  readonly seal: Seal
  /** Tells one boot of the host from another; empty: unknown. */
  readonly bootId: string
  /** Wall clock minus monotonic clock, in ms, read once at start. */
  readonly wallOffsetMs: number
  /** One per family at the most. */
  readonly pools: readonly Pool[]
  /** Extra prefixes of others are installed only inside these. */
  readonly accept: readonly Prefix[]
  /** Extra prefixes that this node announces. */
  readonly announce: readonly Prefix[]
  /** Empty: no bridge is managed. */
  readonly bridge: string
  /** Addresses that are granted to whoever asks for them alone. */
  readonly reserve: readonly Reserve[]
  /** Absent: nothing of the host's firewall is starling's. */
  readonly firewall?: FirewallConfig
  /** Whether what nobody claims of the pools is unreachable, rather than left to the host's other routes. */
  readonly refusesUnclaimed?: boolean
  /** Kernel priority of owned routes, IPv4 and IPv6. */
  readonly metric: { readonly 4: number; readonly 6: number }
  /** TCP port of the peer protocol, for the record's dialable addresses. */
  readonly port: number
  /** Whether anybody is configured or remembered to be waited for. */
  readonly seeded: boolean
  /** Whether the LAN is asked for others. */
  readonly discovers?: boolean
  readonly timing: CoreTiming
  readonly limits: CoreLimits
  /** Absent: whoever is connected is admitted. */
  readonly admission?: AdmissionConfig
}

export interface AdmissionConfig {
  /** `signed`: by the operator's certificates. */
  readonly mode: Admission
  readonly read: ReadPaper
  /** Of this node, from a file or by a join token. */
  readonly certificate?: Uint8Array
  /** Addresses that peers may come to. */
  readonly listen: readonly Address[]
}

export interface FirewallConfig {
  readonly masquerades: boolean
  /** Besides the pools and what nodes announce. */
  readonly inside: readonly Prefix[]
  /** Whether what others' rules would drop passes to and from the bridge. */
  readonly opens: boolean
}

/** What others can cost this node at the most: beyond it the newest strangers lose. */
export interface CoreLimits {
  /** Known nodes. Of those that are gone, and of fences, twice as many are remembered each. */
  readonly nodes: number
  /** Routes to prefixes that nodes announce beside their subnets. */
  readonly routes: number
}

export const defaultLimits: CoreLimits = { nodes: 4_096, routes: 4_096 }

/** All in ms. */
export interface CoreTiming {
  /** How long a tentative claim must stand before it confirms. */
  readonly settleMs: number
  /** How long a holder must be seen before its seniority is its own, and how long others have to say what they saw. */
  readonly tenureMs: number
  /** How long a node with seeds waits for the first anti-entropy answer. */
  readonly joinTimeoutMs: number
  /** How long a node without seeds waits for others on its LAN to say that they are there. */
  readonly discoveryMs: number
  /** Between two comparisons with a random neighbour. */
  readonly antiEntropyMs: number
  /** How often a watched neighbour is asked for a sign of life. */
  readonly watchMs: number
  /** How long a node must be gone, another one being where it was, before it is evicted. */
  readonly displacedMs: number
  /** How long a node must be gone with its host before it is evicted. */
  readonly reclaimMs: number
  /** How long a tombstone is kept. */
  readonly tombstoneMs: number
  /** Between two full dumps of the kernel. */
  readonly resyncMs: number
  /** Least time between two publications caused by changes of exclusions. */
  readonly exclusionMs: number
  /** Between a change of the known records and their being stored. */
  readonly rememberMs: number
  /** How long a container must be missed before its address is free, and how often it is looked for. */
  readonly leakMs: number
}

export const defaultTiming: CoreTiming = {
  settleMs: 600,
  tenureMs: 60_000,
  joinTimeoutMs: 30_000,
  discoveryMs: 3_000,
  antiEntropyMs: 5_000,
  watchMs: 1_000,
  displacedMs: 60_000,
  reclaimMs: 24 * 3_600_000,
  tombstoneMs: 7 * 24 * 3_600_000,
  resyncMs: 300_000,
  exclusionMs: 1_000,
  rememberMs: 2_000,
  leakMs: 60_000,
}
