/** The state of an agent in one line: whether all is well, and what is missing where it is not. */

import type { StatusResponse } from '../adapters/api/definition.ts'

export interface Verdict {
  readonly tone: 'good' | 'warn' | 'bad'
  readonly word: string
  readonly text: string
}

type State = Omit<StatusResponse, 'inabilities' | 'uptimeMs'>

export function verdictOf(state: State): Verdict {
  const { name, convergence, problems } = state
  if (!convergence.converged) {
    return { tone: 'bad', word: 'Not converged', text: `${name}: ${lacks(state).join('; ')}` }
  }
  const text = `${name} ${achievements(state).join(', ')}`
  return problems.length === 0
    ? { tone: 'good', word: 'OK', text }
    : { tone: 'warn', word: 'Converged, with problems', text }
}

function achievements({ claims, peersConnected, routes }: State): string[] {
  return [
    `has ${claims.map(({ prefix }) => prefix).join(' and ') || 'no subnet'}`,
    peersConnected === 0
      ? 'no peer is connected'
      : peersConnected === 1
        ? '1 peer agrees'
        : `${peersConnected} peers agree`,
    routes.wanted === 0
      ? 'no routes are wanted'
      : `${routes.installed} of ${routes.wanted} routes ${areOf(routes.installed)} in the kernel`,
  ]
}

const areOf = (count: number): string => (count === 1 ? 'is' : 'are')

/** What convergence waits for. */
function lacks(state: State): string[] {
  const { convergence, claims, routes, phase } = state
  const missing: string[] = []
  if (phase === 'joining') missing.push('joining, no peer has answered yet')
  if (phase === 'purged') missing.push('routes are purged until starling resync')
  if (phase === 'left') missing.push('it has left the cluster')
  if (!convergence.claimed) {
    const tentative = claims.filter((claim) => claim.state === 'tentative')
    missing.push(
      tentative.length > 0
        ? `subnet ${tentative.map(({ prefix }) => prefix).join(', ')} is not confirmed yet`
        : 'it has no subnet',
    )
  }
  if (!convergence.digestsEqual) missing.push(disagreement(state))
  if (!convergence.kernelEqual) {
    const open = routes.wanted - routes.installed
    const parts = [
      open > 0 ? `${open} of ${routes.wanted} routes ${areOf(open)} not in the kernel` : '',
      routes.leftover > 0 ? `leftover routes to remove: ${routes.leftover}` : '',
    ].filter((part) => part !== '')
    missing.push(parts.join(', ') || 'the kernel differs from what is wanted')
  }
  return missing
}

/** `the records of b are not the same, those of c are not compared yet` */
function disagreement({ differing, differingPeers }: State): string {
  if (differing.length === 0) return 'some connected peers may not have the same records yet'
  const named = (word: string) =>
    differing.filter(({ digest }) => digest === word).map(({ name }) => name)
  const [other, open] = [named('different'), named('unknown')]
  const more = differingPeers - differing.length
  return [
    other.length > 0 ? `the records of ${other.join(', ')} are not the same` : '',
    open.length > 0 ? `those of ${open.join(', ')} are not compared yet` : '',
    more > 0 ? `nor are they known to be the same of ${more} more nodes` : '',
  ]
    .filter((part) => part !== '')
    .join(', ')
}
