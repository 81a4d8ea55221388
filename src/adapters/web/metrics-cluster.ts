/** Metrics of what nodes agree on: convergence, problems, nodes, claims, the pool. */

import { poolUsage } from '../../core/claim/pool-usage.ts'
import { describe } from '../../core/describe.ts'
import { subnetCount } from '../../core/ip/pool.ts'
import type { ClaimView, NodeView } from '../../core/view.ts'
import { all, type Metric, type Sample, type Scrape, tally } from './metric.ts'

export const families = ['ipv4', 'ipv6'] as const
export const familyOf = (family: 4 | 6): 'ipv4' | 'ipv6' => (family === 4 ? 'ipv4' : 'ipv6')

const liveness = all<NodeView['liveness']>({
  alive: true,
  suspect: true,
  'agent-down': true,
  'host-down': true,
  displaced: true,
})
const claimStates = all<ClaimView['claim']['state']>({ tentative: true, confirmed: true })
const standings = all<ClaimView['standing']>({ winner: true, yielding: true, fenced: true })
const transitions = {
  joined: ({ notes }: Scrape) => notes.byCode.get('node-joined') ?? 0,
  back: ({ notes }: Scrape) => notes.byCode.get('node-back') ?? 0,
  'agent-down': ({ notes }: Scrape) => notes.down['agent-down'],
  'host-down': ({ notes }: Scrape) => notes.down['host-down'],
  displaced: ({ notes }: Scrape) => notes.down.displaced,
  left: ({ notes }: Scrape) => notes.byCode.get('node-left') ?? 0,
  evicted: ({ notes }: Scrape) => notes.byCode.get('node-evicted') ?? 0,
}

const flag = (holds: boolean): number => (holds ? 1 : 0)

