/** The host's firewall: a table and a rule of ours among those of others. */

import type { FirewallAnswer, HostFirewall } from '../core/routing/host-firewall.ts'

export interface Firewall {
  /**
   * Idempotent: what stands already is not written again, and what differs of it is written at one stroke. Nothing of
   * others is touched, but for the place of one commented rule of ours in a chain of theirs. Never rejects.
   */
  configure(wanted: HostFirewall): Promise<FirewallAnswer>
  /** Calls back when somebody changed what `configure` keeps, as far as that is told; bursts are one call. */
  watch(changed: () => void): void
  stop(): Promise<void>
}
