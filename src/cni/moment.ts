/** When a call was made, comparable with when a lease was granted. */

import type { Lease, Witness } from '../core/ipam/lease.ts'

/** By the host's clock that runs from its boot on and never jumps. */
export interface Moment {
  readonly bootId: string
  readonly uptimeMs: number
}

/** The same host's clocks as the agent reads them. */
export interface HostTime extends Moment {
  /** Wall clock, as leases have it. */
  readonly wallMs: number
}

/**
 * Whether the lease was granted after the call was made, or in another boot's time: the call cannot mean it. The clocks
 * are read at different places and in steps of 10 ms: what is that close counts as meant.
 */
export function isNewer(lease: Lease, call: Moment, now: HostTime): boolean {
  if (call.bootId !== now.bootId) return true
  const calledAtMs = now.wallMs - (now.uptimeMs - call.uptimeMs)
  return lease.sinceMs > calledAtMs + clockStepMs
}

const clockStepMs = 20

/** Two namespaces: what had the one is not what has the other, whatever both are called. */
export const areDifferent = (a: Witness, b: Witness): boolean =>
  a.inode !== '' && b.inode !== '' && (a.inode !== b.inode || a.bootId !== b.bootId)
