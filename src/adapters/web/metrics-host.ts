/** Metrics of what this node does on its host: routes, addresses, leases. */

import type { Door } from '../../core/ipam/lease.ts'
import type { RouteState, SubnetView } from '../../core/view.ts'
import { all, type Metric, type NoteCode, type Sample, type Scrape, tally } from './metric.ts'
import { families, familyOf } from './metrics-cluster.ts'

const routeStates = all<RouteState>({
  installed: true,
  shadowed: true,
  dead: true,
  missing: true,
  alien: true,
  'not-on-link': true,
  refused: true,
  failed: true,
  leftover: true,
})

const doors = all<Door>({ cni: true, docker: true, grpc: true, manual: true })

const repairs: Readonly<Record<string, NoteCode>> = {
  route: 'route-drifted',
  forwarding: 'forwarding-restored',
  firewall: 'firewall-restored',
}

const addressStates: Readonly<Record<string, (subnet: SubnetView) => number>> = {
  used: ({ used }) => used,
  resting: ({ resting }) => resting,
  withheld: ({ withheld }) => withheld,
  free: ({ free }) => Number(free),
  reserved: ({ size, used, resting, withheld, free }) =>
    Math.max(0, Number(size - free - BigInt(used + resting + withheld))),
}

export const hostMetrics: readonly Metric[] = [
  {
    name: 'starling_rib_routes',
    type: 'gauge',
    labels: { family: families },
    help: 'Routes that this node wants in its kernel.',
    read: ({ routes }) =>
      tally(
        'family',
        families,
        routes.filter(({ wanted }) => wanted).map(({ prefix }) => familyOf(prefix.family)),
      ),
  },
  {
    name: 'starling_fib_routes',
    type: 'gauge',
    labels: { family: families },
    help: 'Routes of this node that its kernel has.',
    read: ({ routes }) =>
      tally(
        'family',
        families,
        routes.filter(({ kernel }) => kernel?.owned).map(({ prefix }) => familyOf(prefix.family)),
      ),
  },
  {
    name: 'starling_routes',
    type: 'gauge',
    labels: { state: routeStates },
    help: 'Routes that nodes announce, by what has become of them here.',
    read: ({ routes }) =>
      tally(
        'state',
        routeStates,
        routes.map(({ state }) => state),
      ),
  },
  {
    name: 'starling_routes_written_total',
    type: 'counter',
    labels: { change: ['added', 'removed'] },
    help: 'Routes that this node added to its kernel or removed from it.',
    read: ({ notes: { added, removed } }) => [
      { labels: { change: 'added' }, value: added },
      { labels: { change: 'removed' }, value: removed },
    ],
  },
  {
    name: 'starling_route_apply_duration_seconds',
    type: 'histogram',
    labels: {},
    help: 'How long the writes of routes took, each of one or many.',
    read: ({ applied }) => applied,
  },
  {
    name: 'starling_drift_repairs_total',
    type: 'counter',
    labels: { what: Object.keys(repairs) },
    help: 'How often this node put back what somebody else had changed; many routes of one moment are one repair.',
    read: ({ notes }) =>
      Object.entries(repairs).map(([what, code]) => ({
        labels: { what },
        value: notes.byCode.get(code) ?? 0,
      })),
  },
  {
    name: 'starling_addresses_capacity',
    type: 'gauge',
    labels: { family: families },
    help: 'Addresses that containers can have in the subnet of this node.',
    read: (scrape) => ofSubnets(scrape, ({ size }) => Number(size)),
  },
  {
    name: 'starling_addresses',
    type: 'gauge',
    labels: { family: families, state: Object.keys(addressStates) },
    help: 'Of those: held, resting after their release, held by containers of other nodes, never used, kept for those who ask for them.',
    read: (scrape) =>
      Object.entries(addressStates).flatMap(([state, count]) =>
        ofSubnets(scrape, count).map(({ labels, value }) => ({
          labels: { ...labels, state },
          value,
        })),
      ),
  },
  {
    name: 'starling_leases',
    type: 'gauge',
    labels: { family: families, door: doors },
    help: 'Addresses that containers hold, by the way in which they were asked for.',
    read: ({ ipam }) => {
      const leases = ipam.leases()
      return families.flatMap((family) => {
        const found = leases.filter(({ address }) => familyOf(address.family) === family)
        const counted = tally(
          'door',
          doors,
          found.map(({ attachment }) => attachment.door),
        )
        return counted.map(({ labels, value }) => ({ labels: { family, ...labels }, value }))
      })
    },
  },
  {
    name: 'starling_leases_kept',
    type: 'gauge',
    labels: {},
    help: 'Of those, the ones in a subnet that this node has lost to another one.',
    read: ({ kept }) => kept.length,
  },
  {
    name: 'starling_leases_leaked_total',
    type: 'counter',
    labels: {},
    help: 'Leases that nobody released, and that were freed because their container was gone.',
    read: ({ notes }) => notes.byCode.get('lease-leaked') ?? 0,
  },
  {
    name: 'starling_leases_reused_early_total',
    type: 'counter',
    labels: {},
    help: 'Addresses that were granted to another container within a minute of their release.',
    read: ({ ipam }) => ipam.reusedEarly,
  },
]

const ofSubnets = ({ ipam }: Scrape, count: (subnet: SubnetView) => number): Sample[] =>
  ipam.subnets.map((subnet) => ({
    labels: { family: familyOf(subnet.prefix.family) },
    value: count(subnet),
  }))
