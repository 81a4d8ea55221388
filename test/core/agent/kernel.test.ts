/** How an agent keeps its kernel right while other hands are in it. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Entry } from '../../../src/core/claim/record.ts'
import type { KernelRoute, RouteTarget } from '../../../src/core/routing/route.ts'
import {
  addressOf,
  claimOf,
  defaultPool,
  nodeOf,
  nodesInOrder,
  prefixOf,
  recordOf,
  type Specimen,
} from '../specimens.ts'
import { type Host, type HostOptions, Table } from './harness.ts'

const [a] = nodesInOrder(1) as [Specimen]
const other = nodeOf(300)
const theirs = prefixOf('172.16.20.0/22')
const key = { prefix: theirs, metric: 0 }
/** What is doubted is asked about, and answered, within this time. */
const doubtMs = 500
const installed = [`172.16.20.0/22 via ${other.nextHop.text}`]

const subnetOf = (
  node: Specimen,
  text: string,
  more: Partial<Parameters<typeof recordOf>[1]> = {},
) => node.seal(recordOf(node, { claims: [claimOf(text)], ...more }))

const ours: RouteTarget = { type: 'via', nextHop: other.nextHop, ifindex: 2 }
const elsewhere: RouteTarget = { type: 'other', ifindex: 7, text: '' }

const alien = (text: string, target: RouteTarget = elsewhere): KernelRoute => ({
  prefix: prefixOf(text),
  metric: 0,
  target,
  owned: false,
})

/** A host with a subnet of its own, which knows of one other node. */
function settled(
  options: HostOptions = {},
  more: readonly string[] = [],
): { table: Table; host: Host } {
  const table = new Table()
  const host = table.running(a, options)
  host.hear(subnetOf(other, theirs.text))
  table.pass(2_000)
  assert.deepEqual(host.routes, [...installed, ...more].sort())
  return { table, host }
}

const stateOf = (host: Host, prefix = theirs.text) =>
  host.agent.view().routes.find((route) => route.prefix.text === prefix)?.state

describe('forwarding that cannot be switched on', () => {
  it('is tried again, ever more rarely, and is no problem any more once it works', () => {
    const { table, host } = settled()
    const isOff = () => host.agent.view().problems.some(({ code }) => code === 'forwarding-off')
    host.kernel.forwardingError = 'net.ipv4.ip_forward cannot be set to 1 (EMFILE)'
    host.kernel.switchForwardingOff()
    table.pass(60_000)
    assert.deepEqual([isOff(), host.kernel.forwards], [true, false])
    const tries = () => host.of('check-forwarding').length
    const before = tries()
    table.pass(24_000)
    assert.equal(tries() - before, 3)
    host.kernel.forwardingError = ''
    table.pass(8_000)
    assert.deepEqual([isOff(), host.kernel.forwards], [false, true])
  })
})

describe('what nobody claims, where it is refused', () => {
  const pool = defaultPool.prefix.text
  const refusal = { prefix: defaultPool.prefix, metric: 0xff00_0000 }
  const refusing = () => settled({ refusesUnclaimed: true }, [pool])

  it('is unreachable, behind every other route to the pool, and that is no lack', () => {
    const { host } = refusing()
    assert.deepEqual(
      host.kernel.routes.find(({ prefix }) => prefix.text === pool)?.metric,
      0xff00_0000,
    )
    assert.equal(host.agent.view().convergence.converged, true)
    assert.equal(stateOf(host, pool), undefined)
  })

  it('is refused again when that route is deleted by hand', () => {
    const { table, host } = refusing()
    host.kernel.removeRoute(refusal)
    table.settle()
    assert.ok(host.routes.includes(pool))
  })

  it('is left to others once all of ours is purged', () => {
    const { table, host } = refusing()
    host.command({ type: 'purge' })
    table.settle()
    assert.deepEqual(host.routes, [])
  })

  it('is no business of a node that is not told so, which sweeps such a route', () => {
    const { table, host } = refusing()
    host.restart({ refusesUnclaimed: false }).start()
    table.pass(40_000)
    assert.ok(!host.routes.includes(pool))
  })
})