export const clusterMetrics: readonly Metric[] = [
  {
    name: 'starling_build_info',
    type: 'gauge',
    labels: { version: 'the version of this agent' },
    help: 'Always 1; the version of the agent is its label.',
    read: ({ software }) => [{ labels: { version: software }, value: 1 }],
  },
  {
    name: 'starling_ready',
    type: 'gauge',
    labels: {},
    help: 'Whether this node has had a confirmed subnet and all its routes in the kernel, once since its start; as /readyz.',
    read: ({ isReady }) => flag(isReady),
  },
  {
    name: 'starling_converged',
    type: 'gauge',
    labels: {},
    help: 'Whether all three parts of convergence hold now, as starling status says.',
    read: ({ convergence }) => flag(convergence.converged),
  },
  {
    name: 'starling_converged_parts',
    type: 'gauge',
    labels: { part: ['claimed', 'digests', 'kernel'] },
    help: 'Whether this node has its subnets, its connected peers have the digest that it has, and its kernel has the routes that it wants.',
    read: ({ convergence: { claimed, digestsEqual, kernelEqual } }) => [
      { labels: { part: 'claimed' }, value: flag(claimed) },
      { labels: { part: 'digests' }, value: flag(digestsEqual) },
      { labels: { part: 'kernel' }, value: flag(kernelEqual) },
    ],
  },
  {
    name: 'starling_converged_age_seconds',
    type: 'gauge',
    labels: {},
    help: 'Time since starling_converged changed, as far as scrapes saw it change.',
    read: ({ convergedMs }) => convergedMs / 1_000,
  },
  {
    name: 'starling_digest',
    type: 'gauge',
    labels: {},
    help: 'The first 48 bits of the digest of all that this node knows of the cluster: nodes that know the same have the same number.',
    read: ({ root }) => Number.parseInt(root.slice(0, digestDigits), 16),
  },
  {
    name: 'starling_problems',
    type: 'gauge',
    labels: { code: 'a problem of [events.md](events.md)', level: ['info', 'warn', 'error'] },
    help: 'How many problems of a code stand at this node; there is no sample where there are none.',
    read: problems,
  },
  {
    name: 'starling_events_total',
    type: 'counter',
    labels: { code: 'an event of [events.md](events.md)' },
    help: 'How often something was told since the start; there is no sample for what never was.',
    read: ({ notes }) => [...notes.byCode].map(([code, value]) => ({ labels: { code }, value })),
  },
  {
    name: 'starling_nodes',
    type: 'gauge',
    labels: { liveness },
    help: 'Nodes of the cluster by how this node judges them, itself among them.',
    read: ({ nodes }) =>
      tally(
        'liveness',
        liveness,
        nodes.map((node) => node.liveness),
      ),
  },
  {
    name: 'starling_nodes_other_version',
    type: 'gauge',
    labels: {},
    help: 'Nodes that run another version than this one.',
    read: ({ nodes, software }) =>
      nodes.filter(({ record }) => record.software !== software).length,
  },
  {
    name: 'starling_node_transitions_total',
    type: 'counter',
    labels: { to: Object.keys(transitions) },
    help: 'How often this node learnt that a node joined, failed, came back or ended.',
    read: (scrape) =>
      Object.entries(transitions).map(([to, count]) => ({ labels: { to }, value: count(scrape) })),
  },
  {
    name: 'starling_peers',
    type: 'gauge',
    labels: { digest: ['equal', 'different', 'unknown'] },
    help: 'Connected nodes, by whether the digest that they last said is that of this node.',
    read: ({ nodes }) =>
      tally(
        'digest',
        ['equal', 'different', 'unknown'],
        nodes
          .filter(({ connected }) => connected)
          .map(({ digestEqual }) =>
            digestEqual === undefined ? 'unknown' : digestEqual ? 'equal' : 'different',
          ),
      ),
  },
  {
    name: 'starling_claims',
    type: 'gauge',
    labels: { state: claimStates, standing: standings },
    help: 'Subnets that nodes claim: settled or not, and whether the claim holds, gives way to another one, or is outdated by an eviction.',
    read: ({ claims }) =>
      claimStates.flatMap((state) => {
        const found = claims.filter(({ claim }) => claim.state === state)
        const counted = tally(
          'standing',
          standings,
          found.map(({ standing }) => standing),
        )
        return counted.map(({ labels, value }) => ({ labels: { state, ...labels }, value }))
      }),
  },
  {
    name: 'starling_claim_conflicts',
    type: 'gauge',
    labels: {},
    help: 'Claims that overlap another one and give way to it.',
    read: ({ claims }) => claims.filter(({ standing }) => standing === 'yielding').length,
  },
  {
    name: 'starling_claims_lost_total',
    type: 'counter',
    labels: {},
    help: 'How often this node lost a confirmed subnet to another one.',
    read: ({ notes }) => notes.byCode.get('claim-lost') ?? 0,
  },
  {
    name: 'starling_pool_subnets_capacity',
    type: 'gauge',
    labels: { family: families },
    help: 'Subnets that the pool of this node is divided into.',
    read: ({ own }) =>
      own.pools.map((pool) => ({
        labels: { family: familyOf(pool.prefix.family) },
        value: Number(subnetCount(pool)),
      })),
  },
  {
    name: 'starling_pool_subnets',
    type: 'gauge',
    labels: { family: families, state: ['claimed', 'excluded', 'free'] },
    help: 'Of those: claimed by a node, left alone because some host has a network of its own there, or free.',
    read: poolSubnets,
  },
]

/** Of 48 bits, which a floating-point number holds. */
const digestDigits = 12

function problems(scrape: Scrape): Sample[] {
  const samples = new Map<string, { labels: Record<string, string>; value: number }>()
  for (const problem of scrape.problems) {
    const { code } = problem
    const { level } = describe(problem)
    const sample = samples.get(`${code}/${level}`) ?? { labels: { code, level }, value: 0 }
    sample.value += 1
    samples.set(`${code}/${level}`, sample)
  }
  return [...samples.values()]
}

function poolSubnets({ own, claims, nodes }: Scrape): Sample[] {
  const prefixes = claims.map(({ claim }) => claim.prefix)
  const exclusions = nodes.map(({ record }) => record.exclusions)
  return own.pools.flatMap((pool) =>
    Object.entries(poolUsage(pool, prefixes, exclusions)).map(([state, count]) => ({
      labels: { family: familyOf(pool.prefix.family), state },
      value: Number(count),
    })),
  )
}
