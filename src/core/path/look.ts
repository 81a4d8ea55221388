/** What a host's kernel and firewall say of one packet. */

import type { Address, Family } from '../ip/address.ts'

/** What a packet is to the firewall. `reply`: it answers one that came through. */
export interface Packet {
  readonly family: Family
  readonly from: Address
  readonly to: Address
  /** Names of interfaces. */
  readonly iif: string
  readonly oif: string
  readonly isReply: boolean
}

/** Which route the kernel takes to an address. */
export interface Look {
  /** `own`: an address of this host. `none`: none, or one that says no. */
  readonly type: 'link' | 'gateway' | 'own' | 'none'
  /** The entry of the table that matches, as `ip route` has it; empty: none. */
  readonly route: string
  /** It carries the agent's route protocol number, in the agent's table. */
  readonly isOwned: boolean
  /** Its link is down, or has no carrier. */
  readonly isDown: boolean
  /** 0 and empty: none. */
  readonly ifindex: number
  readonly interface: string
  readonly nextHop: Address | undefined
  /** The kernel's name of why there is none; empty where there is one. */
  readonly error: string
}

export const isUsable = ({ type, isDown }: Look): boolean => type !== 'none' && !isDown

/**
 * Of the neighbour table. `silent`: it was asked for, and nobody answered. `stale`: it answered some time ago. `none`:
 * the link has no neighbours, as that of the host's own addresses.
 */
export type Neighbour = 'answers' | 'stale' | 'silent' | 'none' | 'unknown'

export interface FirewallVerdict {
  readonly verdict: 'pass' | 'drop' | 'unknown'
  /** The rule or policy that decides, or what keeps it from being known. */
  readonly by: string
}
