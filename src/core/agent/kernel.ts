/** What the kernel tells: its state, what others changed in it, and how own writes went. */

import type { KernelChange, KernelDump, RouteResult } from '../routing/route.ts'
import { allowRemovals, exclude } from './publish.ts'
import type { AgentState } from './state.ts'

export const kernelRetryMs = 1_000
const kernelRetryMsMax = 60_000

export function dumped(state: AgentState, dump: KernelDump): void {
  const { router, bridge, now } = state
  router.dumped(dump)
  bridge.read(now)
  state.end('kernel')
  if (!state.kernelKnown) {
    state.kernelKnown = true
    if (router.mode === 'active') allowRemovals(state)
    if (state.isInSync) state.publishSoon()
  }
  exclude(state)
  state.reviewDue = true
}

export function unreadable(state: AgentState, reason: string): void {
  state.router.dumpFailed()
  state.begin('kernel', { code: 'kernel-unreadable', reason })
  state.dueIn('kernel', kernelRetryMs)
}

/** What failed for no reason that news could end is tried again, ever more rarely. */
export function routesApplied(state: AgentState, results: readonly RouteResult[]): void {
  state.note(...state.router.applied(results))
  if (results.some(({ outcome }) => outcome === 'failed' || outcome === 'forbidden')) {
    state.dueIn('kernel', state.kernelRetryMs)
    state.kernelRetryMs = Math.min(state.kernelRetryMs * 2, kernelRetryMsMax)
  } else if (results.length > 0) state.kernelRetryMs = kernelRetryMs
}

export function kernelChanged(state: AgentState, changes: readonly KernelChange[]): void {
  const { router, config, due, now } = state
  const { notes, addresses, links, locals } = router.changed(changes)
  state.note(...notes)
  if (addresses || links) state.emit({ type: 'locate-uplink' })
  if (!addresses && !locals) return
  const at = Math.max(now, state.excludedAt + config.timing.exclusionMs)
  if (!due.has('exclusions')) due.set('exclusions', at)
}
