/** What a libp2p transport is told at its making. */

import type { NodeId } from '../../core/claim/record.ts'
import type { Prefix } from '../../core/ip/prefix.ts'
import type { Rng } from '../../core/rng.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Traffic } from '../../ports/traffic.ts'
import type { KeyPair } from '../../wire/signature.ts'
import type { Credentials } from './certified.ts'
import type { LookUp } from './seeds.ts'

export interface Libp2pOptions {
  readonly keys: KeyPair
  /** Part of the topic's and the protocol's name: nodes of two clusters do not hear each other. */
  readonly cluster: string
  /** 32 bytes each, the first is offered; empty: whoever reaches the port gets a handshake. */
  readonly clusterKeys: readonly Uint8Array[]
  /** Absent: certificates are neither shown nor wanted. */
  readonly credentials?: Credentials
  /** Addresses of this host; 0.0.0.0 and :: for all. */
  readonly listen: readonly string[]
  readonly port: number
  /** It dials, and nobody can dial it. */
  readonly dialsOnly?: boolean
  /** See `parseSeed`. */
  readonly seeds: readonly string[]
  /** Where records may make this node connect to; undefined: private and link-local networks, and those of the seeds. */
  readonly dialNetworks: readonly Prefix[] | undefined
  /** Of seeds that name none. */
  readonly defaultPort: number
  /** Whether this node has a record of that one: at every bound strangers lose. */
  readonly knows: (node: NodeId) => boolean
  /** Whether that node is a member: those are dialled as the core wants. */
  readonly hasMember: (node: NodeId) => boolean
  /** Whether this node has not heard yet what the cluster is. */
  readonly joins: () => boolean
  /** How many nodes this one may know. */
  readonly nodesMax: number
  /** How often a watched neighbour is asked for a sign of life, in ms. */
  readonly watchMs: number
  readonly clock: Clock
  readonly rng: Rng
  readonly lookUp?: LookUp
  /** What is said is counted here. */
  readonly traffic: Traffic
}
