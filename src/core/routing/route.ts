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
  /** Anything an alien route may do that we never write: on-link, multipath, blackhole. */
  | { readonly type: 'other'; readonly ifindex: number | undefined }

/** A route as the kernel has it. */
export interface KernelRoute extends RouteKey {
  readonly target: RouteTarget
  /** It carries our route protocol number. */
  readonly owned: boolean
}

export interface Link {
  readonly ifindex: number
  readonly name: string
  readonly up: boolean
}

/** An address of this host. */
export interface HostAddress {
  readonly ifindex: number
  readonly address: Address
  /** On-link prefix length. */
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
  | { readonly type: 'link-changed'; readonly link: Link }
  | { readonly type: 'link-removed'; readonly ifindex: number; readonly name: string }
  | { readonly type: 'address-added'; readonly address: HostAddress }
  | { readonly type: 'address-removed'; readonly address: HostAddress }

/** Everything the agent reads from a kernel, at one moment. */
export interface KernelDump {
  /** Routes of the agent's table that it owns or that lie inside `KernelScope.interest`. */
  readonly routes: readonly KernelRoute[]
  readonly links: readonly Link[]
  readonly addresses: readonly HostAddress[]
}

/** What a lookup of a next hop says. */
export interface NextHopAnswer {
  readonly nextHop: Address
  /** The interface whose link it is on; undefined: not on-link. */
  readonly ifindex: number | undefined
}
