/** STATUS: whether a container that comes would get its addresses and reach others by them. */

import type { ProblemCode } from '../core/problem.ts'
import type { AgentView } from '../core/view.ts'
import { Failure } from './failure.ts'

export function unreadiness(view: AgentView): Failure | undefined {
  if (view.phase === 'left') return new Failure('unavailable', 'this node has left the cluster')
  const subnets = view.ipam.subnets
  const lacking = view.own.pools.find(
    ({ prefix }) => !subnets.some((subnet) => subnet.prefix.family === prefix.family),
  )
  if (lacking || subnets.length === 0) {
    const pool = lacking ? ` of ${lacking.prefix.text}` : ''
    return new Failure('unavailable', `this node has no confirmed subnet${pool} yet`)
  }
  const full = subnets.find(({ free, resting }) => free === 0n && resting === 0)
  if (full) {
    return new Failure('unavailable', `every address of ${full.prefix.text} is held`)
  }
  const leases = problem(view, ['leases-unreadable', 'leases-unwritable', 'leases-slow'])
  if (leases) return new Failure('unavailable', `leases cannot be kept (${leases})`)
  if (view.phase === 'purged') {
    return new Failure('limited', 'routes were purged: starling resync brings them back')
  }
  const plane = problem(view, ['bridge-failed', 'forwarding-off'])
  return plane === undefined
    ? undefined
    : new Failure('limited', `containers may not reach others (${plane})`)
}

/** The stored leases are not known: an attachment without one may have one. */
export const isBlind = (view: AgentView): boolean =>
  problem(view, ['leases-unreadable']) !== undefined

const problem = ({ problems }: AgentView, codes: readonly ProblemCode[]): string | undefined =>
  problems.find(({ code }) => codes.includes(code))?.code
