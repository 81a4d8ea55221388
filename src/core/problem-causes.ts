/** Which problems only follow from another one: a forest, so that a person mends the root. */

import type { NodeId } from './claim/record.ts'
import type { Problem, ProblemCode } from './problem.ts'

/**
 * What follows from each problem, where both stand; with `same`, where both are of one node. What explains most is asked
 * first.
 */
export const follows: readonly {
  readonly from: ProblemCode
  readonly to: readonly ProblemCode[]
  readonly same?: 'node'
}[] = [
  {
    from: 'uplink-missing',
    to: ['route-dead', 'route-off-link', 'seed-unreachable', 'seed-unresolvable', 'node-down'],
  },
  { from: 'kernel-unreadable', to: ['route-failed', 'bridge-failed', 'forwarding-off'] },
  { from: 'not-admitted-self', to: ['not-admitted', 'join-held'] },
  { from: 'certificate-expires', to: ['not-admitted'] },
  { from: 'store-unwritable', to: ['leases-unwritable'] },
  { from: 'leases-slow', to: ['leases-unwritable', 'store-unwritable'] },
  { from: 'node-down', to: ['seed-unreachable', 'route-off-link'], same: 'node' },
  { from: 'clock-unset', to: ['clock-skew'], same: 'node' },
  { from: 'pool-mismatch', to: ['route-refused'], same: 'node' },
  { from: 'handshake-failed', to: ['join-held'] },
  { from: 'seed-unreachable', to: ['joined-alone'] },
  { from: 'seed-unresolvable', to: ['joined-alone'] },
]

/** Of each problem the index of the one that it follows from; undefined: it stands for itself. */
export function causesOf(
  problems: readonly Problem[],
  addressesOf: (node: NodeId) => readonly string[],
): (number | undefined)[] {
  const byCode = Map.groupBy(problems.keys(), (at) => problems[at]?.code)
  return problems.map((problem) => {
    for (const { from, to, same } of follows) {
      if (!to.includes(problem.code)) continue
      const index = byCode.get(from)?.find((at) => {
        const other = problems[at]
        return other && (same === undefined || areOfOneNode(other, problem, addressesOf))
      })
      if (index !== undefined) return index
    }
    return undefined
  })
}

/** A seed is a node by the address that is dialled. */
function areOfOneNode(
  cause: Problem,
  problem: Problem,
  addressesOf: (node: NodeId) => readonly string[],
): boolean {
  if (!('node' in cause)) return false
  const { node } = cause
  if (problem.code === 'seed-unreachable') {
    const { subject } = problem
    return node !== undefined && addressesOf(node).some((text) => isDialledBy(subject, text))
  }
  if (problem.code === 'route-refused')
    return problem.origin === node && problem.why === 'other-pool'
  return ('node' in problem ? problem.node : 'origin' in problem ? problem.origin : null) === node
}

/** `10.0.1.71`, `10.0.1.71:7871` and `[fd00::1]:7871` as `/ip4/10.0.1.71/tcp/7871` has them. */
function isDialledBy(seed: string, multiaddr: string): boolean {
  const [, , host = '', , port = ''] = multiaddr.split('/')
  return [host, `${host}:${port}`, `[${host}]:${port}`].includes(seed)
}
