/** A route in words, as `ip route` has it. */

import { unreachable } from '../invariant.ts'
import type { KernelRoute, RouteTarget } from './route.ts'

export function routeText(
  { prefix, target, metric, otherTable }: KernelRoute,
  nameOf: (ifindex: number) => string,
): string {
  const to = targetText(target, nameOf)
  const words = saysNo.has(to) ? [to, prefix.text] : [prefix.text, to]
  if (otherTable !== undefined) words.push(`table ${otherTable}`)
  if (metric !== 0) words.push(`metric ${metric}`)
  return words.filter((word) => word !== '').join(' ')
}

const saysNo: ReadonlySet<string> = new Set(['blackhole', 'unreachable', 'prohibit', 'throw'])

function targetText(target: RouteTarget, nameOf: (ifindex: number) => string): string {
  switch (target.type) {
    case 'via':
      return `via ${target.nextHop.text} dev ${nameOf(target.ifindex)}`
    case 'unreachable':
      return 'unreachable'
    case 'on-link':
      return `dev ${nameOf(target.ifindex)}`
    case 'other':
      return target.ifindex === undefined
        ? target.text
        : `${target.text} dev ${nameOf(target.ifindex)}`.trim()
    default:
      return unreachable(target)
  }
}
