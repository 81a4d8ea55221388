/** Views of made-up clusters of any size, with something of everything that a page must show. */

import type { Claim, NodeId, NodeRecord } from '../../src/core/claim/record.ts'
import type { Pool } from '../../src/core/ip/pool.ts'
import { subnetAt } from '../../src/core/ip/pool.ts'
import type { Liveness } from '../../src/core/liveness/observations.ts'
import type { AgentView, ClaimView, NodeView, RouteView } from '../../src/core/view.ts'
import { addressOf, healthyView, nodeA, nodeB, prefixOf } from '../cli/fake-agent.ts'

export interface ClusterOptions {
  readonly nodes: number
  readonly pool?: Pool
  /** By number; the others are alive. Node 0 is the one that looks. */
  readonly liveness?: ReadonlyMap<number, Liveness>
  readonly tentative?: readonly number[]
  /** Another node claims what this one has. */
  readonly contested?: readonly number[]
  readonly leaving?: readonly number[]
  readonly excluded?: readonly string[]
  readonly name?: (index: number) => string
}

export const defaultPool: Pool = { prefix: prefixOf('172.16.0.0/12'), subnetLength: 22 }

/** As long as a real one. */
export const idOf = (index: number): NodeId =>
  index === 0 ? nodeA : (`12D3KooW${String(index).padStart(4, '0')}${nodeB.slice(12)}` as NodeId)

export function clusterView(options: ClusterOptions): AgentView {
  const { nodes: count, pool = defaultPool, liveness = new Map(), contested = [] } = options
  const healthy = healthyView()
  const nodes = Array.from({ length: count }, (_, index) => nodeView(index, options, pool))
  const [self] = nodes
  if (!self) throw new Error('a cluster has a node')
  const claims = nodes.flatMap(({ record, self: own }): ClaimView[] =>
    record.claims.map((claim) => ({
      claim,
      origin: record.origin,
      name: record.name,
      standing: 'winner',
      own,
      lost: undefined,
    })),
  )
  const rivals = contested.flatMap((index): ClaimView[] => {
    const claim = claims[index]
    return claim
      ? [{ ...claim, origin: idOf(index + 1), name: 'rival', standing: 'yielding', own: false }]
      : []
  })
  return {
    ...healthy,
    self: self.record.origin,
    name: self.record.name,
    own: self.record,
    nodes,
    claims: [...claims, ...rivals],
    routes: nodes.slice(1).map(({ record }, index) => routeView(record, liveness.get(index + 1))),
  }
}

function nodeView(
  index: number,
  { liveness, tentative = [], leaving = [], excluded = [], name }: ClusterOptions,
  pool: Pool,
): NodeView {
  const state = liveness?.get(index) ?? 'alive'
  const isTentative = tentative.includes(index)
  const claim: Claim = {
    prefix: subnetAt(pool, BigInt(index)),
    fence: 0,
    state: isTentative ? 'tentative' : 'confirmed',
    used: true,
    confirmedAtMs: isTentative ? 0 : Date.UTC(2026, 0, 2, 3, 4, index % 60),
  }
  const { own } = healthyView()
  return {
    record: {
      ...own,
      origin: idOf(index),
      name: name?.(index) ?? `node-${index}`,
      pools: [pool],
      claims: [claim],
      nextHops: [nextHopOf(index)],
      exclusions: index === 0 ? excluded.map(prefixOf) : [],
      draining: leaving.includes(index),
    },
    self: index === 0,
    connected: index !== 0 && state === 'alive',
    address: index === 0 || state !== 'alive' ? '' : `/ip4/${nextHopOf(index).text}/tcp/7871`,
    digestEqual: index === 0 ? undefined : true,
    liveness: state,
    sinceMs: state === 'alive' ? 0 : Date.now() - 754_000,
    missedBy: state === 'alive' ? [] : ['node-7', 'node-9', 'node-12'],
  }
}

const nextHopOf = (index: number) => addressOf(`10.0.${1 + (index >> 8)}.${index & 255}`)

function routeView(
  { origin, name, claims, nextHops }: NodeRecord,
  liveness: Liveness | undefined,
): RouteView {
  const [claim] = claims
  const [nextHop] = nextHops
  if (!claim || !nextHop) throw new Error('a made-up node has a claim and a next hop')
  const target =
    liveness === 'host-down'
      ? ({ type: 'unreachable' } as const)
      : ({ type: 'via', nextHop, ifindex: 1 } as const)
  return {
    prefix: claim.prefix,
    origin,
    name,
    kind: 'claim',
    wanted: target,
    kernel: { prefix: claim.prefix, target, metric: 0, owned: true } as RouteView['kernel'],
    state: 'installed',
    refusal: undefined,
    refusedFor: '',
    shadow: undefined,
    error: '',
  }
}
