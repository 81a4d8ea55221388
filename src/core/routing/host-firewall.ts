/** What of a host's firewall is starling's. */

import type { Prefix } from '../ip/prefix.ts'

/** Undefined: nothing of that part stands. */
export interface HostFirewall {
  readonly masquerade: Masquerade | undefined
  readonly opening: Opening | undefined
}

/** What comes from `sources` gets the host's address when it leaves, unless it goes to `inside`. */
export interface Masquerade {
  readonly sources: readonly Prefix[]
  /** Ascending, none inside another. */
  readonly inside: readonly Prefix[]
  /** What stays on it stays as it is. */
  readonly bridge: string
}

/** What others' rules would drop passes to and from the bridge. */
export interface Opening {
  readonly bridge: string
  readonly families: readonly (4 | 6)[]
}

export type FirewallPart = keyof HostFirewall

export interface FirewallAnswer {
  /** What others had changed or removed, and is as it was. */
  readonly restored: readonly FirewallPart[]
  readonly failed: readonly { readonly part: FirewallPart; readonly error: string }[]
}