describe('a route that is ours', () => {
  it('is put back at once when it is deleted by hand, and that is said once', () => {
    const { table, host } = settled()
    host.kernel.removeRoute(key)
    table.settle()
    assert.deepEqual(host.routes, installed)
    assert.deepEqual(
      host.notes('route-drifted').map(({ prefix, by, more }) => [prefix, by, more]),
      [[theirs.text, 'removed', 0]],
    )
  })

  it('is put right when its next hop is changed by hand', () => {
    const { table, host } = settled()
    host.kernel.putRoute({
      ...key,
      target: { ...ours, nextHop: addressOf('10.0.9.9') },
      owned: true,
    })
    table.settle()
    assert.deepEqual(host.routes, installed)
    assert.deepEqual(
      host.notes('route-drifted').map(({ by }) => by),
      ['changed'],
    )
  })

  it('gets its new next hop when its node moves', () => {
    const { table, host } = settled()
    const version = { incarnation: 1, seqno: 2 }
    host.hear(subnetOf(other, theirs.text, { version, nextHops: [addressOf('10.0.7.7')] }))
    table.settle()
    assert.deepEqual(host.routes, ['172.16.20.0/22 via 10.0.7.7'])
    assert.deepEqual(
      host.writes.slice(-2).map(({ type }) => type),
      ['remove', 'add'],
    )
  })

  it('goes with the claim', () => {
    const { table, host } = settled()
    host.hear(other.seal(recordOf(other, { version: { incarnation: 1, seqno: 2 } })))
    table.settle()
    assert.deepEqual(host.routes, [])
    assert.ok(host.agent.view().convergence.kernelEqual)
  })

  it('that the kernel refuses stops no other route', () => {
    const { table, host } = settled()
    const nodes = [301, 302, 303].map(nodeOf)
    host.kernel.failWrites(1)
    host.hear(...nodes.map((node, index) => subnetOf(node, `172.16.${24 + index * 4}.0/22`)))
    table.settle()
    assert.equal(host.routes.length, 3)
    assert.equal(host.notes('route-failed').length, 1)
    table.pass(2_000)
    assert.equal(host.routes.length, 4, 'tried again')
  })

  it('that the kernel refused is tried again at once when an address changes', () => {
    const { table, host } = settled()
    host.kernel.failWrites(1)
    host.hear(subnetOf(nodeOf(301), '172.16.24.0/22'))
    table.settle()
    assert.equal(stateOf(host, '172.16.24.0/22'), 'failed')
    host.kernel.addAddress({ ifindex: 2, address: addressOf('10.9.0.2'), length: 24 })
    table.settle()
    assert.equal(stateOf(host, '172.16.24.0/22'), 'installed')
  })

  it('that a former run left with another target is replaced after in-sync, not before', () => {
    const table = new Table()
    const host = table.host(a, { seeded: true })
    host.kernel.putRoute({
      ...key,
      target: { ...ours, nextHop: addressOf('10.0.9.9') },
      owned: true,
    })
    host.start().hear(subnetOf(other, theirs.text))
    table.settle()
    assert.deepEqual(host.routes, ['172.16.20.0/22 via 10.0.9.9'])
    host.push({ type: 'seeds-are-self' })
    table.settle()
    assert.deepEqual(host.routes, installed)
  })
})

describe('a route of a former run that is announced to it only after its start', () => {
  it('is asked about like one that it writes', () => {
    const { table, host } = settled()
    host.stored = { ...host.stored, known: [] }
    host.restart({ seeded: true })
    table.pass(2_000)
    host.hear(subnetOf(other, theirs.text))
    table.pass(40_000)
    assert.deepEqual(host.routes, installed)
    assert.ok(host.agent.view().convergence.kernelEqual)
  })
})

