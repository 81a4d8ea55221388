/** The host's network stack. An adapter reads, writes and watches; it decides nothing. */

import type { Event, Uplink } from '../core/event.ts'
import type { Address } from '../core/ip/address.ts'
import type { Prefix } from '../core/ip/prefix.ts'
import type {
  BridgeAnswers,
  ForwardingAnswer,
  HostAddress,
  KernelDump,
  LinkAddress,
  NeighbourQuestion,
  NextHopAnswer,
  NextHopQuestion,
  RouteChange,
  RouteResult,
  UsageAnswer,
  UsageQuestion,
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
  /**
   * Alien routes inside (or equal to) these prefixes are reported, in every table that a rule leads to. All others are
   * only counted, so that churn elsewhere costs little.
   */
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
  /** One answer per question, in order. */
  lookUpNextHops(questions: readonly NextHopQuestion[]): Promise<readonly NextHopAnswer[]>
  /** One answer per question, in order. */
  lookUpUsage(questions: readonly UsageQuestion[]): Promise<readonly UsageAnswer[]>
  /** The interface and addresses by which peers reach this host; no address inside `subnets`. */
  locateUplink(subnets: readonly Prefix[]): Promise<Uplink>
  /**
   * Idempotent. The bridge is made where addresses are wanted. Of its addresses only those go that carry this agent's
   * address protocol and are not wanted, and those that `former` names, on whatever link; others stay, whoever added
   * them. It answers for `answers` on its link. Returns an error text, or empty.
   */
  configureBridge(bridge: {
    readonly name: string
    readonly addresses: readonly Omit<HostAddress, 'ifindex'>[]
    readonly former: readonly LinkAddress[]
    readonly answers: BridgeAnswers
  }): Promise<string>
  /** Switches on what is off, for the whole host and for each of `links` that is there. */
  checkForwarding(families: readonly (4 | 6)[], links: readonly string[]): Promise<ForwardingAnswer>
  /** Those for which nobody answers. Takes seconds, and holds up nothing meanwhile. */
  probeNeighbours(questions: readonly NeighbourQuestion[]): Promise<readonly Address[]>
  stop(): Promise<void>
}
