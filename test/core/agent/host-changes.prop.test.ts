/** Whatever happens to a host: after a quiet second the agent's beliefs are the kernel's facts, or a problem stands. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { uplinkIndex } from '../../../simulations/sim/kernel.ts'
import { address } from '../../../src/core/ip/address.ts'
import type { Prefix } from '../../../src/core/ip/prefix.ts'
import { sameTarget } from '../../../src/core/routing/reconcile.ts'
import type { KernelRoute, RouteTarget } from '../../../src/core/routing/route.ts'
import { addressOf, claimOf, nodeOf, prefixOf, recordOf } from '../specimens.ts'
import { type Host, Table } from './harness.ts'

/**
 * After a burst a dump waits up to a second for the next one, and the question what the kernel uses of what was then put back
 * for 400 ms more.
 */
const quietMs = 1_600
const other = nodeOf(300)
const theirs = ['172.16.20.0/22', '192.168.7.0/24']

type Change = (host: Host) => void

const target: fc.Arbitrary<RouteTarget> = fc.constantFrom<RouteTarget>(
  { type: 'other', ifindex: undefined, text: 'blackhole' },
  { type: 'other', ifindex: uplinkIndex, text: 'nhid 7' },
  { type: 'other', ifindex: 3, text: '' },
  { type: 'via', nextHop: addressOf('10.0.9.9'), ifindex: uplinkIndex },
)

const alien: fc.Arbitrary<KernelRoute> = fc
  .record({
    text: fc.constantFrom(
      ...theirs,
      '172.16.21.0/24',
      '172.16.20.0/24',
      '172.16.16.0/20',
      '192.168.7.128/25',
      '10.0.0.0/8',
      '0.0.0.0/0',
    ),
    metric: fc.constantFrom(0, 50),
    target,
    table: fc.constantFrom(undefined, undefined, 77),
  })
  .map(({ text, table, ...rest }) => ({
    ...rest,
    prefix: prefixOf(text),
    owned: false,
    ...(table === undefined ? {} : { otherTable: table }),
  }))

const second = { ifindex: uplinkIndex, address: addressOf('192.168.7.9'), length: 25 }

const change: fc.Arbitrary<Change> = fc.oneof(
  alien.map(
    (route): Change =>
      ({ kernel }) =>
        kernel.putRoute(route),
  ),
  alien.map(
    (route): Change =>
      ({ kernel }) =>
        kernel.removeRoute(route),
  ),
  fc.constantFrom(...theirs).map(
    (text): Change =>
      ({ kernel }) =>
        kernel.removeRoute({ prefix: prefixOf(text), metric: 0 }),
  ),
  fc.constantFrom<Change>(
    ({ kernel }) => kernel.setLink('eth0', 'down'),
    ({ kernel }) => kernel.setLink('eth0', 'up'),
    ({ kernel }) => {
      kernel.setLink('eth0', 'down')
      kernel.setLink('eth0', 'up')
    },
    (host) => {
      host.kernel.removeAddress(lan(host))
      host.kernel.addAddress(lan(host))
    },
    ({ kernel }) => kernel.setCarrier('eth0', 'off'),
    ({ kernel }) => kernel.setCarrier('eth0', 'on'),
    ({ kernel }) => kernel.removeLink('starling0'),
    ({ kernel }) => kernel.setLink('starling0', 'down'),
    ({ kernel }) => kernel.setRule(77, 'present'),
    ({ kernel }) => kernel.setRule(77, 'absent'),
    ({ kernel }) => kernel.removeNexthopObject(7),
    ({ kernel }) => kernel.switchForwardingOff(),
    ({ kernel }) => kernel.addAddress(second),
    ({ kernel }) => kernel.removeAddress(second),
    ({ kernel }) => kernel.overrun('test'),
    (host) => {
      for (const held of host.kernel.dump().addresses) host.kernel.removeAddress(held)
    },
    (host) => host.kernel.addAddress(lan(host)),
  ),
)

const lan = (host: Host) => ({ ifindex: uplinkIndex, address: host.node.nextHop, length: 16 })

test('after any changes and a quiet while, what is believed is so', () => {
  const steps = fc.array(fc.tuple(change, fc.constantFrom(0, 1, 30, 300, 900)), { maxLength: 12 })
  fc.assert(
    fc.property(steps, (happenings) => {
      const table = new Table()
      const host = table.running(nodeOf(3), {})
      const extras = [prefixOf('192.168.7.0/24')]
      host.hear(other.seal(recordOf(other, { claims: [claimOf('172.16.20.0/22')], extras })))
      table.pass(2_000)
      for (const [happening, ms] of happenings) {
        happening(host)
        table.pass(ms)
      }
      table.pass(quietMs)
      judge(host)
    }),
    { numRuns: 1_000 },
  )
})

function judge(host: Host): void {
  const { kernel } = host
  const view = host.agent.view()
  const owned = kernel.routes.filter((route) => route.owned)
  const facts = JSON.stringify(view.problems)
  for (const route of view.routes) {
    const inKernel = owned.find(({ prefix }) => prefix.text === route.prefix.text)
    const isThere =
      inKernel !== undefined && !!route.wanted && sameTarget(inKernel.target, route.wanted)
    const isUsed = usesOf(host, route.prefix).every((type) => type === 'ours')
    assert.equal(
      route.state === 'installed',
      isThere && isUsed,
      `${route.prefix.text} is ${route.state}, there ${isThere}, used ${isUsed} ${facts}`,
    )
    if (route.state === 'shadowed' || route.state === 'dead') assert.ok(isThere, route.state)
    if (route.state !== 'installed') assert.ok(view.problems.length > 0, `${route.state}: silence`)
    if (route.wanted?.type === 'via') {
      const question = { nextHop: route.wanted.nextHop, ifindex: 0 }
      const [answer] = kernel.lookUpNextHops([question])
      assert.equal(answer?.ifindex, route.wanted.ifindex, `the next hop of ${route.prefix.text}`)
    }
  }
  for (const { prefix } of owned) {
    assert.ok(view.routes.some((route) => route.prefix.text === prefix.text && route.wanted))
  }
  assert.ok(kernel.forwards || view.own.claims.length === 0, 'it forwards')
}

/** What the kernel does with addresses of the prefix, of the parts that aliens have, too. */
function usesOf(host: Host, prefix: Prefix): string[] {
  const key = { prefix, metric: 0 }
  const parts = host.kernel.routes
    .filter((route) => !route.owned && route.prefix.length > prefix.length)
    .map((route) => route.prefix.first)
    .filter((first) => first >= prefix.first && first <= prefix.last)
  // Outside the pools nobody looks into a prefix: aliens there are only counted.
  const inside = prefix.text.startsWith('172.16.') ? parts.map((first) => first + 1n) : []
  const destinations = [prefix.first + 1n, prefix.last - 1n, ...inside].slice(0, 8)
  return host.kernel
    .lookUpUsage(destinations.map((to) => ({ key, destination: address(prefix.family, to) })))
    .map(({ use }) => use.type)
}
