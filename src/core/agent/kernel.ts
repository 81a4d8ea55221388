/** What the kernel tells: its state, what others changed in it, and how own writes went. */

import { doubted } from '../routing/doubts.ts'
import type { ForwardingAnswer, KernelChange, KernelDump, RouteResult } from '../routing/route.ts'
import { allowRemovals, exclude } from './publish.ts'
import type { AgentState } from './state.ts'

export const kernelRetryMs = 1_000
const kernelRetryMsMax = 60_000
/** Nothing tells when it can be switched on again, such as once files can be opened. */
const forwardingRetryMsMax = 8_000

export function dumped(state: AgentState, dump: KernelDump): void {
  const { router, bridge, now } = state
  router.dumped(dump)
  state.doubts.settle('fib', now)
  state.doubts.raise('usage', now)
  bridge.read(now)
  state.end('kernel')
  if (!state.kernelKnown) {
    state.kernelKnown = true
    // What was to be asked before was not: see `Agent`.
    router.ask('next-hops')
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
  state.note(...state.router.applied(results, state.now))
  if (results.some(({ outcome }) => outcome === 'failed' || outcome === 'forbidden')) {
    state.dueIn('kernel', state.kernelRetryMs)
    state.kernelRetryMs = Math.min(state.kernelRetryMs * 2, kernelRetryMsMax)
  } else if (results.length > 0) state.kernelRetryMs = kernelRetryMs
}

export function kernelChanged(state: AgentState, changes: readonly KernelChange[]): void {
  const { router, config, due, now } = state
  state.note(...router.changed(changes, now))
  if (!changes.some((change) => maySurround(state, change))) return
  const at = Math.max(now, state.excludedAt + config.timing.exclusionMs)
  if (!due.has('exclusions')) due.set('exclusions', at)
}

/** Whether it may be of a network that nobody can claim. */
function maySurround({ router }: AgentState, change: KernelChange): boolean {
  if ('address' in change) return true
  return 'route' in change && !change.route.owned && router.locals.isInPools(change.route.prefix)
}

/** Asks the kernel about every belief whose time has come. */
export function askDoubted(state: AgentState): void {
  const { doubts, router, now } = state
  router.doubtFound(now)
  for (const belief of doubts.take(now)) {
    if (belief === 'uplink') state.locateUplink()
    else if (belief === 'forwarding') checkForwarding(state)
    else router.ask(belief)
    if (belief === 'usage') for (const effect of router.askUsage()) state.emit(effect)
  }
}

export function doubtAll(state: AgentState, changes: number): void {
  for (const belief of doubted.unknown) state.doubts.raise(belief, state.now, changes)
}

/** What was switched off by somebody is on again. */
export function forwardingChecked(state: AgentState, { restored, error }: ForwardingAnswer): void {
  if (restored.length > 0) {
    const how = state.forwards ? 'again' : 'first'
    state.note({ code: 'forwarding-restored', settings: restored, how })
  }
  state.forwards = true
  if (!error) {
    state.forwardingRetryMs = kernelRetryMs
    return state.end('forwarding')
  }
  state.begin('forwarding', { code: 'forwarding-off', error })
  state.dueIn('forwarding', state.forwardingRetryMs)
  state.forwardingRetryMs = Math.min(state.forwardingRetryMs * 2, forwardingRetryMsMax)
}

/** Nothing on the host is touched before there is a claim. */
export function checkForwarding(state: AgentState): void {
  const { claimant, config, router, doubts, now } = state
  if (claimant.confirmed.length === 0) return
  doubts.settle('forwarding', now)
  const families = config.pools.map((pool) => pool.prefix.family)
  state.emit({ type: 'check-forwarding', families, links: router.passages })
}