describe('an alien route', () => {
  it('in the way is left alone and reported once; once it goes, ours comes', () => {
    const table = new Table()
    const host = table.host(a)
    host.kernel.putRoute(alien(theirs.text))
    host.start().hear(subnetOf(other, theirs.text))
    table.pass(5_000)
    host.command({ type: 'resync' })
    table.pass(600_000)
    assert.equal(stateOf(host), 'alien')
    assert.equal(host.notes('route-alien').length, 1)
    assert.ok(!host.agent.view().convergence.kernelEqual)
    assert.ok(host.kernel.routes.some(({ owned, prefix }) => !owned && prefix.text === theirs.text))
    host.kernel.removeRoute(key)
    table.settle()
    assert.deepEqual(host.routes, installed)
    assert.equal(stateOf(host), 'installed')
  })

  it('that replaces ours is not fought', () => {
    const { table, host } = settled()
    const writes = host.writes.length
    host.kernel.putRoute(alien(theirs.text))
    table.pass(5_000)
    assert.equal(host.writes.length, writes)
    assert.equal(stateOf(host), 'alien')
    host.kernel.removeRoute(key)
    table.settle()
    assert.deepEqual(host.routes, installed)
  })

  it('that replaces ours is found out although the kernel tells of no removal', () => {
    const { table, host } = settled()
    host.kernelTells({ type: 'route-added', route: alien(theirs.text) })
    table.settle()
    // It was a lie of this test: the dump showed ours in place.
    assert.equal(stateOf(host), 'installed')
    assert.equal(host.of('dump-kernel').length > 2, true)
  })

  it('that no dump shows makes the agent give up after a few tries', () => {
    const { table, host } = settled()
    // Outside the interest, as a route of another table would be.
    const extra = prefixOf('192.168.5.0/24')
    host.kernel.putRoute(alien(extra.text))
    const before = host.of('dump-kernel').length
    host.hear(
      subnetOf(other, theirs.text, { version: { incarnation: 1, seqno: 2 }, extras: [extra] }),
    )
    table.pass(10_000)
    assert.ok(host.of('dump-kernel').length - before <= 6)
    assert.equal(stateOf(host, extra.text), 'failed')
    assert.equal(host.notes('route-failed').length, 1)
    host.kernel.removeRoute({ prefix: extra, metric: 0 })
    table.settle()
    assert.equal(stateOf(host, extra.text), 'installed')
  })
})

describe('a link that goes down and up', () => {
  it('gets its routes back, which went without a word', () => {
    const { table, host } = settled()
    host.kernel.setLink('eth0', 'down')
    table.pass(doubtMs)
    assert.deepEqual(host.routes, [])
    assert.equal(stateOf(host), 'not-on-link')
    host.kernel.setLink('eth0', 'up')
    table.pass(doubtMs)
    assert.deepEqual(host.routes, installed)
    assert.equal(stateOf(host), 'installed')
  })

  it('so fast that both are told together', () => {
    const { table, host } = settled()
    host.kernel.setLink('eth0', 'down')
    host.kernel.setLink('eth0', 'up')
    host.disorder = { squash: true }
    table.pass(doubtMs)
    assert.deepEqual(host.routes, installed)
  })

  it('is left out of the record while it is down', () => {
    const { table, host } = settled()
    host.kernel.setLink('eth0', 'down')
    table.pass(doubtMs)
    assert.deepEqual(host.agent.view().own.nextHops, [])
    host.kernel.setLink('eth0', 'up')
    table.pass(doubtMs)
    assert.deepEqual(host.agent.view().own.nextHops, [a.nextHop])
  })
})

describe('a next hop that is not on-link', () => {
  it('is reported, not installed, and taken as soon as a link leads there', () => {
    const { table, host } = settled()
    const far = nodeOf(302)
    host.hear(subnetOf(far, '172.16.24.0/22', { nextHops: [addressOf('10.9.0.1')] }))
    table.settle()
    assert.equal(stateOf(host, '172.16.24.0/22'), 'not-on-link')
    assert.deepEqual(
      host.notes('route-off-link').map(({ nextHop }) => nextHop),
      ['10.9.0.1'],
    )
    host.kernel.addAddress({ ifindex: 2, address: addressOf('10.9.0.2'), length: 24 })
    table.pass(doubtMs)
    assert.equal(stateOf(host, '172.16.24.0/22'), 'installed')
  })

  it('that is an address of this host is refused', () => {
    const { table, host } = settled()
    host.hear(subnetOf(nodeOf(302), '172.16.24.0/22', { nextHops: [a.nextHop] }))
    table.settle()
    assert.equal(stateOf(host, '172.16.24.0/22'), 'refused')
    assert.deepEqual(
      host.notes('route-refused').map(({ why }) => why),
      ['own-address'],
    )
  })
})

