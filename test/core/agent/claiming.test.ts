/** How agents get their subnets, keep them and lose them. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  claimOf,
  nodeOf,
  nodesInOrder,
  poolOf,
  prefixOf,
  recordOf,
  type Specimen,
  tombstoneOf,
} from '../specimens.ts'
import { type Host, type HostOptions, Table } from './harness.ts'

const [a, b, c, d] = nodesInOrder(4) as [Specimen, Specimen, Specimen, Specimen]

/** Hosts that start at the same moment, each connected to each. */
function together(table: Table, nodes: readonly Specimen[], options: HostOptions = {}): Host[] {
  const hosts = nodes.map((node) => table.host(node, { seeded: true, ...options }).start())
  table.connectAll()
  return hosts
}

const claimsOf = (hosts: readonly Host[]) => hosts.flatMap(({ claims }) => claims).sort()

describe('an agent alone', () => {
  it('claims the lowest subnet, and confirms it after the settle time', () => {
    const table = new Table()
    const host = table.running(a)
    assert.deepEqual(host.claims, ['(172.16.0.0/22)'])
    table.pass(599)
    assert.deepEqual(host.claims, ['(172.16.0.0/22)'])
    table.pass(1)
    assert.deepEqual(host.claims, ['172.16.0.0/22'])
    assert.deepEqual(
      host.notes('claim-confirmed').map(({ prefix, afterMs }) => [prefix, afterMs]),
      [['172.16.0.0/22', 600]],
    )
  })

  it('puts up the gateway only after its confirmed claim was persisted and published', () => {
    const table = new Table()
    const host = table.running(a)
    table.pass(1_000)
    const types = host.effects.map(({ type }) => type)
    const confirmed = host.effects.findIndex(
      (effect) => effect.type === 'persist-own' && isConfirmed(effect.own.entry?.body),
    )
    assert.ok(types.indexOf('configure-bridge') > types.indexOf('publish', confirmed))
    const [{ addresses } = { addresses: [] }] = host.of('configure-bridge')
    assert.deepEqual(
      addresses.map(({ address, length }) => `${address.text}/${length}`),
      ['172.16.0.1/22'],
    )
  })

  it('claims one subnet of each family', () => {
    const table = new Table()
    const pools = [poolOf('10.0.0.0/8', 20), poolOf('fd00:10::/40', 64)]
    const host = table.running(a, { pools })
    table.pass(1_000)
    // Its own network is 10.0.0.0/16.
    assert.deepEqual(host.claims, ['10.1.0.0/20', 'fd00:10::/64'])
  })

  it('says that its next hop is missing, and stays without harm', () => {
    const table = new Table()
    const host = table.host(a)
    host.kernel.setLink('eth0', 'down')
    host.start()
    table.pass(1_000)
    assert.equal(host.notes('uplink-missing').length, 1)
    assert.deepEqual(host.agent.view().own.nextHops, [])
  })
})

const isConfirmed = (body: unknown): boolean =>
  (body as { claims?: { state: string }[] }).claims?.[0]?.state === 'confirmed'

describe('agents that start one after the other', () => {
  it('number themselves 0, 1, 2', () => {
    const table = new Table()
    const hosts = [c, a, b].map((node) => {
      const host = table.running(node, { seeded: true })
      table.connectAll()
      table.pass(inVainMs)
      return host
    })
    assert.deepEqual(
      hosts.map(({ claims }) => claims[0]),
      ['172.16.0.0/22', '172.16.4.0/22', '172.16.8.0/22'],
    )
  })
})

/** The first one waits for its seeds in vain. */
const inVainMs = 32_000

describe('agents that start at the same moment', () => {
  for (const count of [2, 3, 16, 40]) {
    it(`get ${count} subnets, the lowest ones, and routes to all others`, () => {
      const table = new Table(count)
      const hosts = together(table, nodesInOrder(count))
      table.pass(5_000)
      assert.deepEqual(
        new Set(claimsOf(hosts)),
        new Set(Array.from({ length: count }, (_, index) => subnet(index))),
      )
      for (const { agent, routes } of hosts) {
        assert.equal(routes.length, count - 1)
        assert.ok(agent.view().convergence.claimed && agent.view().convergence.kernelEqual)
      }
      const [first] = hosts
      assert.equal(new Set(hosts.map(({ agent }) => agent.view().root)).size, 1)
      assert.ok(first)
      // One publication to claim, one to yield at the most, one to confirm.
      const published = hosts.map((host) => host.of('publish').length)
      assert.ok(Math.max(...published) <= 5, `published ${Math.max(...published)} times`)
    })
  }

  it('write nothing any more once they have settled', () => {
    const table = new Table()
    const hosts = together(table, nodesInOrder(8))
    table.pass(5_000)
    const before = hosts.map((host) => [host.writes.length, host.of('publish').length])
    table.pass(60_000)
    const after = hosts.map((host) => [host.writes.length, host.of('publish').length])
    assert.deepEqual(after, before)
  })
})

