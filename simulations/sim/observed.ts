/** What the checkers see of a swarm, and what they say of it. */

import type { NodeId, NodeRecord } from '../../src/core/claim/record.ts'
import type { Standing } from '../../src/core/claim/resolve.ts'
import type { CoreConfig } from '../../src/core/config.ts'
import type { Prefix } from '../../src/core/ip/prefix.ts'
import type { Lease } from '../../src/core/ipam/lease.ts'
import type { KernelRoute } from '../../src/core/routing/route.ts'
import type { AgentView } from '../../src/core/view.ts'

export interface Violation {
  readonly checker: string
  readonly host: string
  readonly what: string
}

/** One running host, as seen from outside. */
export interface Observed {
  readonly name: string
  readonly id: NodeId
  readonly config: Pick<CoreConfig, 'pools' | 'metric'>
  /** The last record that it made durable. */
  readonly own: NodeRecord | undefined
  readonly routes: readonly KernelRoute[]
  /** Interface that its peers are reached by. */
  readonly uplink: number
  /** Interface of its containers. */
  readonly bridge: number | undefined
  /** Granted durably. */
  readonly leases: readonly Lease[]
  /** Alien routes that the scenario put into its kernel. */
  readonly planted: readonly KernelRoute[]
  /** Costly: made when asked for. */
  view(): AgentView
}

/** Hosts that can reach each other, and what all of them could have heard. */
export interface Island {
  readonly hosts: readonly Observed[]
  /** Every claim that was published here and not ended, judged; ascending by precedence. */
  readonly standings: readonly Standing[]
  /** The last words of all nodes that did not end. */
  readonly records: readonly NodeRecord[]
  /** Those that keep addresses of subnets that are not theirs. */
  readonly keepers: readonly NodeRecord[]
  recordOf(origin: NodeId): NodeRecord | undefined
  /** Whether nothing is reached where the node is. */
  isGone(origin: NodeId): boolean
  /** Whether some member that is no agent wants a route to it. */
  isStrange(prefix: Prefix): boolean
}