describe('what others announce', () => {
  const announced = (text: string): Entry =>
    subnetOf(other, theirs.text, {
      version: { incarnation: 1, seqno: 2 },
      extras: [prefixOf(text)],
    })

  it('is installed inside the accept list, and refused outside: no default route', () => {
    const { table, host } = settled()
    host.hear(announced('192.168.7.0/24'))
    table.settle()
    assert.equal(stateOf(host, '192.168.7.0/24'), 'installed')
    const { table: table2, host: host2 } = settled()
    host2.hear(announced('0.0.0.0/0'))
    table2.settle()
    assert.equal(stateOf(host2, '0.0.0.0/0'), 'refused')
    assert.deepEqual(host2.routes, installed)
    assert.ok(host2.agent.view().convergence.kernelEqual)
  })

  it('is refused where it holds an address or a next hop of this host', () => {
    const { table, host } = settled()
    host.hear(announced('10.0.0.0/16'))
    table.settle()
    assert.equal(stateOf(host, '10.0.0.0/16'), 'refused')
  })

  it('is refused inside a local network, of which it would take a part, until that goes', () => {
    const { table, host } = settled()
    const local = alien('172.16.16.0/20')
    host.kernel.putRoute(local)
    table.settle()
    assert.equal(stateOf(host), 'refused')
    assert.deepEqual(host.routes, [])
    host.kernel.removeRoute(local)
    table.settle()
    assert.equal(stateOf(host), 'installed')
  })

  it('is installed round a more specific local network, which keeps its part, and that is said', () => {
    const { table, host } = settled()
    const local = alien('172.16.21.0/24')
    host.kernel.putRoute(local)
    table.pass(doubtMs)
    assert.deepEqual(host.routes, installed)
    assert.equal(stateOf(host), 'shadowed')
    assert.ok(host.agent.view().convergence.kernelEqual)
    assert.deepEqual(
      host.notes('route-shadowed').map(({ part }) => part),
      ['some'],
    )
    host.kernel.removeRoute(local)
    table.pass(doubtMs)
    assert.equal(stateOf(host), 'installed')
    assert.deepEqual(host.agent.view().problems, [])
  })

  it('is refused where an address of this host would go with its network, and not where it stays', () => {
    const { table, host } = settled()
    host.kernel.addAddress({ ifindex: 2, address: addressOf('172.16.20.9'), length: 32 })
    table.pass(doubtMs)
    assert.notEqual(stateOf(host), 'refused')
    host.kernel.addAddress({ ifindex: 2, address: addressOf('192.168.7.9'), length: 24 })
    host.hear(announced('192.168.7.0/24'))
    table.pass(doubtMs)
    assert.equal(stateOf(host, '192.168.7.0/24'), 'refused')
  })
})

describe('the bridge', () => {
  const gateways = (host: Host) => {
    const { links, addresses } = host.kernel.dump()
    const bridge = links.find(({ name }) => name === 'starling0')
    return addresses.filter(({ ifindex }) => ifindex === bridge?.ifindex).map((x) => x.address.text)
  }

  it('has the gateway of the subnet, and gets it back', () => {
    const { table, host } = settled()
    assert.deepEqual(gateways(host), ['172.16.0.1'])
    host.kernel.removeLink('starling0')
    table.settle()
    table.pass(1_000)
    assert.deepEqual(gateways(host), ['172.16.0.1'])
    const address = host.kernel.dump().addresses.find((x) => x.address.text === '172.16.0.1')
    assert.ok(address)
    host.kernel.removeAddress(address)
    table.settle()
    table.pass(1_000)
    assert.deepEqual(gateways(host), ['172.16.0.1'])
  })

  it('that was set down is set up', () => {
    const { table, host } = settled()
    host.kernel.setLink('starling0', 'down')
    table.pass(1_000)
    assert.ok(host.kernel.dump().links.find(({ name }) => name === 'starling0')?.up)
  })

  it('is left alone where none is wanted', () => {
    const { host } = settled({ bridge: '' })
    assert.deepEqual(host.of('configure-bridge'), [])
    assert.ok(host.agent.view().convergence.kernelEqual)
  })
})

describe('a dump', () => {
  it('that was taken before a change does not hide it', () => {
    const { table, host } = settled()
    const { kernel } = host
    host.command({ type: 'resync' })
    host.kernelIsSlow = true
    host.turn()
    const stale = kernel.dump()
    kernel.removeRoute(key)
    host.turn()
    host.push({ type: 'kernel-dumped', dump: stale })
    host.turn()
    host.kernelIsSlow = false
    table.settle()
    assert.deepEqual(host.routes, installed)
  })

  it('is asked for once, however many overruns come while one is under way', () => {
    const { table, host } = settled()
    const before = host.of('dump-kernel').length
    host.kernelIsSlow = true
    for (let times = 0; times < 50; times += 1) {
      host.push({ type: 'kernel-overrun', reason: 'test' })
      table.pass(50)
    }
    assert.equal(host.of('dump-kernel').length - before, 1)
    host.kernelIsSlow = false
    table.pass(2_000)
    assert.equal(host.of('dump-kernel').length - before, 2, 'and once more after it')
  })

  it('that fails is tried again, and the problem ends with the first that does not', () => {
    const { table, host } = settled()
    host.kernelIsSlow = true
    host.command({ type: 'resync' })
    host.turn()
    host.push({ type: 'kernel-unreadable', reason: 'EIO' })
    host.turn()
    assert.ok(host.agent.view().problems.some(({ code }) => code === 'kernel-unreadable'))
    host.kernelIsSlow = false
    table.pass(1_000)
    assert.deepEqual(host.agent.view().problems, [])
  })
})