const subnet = (index: number) => `172.${16 + (index >> 6)}.${(index & 63) * 4}.0/22`

describe('a tentative claim', () => {
  const rival = (host: Host, more: Parameters<typeof claimOf>[1] = {}) => {
    const node = [nodeOf(500), nodeOf(501), nodeOf(502)].find(({ id }) => id !== host.node.id)
    assert.ok(node)
    return node.seal(recordOf(node, { claims: [claimOf('172.16.0.0/22', more)] }))
  }

  it('yields to a confirmed one and goes on to the next subnet', () => {
    const table = new Table()
    const host = table.running(a)
    host.hear(rival(host))
    table.pass(2_000)
    assert.deepEqual(host.claims, ['172.16.4.0/22'])
    assert.equal(host.notes('claim-lost').length, 0)
  })

  for (const lostAt of [1, 560, 575, 580, 590, 599]) {
    it(`that is lost ${600 - lostAt} ms before it would confirm does not confirm`, () => {
      const table = new Table()
      const host = table.running(a)
      table.pass(lostAt)
      host.hear(rival(host))
      table.pass(2_000)
      assert.deepEqual(host.claims, ['172.16.4.0/22'])
      assert.deepEqual(
        host.notes('claim-confirmed').map(({ prefix }) => prefix),
        ['172.16.4.0/22'],
      )
    })
  }

  it('that wins again because its rival went settles from then on', () => {
    const table = new Table()
    const host = table.running(a)
    table.pass(590)
    const rivals = rival(host)
    host.hear(rivals)
    table.pass(5)
    const node = nodeOf(500)
    host.hear(node.seal(tombstoneOf(recordOf(node, { claims: [] }))))
    table.pass(400)
    assert.ok(!host.claims.includes('172.16.0.0/22'), 'confirmed by the time before it was lost')
    table.pass(2_000)
    assert.equal(host.claims.length, 1)
    assert.match(host.claims[0] ?? '', /^172/)
  })

  it('yields to a local network that comes up', () => {
    const table = new Table()
    const host = table.running(a)
    host.kernel.putRoute({
      prefix: prefixOf('172.16.0.0/16'),
      metric: 0,
      target: { type: 'other', ifindex: 9, text: '' },
      owned: false,
    })
    table.pass(3_000)
    assert.deepEqual(host.claims, ['172.17.0.0/22'])
  })
})

describe('a confirmed claim', () => {
  it('is not lost to a later one, nor to time', () => {
    const table = new Table()
    const host = table.running(b)
    table.pass(1_000)
    const late = { confirmedAtMs: 1_700_000_000_000 + 90_000 }
    host.hear(a.seal(recordOf(a, { claims: [claimOf('172.16.0.0/22', late)] })))
    table.pass(3_600_000)
    assert.deepEqual(host.claims, ['172.16.0.0/22'])
    assert.equal(host.notes('claim-lost').length, 0)
  })

  it('is lost to an earlier one after a partition, which is said, and another subnet is taken', () => {
    const table = new Table()
    const left = table.running(a)
    const right = table.running(b)
    table.pass(50)
    const third = table.running(c)
    table.pass(2_000)
    assert.deepEqual(claimsOf([left, right, third]), [subnet(0), subnet(0), subnet(0)])
    table.connectAll()
    table.pass(5_000)
    assert.deepEqual(claimsOf([left, right, third]), [subnet(0), subnet(1), subnet(2)])
    assert.deepEqual(left.claims, [subnet(0)])
    for (const loser of [right, third]) {
      assert.deepEqual(
        loser.notes('claim-lost').map(({ prefix, name }) => [prefix, name]),
        [[subnet(0), a === left.node ? left.node.name : '']],
      )
      const [only] = loser.kernel.dump().addresses.filter(({ ifindex }) => ifindex > 2)
      assert.match(only?.address.text ?? '', /^172[.]16[.][48][.]1$/)
    }
  })
})

