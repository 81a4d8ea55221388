/** The simulator's kernel passes the suite that the real one passes, so that what runs on it would run on Linux. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FakeKernel, uplinkIndex } from '../../simulations/sim/kernel.ts'
import { parseAddress } from '../../src/core/ip/address.ts'
import { parseInterface, parsePrefix } from '../../src/core/ip/prefix.ts'
import type { HostAddress, KernelRoute } from '../../src/core/routing/route.ts'
import type { Kernel, KernelEvent } from '../../src/ports/kernel.ts'
import { type Hand, type HandRoute, kernelConformance } from '../conformance/kernel.ts'

kernelConformance('simulated', async () => {
  const kernel = fakeKernel()
  return {
    kernel: portOf(kernel),
    hand: handOf(kernel),
    link: 'eth0',
    probeNeighbours: async () => [],
    stop: async () => kernel.unwatch(),
  }
})

describe('the simulated kernel', () => {
  it('drops the IPv4 routes of a link that goes down without a word, and tells of the IPv6 ones', async () => {
    const events: KernelEvent[] = []
    const kernel = fakeKernel((deliver) => deliver())
    for (const [text, hop] of [
      ['172.16.4.0/22', '10.0.1.71'],
      ['fd00:10::/64', 'fd00:a::71'],
    ] as const) {
      const nextHop = address(hop)
      const key = { prefix: prefix(text), metric: 0 }
      kernel.apply([{ type: 'add', key, target: { type: 'via', nextHop, ifindex: uplinkIndex } }])
    }
    kernel.watch((event) => events.push(event))
    kernel.setLink('eth0', 'down')
    assert.deepEqual(
      events
        .flatMap((event) => (event.type === 'kernel-changed' ? event.changes : []))
        .map((change) =>
          change.type === 'route-removed' ? change.route.prefix.text : change.type,
        ),
      ['foreign-routes-changed', 'fd00:10::/64', 'link-changed'],
    )
    assert.deepEqual(
      kernel.routes.filter(({ owned }) => owned),
      [],
    )
  })

  it('loses what was not delivered when its reader is overrun', () => {
    const events: KernelEvent[] = []
    const waiting: (() => void)[] = []
    const kernel = fakeKernel((deliver) => waiting.push(deliver))
    kernel.watch((event) => events.push(event))
    kernel.putRoute(alien('172.20.0.0/22'))
    kernel.overrun('too much')
    for (const deliver of waiting) deliver()
    assert.deepEqual(events, [{ type: 'kernel-overrun', reason: 'too much' }])
  })

  it('fails as many writes as it is told to', () => {
    const kernel = fakeKernel()
    kernel.failWrites(1)
    const key = { prefix: prefix('172.16.4.0/22'), metric: 0 }
    const change = { type: 'add', key, target: { type: 'unreachable' } } as const
    assert.deepEqual(
      kernel.apply([change, change]).map(({ outcome }) => outcome),
      ['failed', 'done'],
    )
    assert.equal(kernel.writes, 1)
  })
})

function fakeKernel(later: (deliver: () => void) => void = setImmediate): FakeKernel {
  return new FakeKernel({
    scope: {
      table: 254,
      protocol: 83,
      interest: [prefix('172.16.0.0/12'), prefix('fd00:10::/40')],
    },
    addresses: ['10.0.1.70/24', 'fd00:a::70/64'].map((text) => held(text)),
    later,
  })
}

/** The simulator calls it at virtual moments; the port has promises. */
function portOf(kernel: FakeKernel): Kernel {
  return {
    start: async (deliver) => kernel.watch(deliver),
    dump: async () => kernel.dump(),
    apply: async (changes) => kernel.apply(changes),
    lookUpNextHops: async (questions) => kernel.lookUpNextHops(questions),
    lookUpUsage: async (questions) => kernel.lookUpUsage(questions),
    locateUplink: async () => kernel.locateUplink(),
    configureBridge: async (bridge) => kernel.configureBridge(bridge),
    checkForwarding: async () => kernel.checkForwarding(),
    probeNeighbours: async () => [],
    stop: async () => kernel.unwatch(),
  }
}

function handOf(kernel: FakeKernel): Hand {
  const on = (link: string, text: string): HostAddress => {
    const ifindex = kernel.linkIndex(link)
    assert.ok(ifindex, link)
    return { ...held(text), ifindex }
  }
  return {
    addRoute: async (route) => kernel.putRoute(routeOf(route)),
    removeRoute: async (route) => kernel.removeRoute(routeOf(route)),
    setLink: async (name, state) => kernel.setLink(name, state),
    addAddress: async (link, text) => kernel.addAddress(on(link, text)),
    removeAddress: async (link, text) => kernel.removeAddress(on(link, text)),
    setRule: async (table, state) => kernel.setRule(table, state),
    addNexthopRoute: async (text, id) =>
      kernel.putRoute({
        prefix: prefix(text),
        metric: 0,
        target: { type: 'other', ifindex: uplinkIndex, text: `nhid ${id}` },
        owned: false,
      }),
    removeNexthopObject: async (id) => kernel.removeNexthopObject(id),
    setCarrier: async (state) => kernel.setCarrier('eth0', state),
    switchForwardingOff: async () => kernel.switchForwardingOff(),
  }
}

const routeOf = ({ prefix: text, via, metric = 0, protocol, table }: HandRoute): KernelRoute => ({
  prefix: prefix(text),
  metric,
  target: { type: 'via', nextHop: address(via), ifindex: uplinkIndex },
  owned: protocol === 'ours',
  ...(table === undefined ? {} : { otherTable: table }),
})

const alien = (text: string): KernelRoute =>
  routeOf({ prefix: text, via: '10.0.1.80', protocol: 'alien' })

function held(text: string): Omit<HostAddress, 'ifindex'> {
  const parsed = parseInterface(text)
  assert.ok(parsed, text)
  return { address: parsed.address, length: parsed.prefix.length }
}

function prefix(text: string) {
  const parsed = parsePrefix(text)
  assert.ok(parsed, text)
  return parsed
}

function address(text: string) {
  const parsed = parseAddress(text)
  assert.ok(parsed, text)
  return parsed
}