describe('churn of other programs', () => {
  const asked = (host: Host) => ({
    lookUps: host.of('look-up-next-hops').length,
    usage: host.of('look-up-usage').length,
    dumps: host.of('dump-kernel').length,
  })

  it('of 50,000 foreign routes a second costs one look-up and one dump a second at the most', () => {
    const { table, host } = settled()
    // Something is in the way, so that a dump could find it gone.
    host.kernel.putRoute(alien('172.16.21.0/24'))
    table.pass(5_000)
    const before = asked(host)
    const seconds = 20
    for (let frames = 0; frames < seconds * 40; frames += 1) {
      host.kernelTells({ type: 'foreign-routes-changed', count: 1_250 })
      table.pass(25)
    }
    const after = asked(host)
    for (const what of ['lookUps', 'usage', 'dumps'] as const) {
      const times = after[what] - before[what]
      assert.ok(times >= seconds - 2 && times <= seconds + 1, `${what}: ${times}`)
    }
    table.pass(2_000)
    const last = asked(host)
    table.pass(60_000)
    assert.deepEqual(asked(host), last, 'and nothing after it')
  })

  it('of overruns costs one dump a second at the most', () => {
    const { table, host } = settled()
    const before = asked(host)
    for (let times = 0; times < 100; times += 1) {
      host.push({ type: 'kernel-overrun', reason: 'test' })
      table.pass(100)
    }
    assert.ok(asked(host).dumps - before.dumps <= 11)
  })

  it("of containers' links and their link-local addresses costs nothing", () => {
    const { table, host } = settled()
    const before = asked(host)
    for (let index = 10; index < 40; index += 1) {
      const link = { ifindex: index, name: `veth${index}`, up: true, carrier: true }
      const held = { ifindex: index, address: addressOf(`fe80::${index}`), length: 64 }
      host.kernelTells({ type: 'link-changed', link }, { type: 'address-added', address: held })
      table.pass(100)
      host.kernelTells({ type: 'link-removed', ifindex: index, name: link.name })
      table.pass(100)
    }
    assert.deepEqual(asked(host), before)
  })

  it('that comes together is asked about once', () => {
    const { table, host } = settled()
    table.pass(2_000)
    const before = asked(host)
    for (let times = 0; times < 10; times += 1) host.kernelTells({ type: 'rules-changed' })
    table.pass(2_000)
    const after = asked(host)
    assert.deepEqual(
      [after.dumps - before.dumps, after.usage - before.usage],
      [1, 2],
      'a dump is followed by a look at what is used',
    )
  })
})

describe('a purge', () => {
  it('removes all that is ours, and nothing is written until a resync', () => {
    const { table, host } = settled()
    const id = host.command({ type: 'purge' })
    table.settle()
    assert.equal(host.replies.get(id)?.ok, true)
    assert.deepEqual(host.routes, [])
    host.hear(subnetOf(nodeOf(301), '172.16.24.0/22'))
    table.pass(600_000)
    assert.deepEqual(host.routes, [])
    assert.ok(host.agent.view().problems.some(({ code }) => code === 'purged'))
    host.command({ type: 'resync' })
    table.settle()
    assert.equal(host.routes.length, 2)
    const others = host.agent.view().problems.filter(({ code }) => code !== 'node-down')
    assert.deepEqual(others, [])
  })
})

describe('a host in steady state', () => {
  it('writes nothing', () => {
    const { table, host } = settled()
    const writes = host.writes.length
    const bridges = host.of('configure-bridge').length
    table.pass(3_600_000)
    assert.equal(host.writes.length, writes)
    assert.equal(host.of('configure-bridge').length, bridges)
  })
})