describe('a full pool', () => {
  const pools = [poolOf('172.16.0.0/23', 24)]

  it('leaves the third of three without a subnet, who says so and takes the first that frees', () => {
    const table = new Table()
    const hosts = together(table, [a, b, c], { pools })
    table.pass(5_000)
    const waiting = hosts.filter(({ claims }) => claims.length === 0)
    assert.equal(waiting.length, 1)
    const [last] = waiting as [Host]
    assert.equal(last.notes('pool-full').length, 1)
    assert.ok(last.agent.view().problems.some(({ code }) => code === 'pool-full'))
    const leaver = hosts.find((host) => host !== last) as Host
    const freed = leaver.claims
    leaver.command({ type: 'leave' })
    table.pass(2_000)
    assert.deepEqual(last.claims, freed)
    assert.ok(last.agent.view().problems.every(({ code }) => code !== 'pool-full'))
    assert.equal(last.agent.view().own.claims[0]?.fence, 1)
  })

  it('is no reason to be busy', () => {
    const table = new Table()
    const hosts = together(table, [a, b, c, d], { pools })
    table.pass(5_000)
    const steps = hosts.map(({ effects }) => effects.length)
    table.pass(1_000)
    for (const [index, { effects }] of hosts.entries()) {
      assert.ok(effects.length - (steps[index] ?? 0) < 5)
    }
  })

  it('with one subnet left is not closed to newcomers by a loser that died', () => {
    const table = new Table()
    const host = table.host(c, { pools, seeded: true })
    const winner = a.seal(recordOf(a, { pools, claims: [claimOf('172.16.0.0/24')] }))
    const dead = b.seal(
      recordOf(b, { pools, claims: [claimOf('172.16.0.0/24', { state: 'tentative' })] }),
    )
    host.start().hear(winner, dead).push({ type: 'seeds-are-self' })
    table.pass(10_000)
    assert.deepEqual(host.claims, ['172.16.1.0/24'])
  })
})

describe('local networks inside the pool', () => {
  const alien = (text: string) => ({
    prefix: prefixOf(text),
    metric: 0,
    target: { type: 'other' as const, ifindex: 9, text: '' },
    owned: false,
  })

  it('are claimed by nobody: docker0 excludes 172.17.0.0/16', () => {
    const table = new Table()
    const pools = [poolOf('172.16.0.0/12', 16)]
    const host = table.host(a, { pools })
    host.kernel.putRoute(alien('172.17.0.0/16'))
    host.start()
    table.pass(1_000)
    const other = table.running(b, { pools, seeded: true })
    const third = table.running(c, { pools, seeded: true })
    table.connectAll()
    table.pass(5_000)
    assert.deepEqual(
      host.agent.view().own.exclusions.map(({ text }) => text),
      ['172.17.0.0/16'],
    )
    assert.deepEqual(claimsOf([host, other, third]), [
      '172.16.0.0/16',
      '172.18.0.0/16',
      '172.19.0.0/16',
    ])
  })

  it('that are a default route or the whole pool exclude nothing', () => {
    const table = new Table()
    const host = table.host(a)
    for (const text of ['0.0.0.0/0', '172.16.0.0/12', '172.0.0.0/8'])
      host.kernel.putRoute(alien(text))
    host.start()
    table.pass(1_000)
    assert.deepEqual(host.claims, [subnet(0)])
    assert.deepEqual(host.agent.view().own.exclusions, [])
  })

  it('that cover more than half of it are said, and leave this node without a subnet', () => {
    const table = new Table()
    const host = table.host(a)
    host.kernel.putRoute(alien('172.16.0.0/13'))
    host.kernel.putRoute(alien('172.24.0.0/14'))
    host.start()
    table.pass(5_000)
    assert.deepEqual(host.claims, [])
    assert.equal(host.notes('exclusions-too-broad').length, 1)
    assert.ok(host.agent.view().problems.some(({ code }) => code === 'exclusions-too-broad'))
    const other = table.running(b, { seeded: true })
    table.connectAll()
    table.pass(2_000)
    assert.deepEqual(other.claims, [subnet(0)], 'others heed nothing of it')
    const ignored = () =>
      other.agent
        .view()
        .problems.flatMap((note) => (note.code === 'exclusions-ignored' ? [note] : []))
    assert.deepEqual(
      ignored().map(({ node, via }) => [node, via]),
      [[a.id, a.nextHop.text]],
    )
    host.kernel.removeRoute(alien('172.16.0.0/13'))
    table.pass(5_000)
    assert.deepEqual(host.claims, [subnet(1)])
    assert.deepEqual(host.agent.view().problems, [])
    assert.deepEqual(ignored(), [])
  })

  it('that leave nobody a choice are overridden, and whose they are is said', () => {
    const table = new Table()
    const host = table.running(a)
    host.hear(
      ...['172.16.0.0/13', '172.24.0.0/13'].map((half, index) => {
        const node = nodeOf(60 + index)
        return node.seal(recordOf(node, { exclusions: [prefixOf(half)] }))
      }),
    )
    table.pass(1_000)
    const other = table.running(b, { seeded: true })
    table.connectAll()
    table.pass(2_000)
    assert.equal(other.claims.length, 1)
    const [note] = other.notes('exclusions-overridden')
    assert.deepEqual([note?.prefix, note?.names], [other.claims[0], nodeOf(60).name])
    assert.ok(other.agent.view().problems.some(({ code }) => code === 'exclusions-overridden'))
  })
})

