/** Whatever happens to an agent, in whatever order: it does not throw, does not spin, and keeps its contract. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Entry, NodeId } from '../../../src/core/claim/record.ts'
import type { Command, Event } from '../../../src/core/event.ts'
import type { KernelDump, KernelRoute, RouteTarget } from '../../../src/core/routing/route.ts'
import { message } from '../../wire/arbitraries.ts'
import { anyEntry, anyPrefix, crowdedSubnet, plainRecord } from '../arbitraries.ts'
import { addressOf, nodeOf, poolOf } from '../specimens.ts'
import { type Host, Table } from './harness.ts'

/** One of the eight of whom the generated entries tell, so that some are about itself. */
const self = nodeOf(3)
const peer = fc.integer({ min: 1, max: 8 }).map((number) => nodeOf(number).id)

const target: fc.Arbitrary<RouteTarget> = fc.oneof(
  fc
    .constantFrom('10.0.1.1', '10.0.1.2', '10.9.9.9')
    .map((text) => ({ type: 'via' as const, nextHop: addressOf(text), ifindex: 2 })),
  fc.constant({ type: 'other' as const, ifindex: 7, text: 'dev if7' }),
)

const route: fc.Arbitrary<KernelRoute> = plainRecord({
  prefix: fc.oneof(crowdedSubnet, anyPrefix),
  metric: fc.constantFrom(0, 0, 100),
  target,
  owned: fc.boolean(),
})

const link = plainRecord({
  ifindex: fc.constantFrom(2, 3, 4),
  name: fc.constantFrom('eth0', 'eth1', 'starling0'),
  up: fc.boolean(),
  carrier: fc.boolean(),
})

const address = plainRecord({
  ifindex: fc.constantFrom(2, 3, 4),
  address: fc.constantFrom('10.0.1.3', '172.16.0.1', '172.16.4.1', 'fd00::1').map(addressOf),
  length: fc.constantFrom(16, 22, 24),
})

const change = fc.oneof(
  plainRecord({ type: fc.constantFrom('route-added' as const, 'route-removed' as const), route }),
  plainRecord({ type: fc.constant('link-changed' as const), link }),
  link.map(({ ifindex, name }) => ({ type: 'link-removed' as const, ifindex, name })),
  plainRecord({
    type: fc.constantFrom('address-added' as const, 'address-removed' as const),
    address,
  }),
  plainRecord({
    type: fc.constantFrom(
      'rules-changed' as const,
      'nexthop-objects-changed' as const,
      'forwarding-changed' as const,
    ),
  }),
  plainRecord({
    type: fc.constant('foreign-routes-changed' as const),
    count: fc.constantFrom(1, 50_000),
  }),
)

const dump: fc.Arbitrary<KernelDump> = plainRecord({
  routes: fc.array(route, { maxLength: 4 }),
  links: fc.array(link, { maxLength: 3 }),
  addresses: fc.array(address, { maxLength: 3 }),
})

const command = fc.oneof(
  plainRecord({
    type: fc.constantFrom('announce' as const, 'withdraw' as const),
    prefix: anyPrefix,
  }),
  plainRecord({ type: fc.constantFrom('purge' as const, 'resync' as const, 'probe' as const) }),
  plainRecord({ type: fc.constant('evict' as const), node: peer }),
)

/** What happens to a host; gossip and commands, which want an id, go through its harness. */
type Happening =
  | { readonly type: 'event'; readonly event: Event }
  | { readonly type: 'hear'; readonly entry: Entry; readonly from: NodeId }
  | { readonly type: 'ask'; readonly command: Command }
  | { readonly type: 'slow'; readonly slow: boolean }
  | { readonly type: 'restart' }
  | { readonly type: 'pass'; readonly ms: number }

