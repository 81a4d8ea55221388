/** What an agent may do before it knows enough, and how it comes back after its process ended. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Entry } from '../../../src/core/claim/record.ts'
import type { Snapshot } from '../../../src/core/effect.ts'
import type { KernelRoute } from '../../../src/core/routing/route.ts'
import {
  addressOf,
  claimOf,
  nodeOf,
  nodesInOrder,
  prefixOf,
  recordOf,
  type Specimen,
  tombstoneOf,
} from '../specimens.ts'
import { type Host, Table } from './harness.ts'

const [a, b, c] = nodesInOrder(3) as [Specimen, Specimen, Specimen]
const other = nodeOf(400)

const ownedRoute = (prefix: string, nextHop: string): KernelRoute => ({
  prefix: prefixOf(prefix),
  metric: 0,
  target: { type: 'via', nextHop: addressOf(nextHop), ifindex: 2 },
  owned: true,
})

const knowing = (...entries: readonly Entry[]): Snapshot => ({
  own: { entry: undefined, incarnation: 0, announced: [] },
  known: entries.map((entry) => ({ entry, remainMs: Number.POSITIVE_INFINITY })),
})

const subnetOf = (node: Specimen, index: number): Entry =>
  node.seal(recordOf(node, { claims: [claimOf(`172.16.${index * 4}.0/22`)] }))

describe('an agent that has not joined', () => {
  it('neither claims nor publishes, nor removes what a former run left', () => {
    const table = new Table()
    const host = table.host(a, { seeded: true })
    host.kernel.putRoute(ownedRoute('172.16.200.0/22', '10.0.1.200'))
    host.start()
    table.pass(29_999)
    assert.deepEqual(host.claims, [])
    assert.deepEqual(host.of('publish'), [])
    assert.deepEqual(host.routes, ['172.16.200.0/22 via 10.0.1.200'])
    assert.equal(host.agent.view().phase, 'joining')
  })

  it('adds the routes that it knows of', () => {
    const table = new Table()
    const host = table.host(a, { seeded: true, snapshot: knowing(subnetOf(other, 5)) }).start()
    table.settle()
    assert.deepEqual(host.routes, [`172.16.20.0/22 via ${other.nextHop.text}`])
  })

  it('claims alone after the join timeout, says so loudly, and prunes', () => {
    const table = new Table()
    const host = table.host(a, { seeded: true })
    host.kernel.putRoute(ownedRoute('172.16.200.0/22', '10.0.1.200'))
    host.start()
    table.pass(30_000)
    assert.deepEqual(host.claims, ['(172.16.0.0/22)'])
    assert.deepEqual(
      host.notes('joined-alone').map(({ waitedMs }) => waitedMs),
      [30_000],
    )
    assert.deepEqual(
      host.notes('pruned').map(({ routes }) => routes),
      [1],
    )
    assert.deepEqual(host.routes, [])
    assert.ok(host.agent.view().problems.some(({ code }) => code === 'joined-alone'))
    const late = table.running(b)
    table.connect(host, late)
    table.settle()
    assert.ok(host.agent.view().problems.every(({ code }) => code !== 'joined-alone'))
  })

  it('whose seeds are all itself does not wait for anybody', () => {
    const table = new Table()
    const host = table.host(a, { seeded: true }).start().push({ type: 'seeds-are-self' })
    table.settle()
    assert.deepEqual(host.claims, ['(172.16.0.0/22)'])
    assert.deepEqual(
      host.notes('in-sync').map(({ by }) => by),
      ['seeds-are-self'],
    )
  })

  it('waits for its kernel before it claims', () => {
    const table = new Table()
    const host = table.host(a)
    host.kernelIsSlow = true
    host.start()
    table.pass(60_000)
    assert.deepEqual([host.claims, host.of('publish')], [[], []])
    host.kernelIsSlow = false
    table.settle()
    assert.deepEqual(host.claims, ['(172.16.0.0/22)'])
  })

  it('prunes with its first answer exactly the routes that nobody announces', () => {
    const table = new Table()
    const peer = table.running(b)
    table.pass(1_000)
    const host = table.host(a, { seeded: true })
    host.kernel.putRoute(ownedRoute('172.16.200.0/22', '10.0.1.200'))
    host.kernel.putRoute(ownedRoute('172.16.0.0/22', b.nextHop.text))
    host.start()
    table.settle()
    assert.equal(host.writes.length, 0)
    table.connect(host, peer)
    table.settle()
    assert.deepEqual(
      host.notes('in-sync').map(({ by }) => by),
      ['peer'],
    )
    assert.deepEqual(
      host.writes.map(({ type, key }) => [type, key.prefix.text]),
      [['remove', '172.16.200.0/22']],
    )
    assert.deepEqual(host.routes, [`172.16.0.0/22 via ${b.nextHop.text}`])
  })

  it('is in sync with whoever compared with it, whichever of the two began', () => {
    for (const [joiner, member] of [
      [a, b],
      [b, a],
    ] as const) {
      const table = new Table()
      const peer = table.running(member)
      const host = table.host(joiner, { seeded: true }).start()
      table.settle()
      table.connect(host, peer)
      table.settle()
      assert.equal(host.agent.view().phase, 'in-sync')
      assert.equal(host.agent.view().nodes.length, 2)
    }
  })

  for (const [joiner, member] of [
    [a, c],
    [c, a],
  ] as const) {
    it(`removes no route of a large cluster while parts of the answer are missing (${joiner.name})`, () => {
      const table = new Table()
      const many = Array.from({ length: 900 }, (_, index) => {
        const node = nodeOf(1_000 + index)
        return node.seal(recordOf(node, { claims: [claimOf(subnetText(index + 1))] }))
      })
      const peer = table.running(member, { snapshot: knowing(...many) })
      const host = table.host(joiner, { seeded: true })
      for (const { body } of many) {
        if (body.kind !== 'record') continue
        const [claim] = body.claims
        const [hop] = body.nextHops
        if (claim && hop) host.kernel.putRoute(ownedRoute(claim.prefix.text, hop.text))
      }
      host.start()
      table.settle()
      table.connect(host, peer)
      table.pass(3_000)
      assert.equal(host.routes.length, 901 - 0)
      assert.deepEqual(
        host.writes.filter(({ type }) => type === 'remove'),
        [],
      )
    })
  }

  it('is not in sync by the farewell of a node that leaves', () => {
    const table = new Table()
    const leaving = table.running(b)
    table.pass(1_000)
    const host = table.host(a, { seeded: true })
    host.kernel.putRoute(ownedRoute('172.16.200.0/22', '10.0.1.200'))
    host.start()
    table.settle()
    const farewell = b.seal(tombstoneOf(recordOf(b)))
    leaving.command({ type: 'leave' })
    table.settle()
    const [sent] = leaving.of('send')
    assert.equal(sent, undefined, 'nobody was connected')
    table.connect(host, leaving)
    assert.ok(farewell)
  })
})

const subnetText = (index: number) => `172.${16 + (index >> 6)}.${(index & 63) * 4}.0/22`

describe('an agent that was killed and started again', () => {
  function cluster(): { table: Table; host: Host; peer: Host } {
    const table = new Table()
    const peer = table.running(b)
    table.pass(1_000)
    const host = table.host(a, { seeded: true }).start()
    table.connectAll()
    table.pass(5_000)
    assert.deepEqual(host.claims, ['172.16.4.0/22'])
    return { table, host, peer }
  }

  it('keeps its subnet, its gateway and its routes without a single write', () => {
    const { table, host, peer } = cluster()
    const [before, beforeThere] = [host.writes.length, peer.writes.length]
    host.restart()
    table.pass(500)
    assert.equal(host.agent.view().phase, 'joining')
    assert.deepEqual(
      host.agent.view().own.claims.map(({ prefix }) => prefix.text),
      ['172.16.4.0/22'],
    )
    table.connectAll()
    table.pass(5_000)
    assert.deepEqual(host.claims, ['172.16.4.0/22'])
    assert.equal(host.writes.length, before)
    assert.equal(peer.writes.length, beforeThere)
    assert.equal(host.notes('claim-tentative').length, 1)
  })

  it('publishes with a higher incarnation, once it knows what happened meanwhile', () => {
    const { table, host, peer } = cluster()
    const incarnation = host.agent.view().incarnation
    const published = host.of('publish').length
    host.restart()
    table.pass(500)
    assert.equal(host.of('publish').length, published)
    table.connectAll()
    table.pass(1_000)
    assert.equal(host.agent.view().incarnation, incarnation + 1)
    const seen = peer.agent.view().nodes.find(({ record }) => record.origin === a.id)?.record
    assert.equal(seen?.version.incarnation, incarnation + 1)
    assert.equal(host.notes('refuted').length, 0)
  })

  it('keeps its subnet alone, too', () => {
    const table = new Table()
    const host = table.running(a)
    table.pass(1_000)
    const [claim] = host.agent.view().own.claims
    host.restart()
    table.pass(1_000)
    assert.deepEqual(host.agent.view().own.claims, [claim])
  })

  it('answers a later self of its own, which its store has forgotten', () => {
    const { table, host } = cluster()
    const old = host.stored
    host.restart()
    table.connectAll()
    table.pass(1_000)
    host.restart()
    host.stored = old
    host.restart()
    table.connectAll()
    table.pass(3_000)
    assert.deepEqual(
      host.notes('refuted').map(({ what }) => what),
      ['older-self'],
    )
    assert.deepEqual(host.notes('duplicate-identity'), [])
    assert.deepEqual(host.claims, ['172.16.4.0/22'])
    assert.equal(host.exitCode, undefined)
  })

  it('counts its subnet as lost if it was evicted and its subnet taken meanwhile', () => {
    const { table, host, peer } = cluster()
    table.cut(host, peer)
    table.settle()
    const id = peer.command({ type: 'evict', node: a.name })
    table.settle()
    assert.equal(peer.replies.get(id)?.ok, true)
    const newcomer = table.running(c, { seeded: true })
    table.connect(newcomer, peer)
    table.pass(3_000)
    assert.deepEqual(newcomer.claims, ['172.16.4.0/22'])
    host.restart()
    table.connectAll()
    table.pass(3_000)
    assert.deepEqual(host.claims, ['172.16.8.0/22'])
    assert.deepEqual(newcomer.claims, ['172.16.4.0/22'])
    assert.equal(host.notes('claim-lost').length, 1)
  })

  it('forgets what it stored in a cluster of another name', () => {
    const { table, host } = cluster()
    host.restart({ cluster: 'renamed', seeded: false })
    table.pass(3_000)
    assert.deepEqual(
      host.agent.view().nodes.map(({ record }) => record.origin),
      [a.id],
    )
    assert.deepEqual(host.routes, [])
  })

  it('has announced what was announced by command, and what is configured', () => {
    const table = new Table()
    const host = table.running(a, { announce: [prefixOf('192.168.1.0/24')] })
    const id = host.command({ type: 'announce', prefix: prefixOf('192.168.2.0/24') })
    table.pass(100)
    assert.equal(host.replies.get(id)?.ok, true)
    host.restart()
    table.pass(100)
    assert.deepEqual(
      host.agent.view().own.extras.map(({ text }) => text),
      ['192.168.1.0/24', '192.168.2.0/24'],
    )
  })
})
