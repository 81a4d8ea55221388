/** The words of routing: what a kernel route, a link and a change to the kernel are. */

import type { Address } from '../ip/address.ts'
import type { Prefix } from '../ip/prefix.ts'

/** Identifies a route in the kernel, within the table that the agent writes to. */
export interface RouteKey {
  readonly prefix: Prefix
  /** Kernel priority. IPv6 has no 0: its kernel default is 1024. */
  readonly metric: number
}

export type RouteTarget =
  | { readonly type: 'via'; readonly nextHop: Address; readonly ifindex: number }
  | { readonly type: 'unreachable' }
  /** On the link itself. Of alien routes `other` says so. */
  | { readonly type: 'on-link'; readonly ifindex: number }
  /** Anything an alien route may do that we never write: on-link, multipath, blackhole. `text` as `ip route` has it. */
  | { readonly type: 'other'; readonly ifindex: number | undefined; readonly text: string }

/** A route as the kernel has it. */
export interface KernelRoute extends RouteKey {
  readonly target: RouteTarget
  /** It carries our route protocol number, in the table that the agent writes to. */
  readonly owned: boolean
  /** Its kernel routing table, where that is another one than the agent writes to. */
  readonly otherTable?: number
}

export interface Link {
  readonly ifindex: number
  readonly name: string
  /** Set up by its administrator. */
  readonly up: boolean
  /** Its lower layer works. A bridge without ports has none. */
  readonly carrier: boolean
}

/** An address of this host. */
export interface HostAddress {
  readonly ifindex: number
  readonly address: Address
  /** On-link prefix length. */
  readonly length: number
  /** It carries our number as its address protocol: this agent, or a former run of it, added it. */
  readonly owned?: true
}

/** An address on a link that is named, for its index may not be known. */
export interface LinkAddress {
  readonly link: string
  readonly address: Address
  readonly length: number
}

/** One write. `add` never replaces: the kernel answers `exists` where another route has the key. `remove` removes only owned routes. */
export type RouteChange =
  | { readonly type: 'add'; readonly key: RouteKey; readonly target: RouteTarget }
  | { readonly type: 'remove'; readonly key: RouteKey }

export interface RouteResult {
  readonly change: RouteChange
  readonly outcome:
    | 'done'
    /** An add found a route with this key. */
    | 'exists'
    /** A remove found no owned route with this key. */
    | 'absent'
    /** The next hop cannot be reached over a link. */
    | 'not-on-link'
    /** No CAP_NET_ADMIN. */
    | 'forbidden'
    | 'failed'
  /** The kernel's error name, such as ENETUNREACH; empty when done. */
  readonly error: string
}

/** One thing that another process or the kernel itself did. */
export type KernelChange =
  | { readonly type: 'route-added'; readonly route: KernelRoute }
  | { readonly type: 'route-removed'; readonly route: KernelRoute }
  /** So many routes came or went that concern no pool: connected ones, a default route, another table's. */
  | { readonly type: 'foreign-routes-changed'; readonly count: number }
  /** Policy rules, which say what tables are looked at. */
  | { readonly type: 'rules-changed' }
  /** Nexthop objects. One that goes takes the routes that use it along, without a word. */
  | { readonly type: 'nexthop-objects-changed' }
  /** The forwarding of an interface, or of all of them, was switched. */
  | { readonly type: 'forwarding-changed' }
  | { readonly type: 'link-changed'; readonly link: Link }
  | { readonly type: 'link-removed'; readonly ifindex: number; readonly name: string }
  | { readonly type: 'address-added'; readonly address: HostAddress }
  | { readonly type: 'address-removed'; readonly address: HostAddress }

/** Everything the agent reads from a kernel, at one moment. */
export interface KernelDump {
  /** Owned routes, and those inside `KernelScope.interest` in any table that a rule leads to. */
  readonly routes: readonly KernelRoute[]
  readonly links: readonly Link[]
  readonly addresses: readonly HostAddress[]
}

/** Where a next hop is to be looked for: `ifindex` names the link of a link-local one, and is 0 for all others. */
export interface NextHopQuestion {
  readonly nextHop: Address
  readonly ifindex: number
}

/** What a lookup of a next hop says. */
export interface NextHopAnswer {
  readonly question: NextHopQuestion
  /** The interface whose link it is on; undefined: not on-link. */
  readonly ifindex: number | undefined
}

/** "Which route takes a packet to `destination`?", asked of an address of `key.prefix`. */
export interface UsageQuestion {
  readonly key: RouteKey
  readonly destination: Address
}

export interface UsageAnswer {
  readonly question: UsageQuestion
  readonly use: /** The owned route with this key. */
    | { readonly type: 'ours' }
    /** The owned route, whose link is down. */
    | { readonly type: 'dead' }
    /** Another one; `route` as `ip route` has it. */
    | { readonly type: 'other'; readonly route: string }
    /** None, or one that says no (a blackhole); `error` is the kernel's name for it. */
    | { readonly type: 'none'; readonly error: string }
}

/** What became of a look at the forwarding of this host. */
export interface ForwardingAnswer {
  /** Settings that were off, and that were switched on, such as `net.ipv4.ip_forward`. */
  readonly restored: readonly string[]
  /** What is off and cannot be switched on, in words; empty: all is on. */
  readonly error: string
}

/** Whether anybody answers for `address` where this host has `from`. */
export interface NeighbourQuestion {
  readonly address: Address
  readonly from: Address
}

/** Whom the bridge answers for on its link, because their packets go by way of this host. */
export interface BridgeAnswers {
  /** For whatever is routed out of another link. */
  readonly arp: boolean
  /** IPv6 addresses, ascending. */
  readonly neighbours: readonly Address[]
  /** It may have been made to answer for others, by a former run or before it was set down. */
  readonly afresh?: boolean
}

export const noAnswers: BridgeAnswers = { arp: false, neighbours: [] }