const event = fc.oneof<fc.Arbitrary<Event>[]>(
  plainRecord({ type: fc.constant('peer-connected' as const), peer, address: fc.constant('x') }),
  plainRecord({ type: fc.constant('peer-disconnected' as const), peer }),
  plainRecord({ type: fc.constant('sync-received' as const), peer, message }),
  plainRecord({
    type: fc.constant('kernel-changed' as const),
    changes: fc.array(change, { minLength: 1, maxLength: 4 }),
  }),
  plainRecord({ type: fc.constant('kernel-dumped' as const), dump }),
  plainRecord({
    type: fc.constantFrom('kernel-overrun' as const, 'kernel-unreadable' as const),
    reason: fc.constant('test'),
  }),
  plainRecord({
    type: fc.constant('bridge-configured' as const),
    error: fc.constantFrom('', 'EPERM'),
  }),
  plainRecord({
    type: fc.constant('forwarding-checked' as const),
    answer: plainRecord({
      restored: fc.constantFrom([], ['net.ipv4.ip_forward']),
      error: fc.constantFrom('', 'EROFS'),
    }),
  }),
  fc.constantFrom<Event>({ type: 'seeds-are-self' }, { type: 'deadline' }),
)

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 6, arbitrary: event.map((of) => ({ type: 'event' as const, event: of })) },
  {
    weight: 6,
    arbitrary: plainRecord({ type: fc.constant('hear' as const), entry: anyEntry, from: peer }),
  },
  { weight: 2, arbitrary: plainRecord({ type: fc.constant('ask' as const), command }) },
  {
    weight: 4,
    arbitrary: plainRecord({
      type: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 20, 25, 300, 600, 5_000),
    }),
  },
  { weight: 1, arbitrary: plainRecord({ type: fc.constant('slow' as const), slow: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ type: 'restart' as const }) },
)

function happen(table: Table, host: Host, what: Happening): void {
  switch (what.type) {
    case 'event':
      host.push(what.event)
      break
    case 'hear':
      host.gossip(what.entry, what.from)
      break
    case 'ask':
      host.command(what.command)
      break
    case 'slow':
      host.kernelIsSlow = what.slow
      break
    case 'restart':
      host.restart()
      break
    case 'pass':
      table.pass(what.ms)
      return
  }
  // The harness fails on a broken contract, and on deadlines that do not progress.
  table.settle()
}

const config = { pools: [poolOf('172.16.0.0/18', 22)], timing: { joinTimeoutMs: 1_000 } }

describe('an agent to which anything happens', () => {
  it('neither throws nor spins, and keeps its contract', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), fc.boolean(), (happenings, seeded) => {
        const table = new Table()
        const host = table.running(self, { ...config, seeded })
        for (const what of happenings) happen(table, host, what)
      }),
      { numRuns: 300 },
    )
  })

  it('comes to rest with its kernel right once nothing happens any more', () => {
    const calm = happening.filter(
      // What lies about the kernel is only put right by the next resync.
      (what) => what.type !== 'event' || !what.event.type.startsWith('kernel-'),
    )
    fc.assert(
      fc.property(fc.array(calm, { maxLength: 30 }), (happenings) => {
        const table = new Table()
        const host = table.running(self, config)
        for (const what of happenings) happen(table, host, what)
        host.kernelIsSlow = false
        host.command({ type: 'resync' })
        // A contest of claims takes the tenure, once what was seen is published.
        table.pass(80_000)
        if (host.exitCode !== undefined) return
        const { phase, routes, convergence } = host.agent.view()
        const wanted = routes
          .filter(({ wanted: of }) => of !== undefined)
          .map(({ prefix }) => prefix.text)
        const owned = host.kernel.routes.filter((r) => r.owned).map(({ prefix }) => prefix.text)
        assert.equal(phase, 'in-sync')
        assert.deepEqual(owned.sort(), wanted.sort())
        assert.ok(convergence.kernelEqual || routes.some(({ state }) => state !== 'installed'))
        const writes = host.writes.length
        table.pass(600_000)
        assert.equal(host.writes.length, writes, 'not quiet')
      }),
      { numRuns: 100 },
    )
  })
})