describe('nodes with different pools', () => {
  it('say so, and work where their claims do not overlap', () => {
    const table = new Table()
    const wide = table.running(a)
    table.pass(1_000)
    const other = table.host(b, { seeded: true, pools: [poolOf('172.16.0.0/12', 20)] }).start()
    table.connectAll()
    table.pass(3_000)
    assert.deepEqual(wide.claims, ['172.16.0.0/22'])
    assert.deepEqual(other.claims, ['172.16.16.0/20'])
    for (const host of [wide, other]) {
      assert.ok(host.agent.view().problems.some(({ code }) => code === 'pool-mismatch'))
      assert.equal(host.routes.length, 1)
    }
  })
})

describe('what other nodes write of the pool', () => {
  const small = poolOf('172.16.0.0/20', 22)
  const excluding = (node: Specimen, ...exclusions: string[]) =>
    node.seal(recordOf(node, { claims: [], exclusions: exclusions.map(prefixOf) }))

  it('is heeded where there is a choice, and keeps nobody out of the last subnets', () => {
    const table = new Table()
    const host = table.host(a, { pools: [small] }).start()
    host.hear(excluding(b, '172.16.0.0/21'), excluding(c, '172.16.8.0/22'))
    table.pass(3_000)
    assert.deepEqual(host.claims, ['172.16.12.0/22'])
    const next = table.host(nodeOf(7), { pools: [small], seeded: true }).start()
    table.connectAll()
    table.pass(5_000)
    assert.deepEqual(next.claims, ['172.16.0.0/22'], 'nothing else is left')
  })

  it('takes no subnet by the pool that its record names', () => {
    const table = new Table()
    const host = table.running(a)
    table.pass(3_000)
    const held = host.claims
    const half = poolOf('128.0.0.0/1', 2)
    const claims = [claimOf('128.0.0.0/2', { used: true, confirmedAtMs: 1 })]
    host.hear(b.seal(recordOf(b, { pools: [half], claims })))
    table.pass(5_000)
    assert.deepEqual(host.claims, held)
    const late = table.host(nodeOf(7), { seeded: true }).start()
    table.connectAll()
    table.pass(5_000)
    assert.deepEqual(late.claims, ['172.16.4.0/22'])
  })
})

it('a host whose clock was never set takes no confirmed subnet from another, and says so', () => {
  const table = new Table()
  const stray = table.running(a, { wallOffsetMs: 0 })
  const other = table.running(b)
  table.pass(5_000)
  assert.deepEqual([stray.claims, other.claims], [[subnet(0)], [subnet(0)]])
  table.connectAll()
  table.pass(5_000)
  assert.deepEqual([stray.claims, other.claims], [[subnet(1)], [subnet(0)]])
  for (const host of [stray, other]) {
    assert.ok(host.agent.view().problems.some(({ code }) => code === 'clock-unset'))
  }
})

it('a host whose clock is ten years behind is told so, like its peers, and stamps its claim by theirs', () => {
  const table = new Table()
  const tenYears = 10 * 31_536_000_000
  const hosts = [a, b, c].map((node) => table.running(node))
  table.connectAll()
  table.pass(5_000)
  const stray = table.host(nodeOf(40), {
    seeded: true,
    wallOffsetMs: 1_700_000_000_000 - tenYears,
  })
  stray.start()
  table.connectAll()
  table.pass(5_000)
  const skews = (host: Host) =>
    host.agent
      .view()
      .problems.flatMap((note) => (note.code === 'clock-skew' ? [[note.node, note.aheadMs]] : []))
  assert.deepEqual(skews(stray), [[undefined, -tenYears]])
  for (const host of hosts) assert.deepEqual(skews(host), [[stray.node.id, -tenYears]])
  const [claim] = stray.agent.view().own.claims
  assert.ok(claim && claim.confirmedAtMs > 1_700_000_000_000, `${claim?.confirmedAtMs}`)
})
