/** Joins the granting of addresses to the claims that they are granted from. */

import type { Prefix } from '../ip/prefix.ts'
import type { AgentState } from './state.ts'

/** Addresses are granted from `subnets` alone; that one was is told to all, for such a claim goes before an unused one. */
export function serveAddresses(state: AgentState, subnets: readonly Prefix[]): void {
  const { ipam, leaks, claimant } = state
  ipam.serve(subnets, state.now)
  for (const prefix of ipam.used) if (claimant.use(prefix)) state.publishSoon()
  for (const effect of [...leaks.flush(state.now), ...ipam.flush()]) state.emit(effect)
  state.note(...ipam.report(), ...leaks.report())
}

export function leasesPersisted(state: AgentState, error: string): void {
  state.ipam.persisted(error, state.now)
  if (error === '') state.end('leases')
  else state.begin('leases', { code: 'leases-unwritable', reason: error })
}
