/** The host's network stack. An adapter reads, writes and watches; it decides nothing. */

import type { Event, Uplink } from '../core/event.ts'
import type { Address } from '../core/ip/address.ts'
import type { Prefix } from '../core/ip/prefix.ts'
import type {
  HostAddress,
  KernelDump,
  NextHopAnswer,
  RouteChange,
  RouteResult,
} from '../core/routing/route.ts'

export type KernelEvent = Extract<
  Event,
  { type: 'kernel-changed' | 'kernel-overrun' | 'trouble-reported' }
>

export interface KernelScope {
  /** Kernel routing table that owned routes live in; 254 is main. */
  readonly table: number
  /** Owned routes carry it; nothing else is ever written to or removed. */
  readonly protocol: number
  /** Alien routes inside (or equal to) these prefixes are reported, all others ignored, so that churn elsewhere costs nothing. */
  readonly interest: readonly Prefix[]
}

export interface Kernel {
  /**
   * Begins to watch. Obligations: changes are delivered in the kernel's order, own writes excepted; where any was lost,
   * `kernel-overrun` is delivered after the watch works again, so that a dump taken on receipt misses nothing;
   * what waits for delivery is bounded. A route of another protocol to a prefix that `apply` once found in the way
   * (`exists`) is reported too, inside `interest` or not, until it is gone.
   */
  start(deliver: (event: KernelEvent) => void): Promise<void>
  dump(): Promise<KernelDump>
  /** Performs all changes in order; one that fails never stops the rest. One result per change, in order. */
  apply(changes: readonly RouteChange[]): Promise<readonly RouteResult[]>
  /** `ifindex`: where link-local next hops are looked for. */
  lookUpNextHops(nextHops: readonly Address[], ifindex: number): Promise<readonly NextHopAnswer[]>
  /** The interface and addresses by which peers reach this host. */
  locateUplink(): Promise<Uplink>
  /** Idempotent. Returns an error text, or empty. */
  configureBridge(bridge: {
    readonly name: string
    readonly addresses: readonly Omit<HostAddress, 'ifindex'>[]
    readonly within: readonly Prefix[]
  }): Promise<string>
  /** Returns an error text, or empty when forwarding is on for every family. */
  enableForwarding(families: readonly (4 | 6)[]): Promise<string>
  stop(): Promise<void>
}
