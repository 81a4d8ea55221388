/** Routes in words, as `ip route` has them. */

import type {
  KernelRouteMessage,
  LookupMessage,
  TargetMessage,
} from '../adapters/api/definition.ts'

export function targetText({ type, nextHop, interface: link }: TargetMessage): string {
  const on = link === '' ? '' : `dev ${link}`
  if (type === 'via') return `via ${nextHop} ${on}`.trimEnd()
  return type === 'unreachable' ? type : on || 'other'
}

/** `alien: via 10.0.1.72 dev eth0 metric 20` */
export const kernelRouteText = ({ target, owned, metric }: KernelRouteMessage): string =>
  owned ? targetText(target) : `alien: ${targetText(target)} metric ${metric}`

/** What keeps a route from being used, if anything does. */
export const routeStateText = (state: string): string => stateTexts.get(state) ?? state

const stateTexts: ReadonlyMap<string, string> = new Map([
  ['installed', 'in kernel'],
  ['alien', 'alien in the way'],
  ['not-on-link', 'not on-link'],
  ['dead', 'link down'],
])

/** `takes 172.16.4.0/22 via 10.0.1.72 dev eth0 (ours); 10.0.1.72 answers on eth0` */
export function lookupText(kernel: LookupMessage, address: string): string {
  const { route, owned, down, error, nextHop, neighbour } = kernel
  if (error !== '') return `has no way to it: ${[route, error].filter(Boolean).join(', ')}`
  const who = neighbourTexts.get(neighbour)
  const beside = who === undefined ? '' : `; ${nextHop || address} ${who} on ${kernel.interface}`
  return `takes ${route}${owned ? ' (ours)' : ''}${down ? ', whose link is down' : ''}${beside}`
}

const neighbourTexts: ReadonlyMap<string, string> = new Map([
  ['answers', 'answers'],
  ['stale', 'answered some time ago'],
  ['silent', 'does not answer'],
])
