/** What agents say to each other when they compare, and when they stop. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Entry } from '../../../src/core/claim/record.ts'
import {
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

const sent = (hosts: readonly Host[]) =>
  hosts.reduce((sum, host) => sum + host.of('send').length, 0)

/** Two hosts that are connected, and a third that only the second one sees. */
function chain(): { table: Table; hosts: [Host, Host, Host] } {
  const table = new Table()
  const first = table.running(a)
  table.pass(1_000)
  const second = table.running(b, { seeded: true })
  table.connect(first, second)
  table.pass(3_000)
  const third = table.running(c, { seeded: true })
  table.connect(second, third)
  table.pass(10_000)
  return { table, hosts: [first, second, third] }
}

describe('agents that compare', () => {
  it('agree without any gossip, over as many hops as there are', () => {
    const { hosts } = chain()
    const roots = hosts.map(({ agent }) => agent.view().root)
    assert.equal(new Set(roots).size, 1)
    for (const { agent } of hosts) assert.ok(agent.view().convergence.converged)
  })

  it('say little once they agree: a question and an answer now and then', () => {
    const { table, hosts } = chain()
    const before = sent(hosts)
    table.pass(60_000)
    // Each asks one neighbour every five seconds or so.
    assert.ok(sent(hosts) - before <= 2 * 3 * 17, `${sent(hosts) - before} messages`)
  })

  it('know within three seconds that all of many peers agree, each of whom is connected to few', () => {
    const table = new Table()
    const hosts = nodesInOrder(40).map((node) => table.host(node, { seeded: true }))
    for (const host of hosts) host.start()
    table.pass(100)
    for (const [index, host] of hosts.entries()) {
      for (const step of [1, 2, 7]) {
        const peer = hosts[(index + step) % hosts.length]
        if (peer) table.connect(host, peer)
      }
    }
    table.pass(20_000)
    // One change reaches everybody; what all peers said before is out of date.
    hosts[0]?.command({ type: 'announce', prefix: prefixOf('192.168.7.0/24') })
    table.pass(3_000)
    assert.equal(new Set(hosts.map(({ agent }) => agent.view().root)).size, 1)
    for (const { agent, node } of hosts) {
      assert.ok(agent.view().convergence.digestsEqual, `${node.id} knows that its peers agree`)
    }
    const before = sent(hosts)
    table.pass(60_000)
    for (const { agent } of hosts) assert.ok(agent.view().convergence.digestsEqual)
    assert.ok(sent(hosts) - before <= 2 * 40 * 17, 'and nobody asks more for it')
  })

  it('that hear from a peer that it differs compare with it, though they were told of nothing', () => {
    const table = new Table()
    const host = table.running(a)
    const peer = table.running(b, { seeded: true })
    table.connect(host, peer)
    table.pass(10_000)
    const probes = () => host.of('send').filter(({ message }) => message.type === 'probe').length
    const before = probes()
    host.push({ type: 'digest-heard', peer: b.id, root: '0123456789abcdef' })
    host.turn()
    assert.equal(host.agent.view().convergence.digestsEqual, false)
    assert.equal(probes(), before, 'not while word may be under way')
    table.pass(3_000)
    assert.ok(probes() > before)
    assert.equal(host.agent.view().convergence.digestsEqual, true)
  })

  it('carry on news that came by comparing faster than they ask by themselves', () => {
    const { table, hosts } = chain()
    const [first, second, third] = hosts
    const far = nodeOf(800)
    const entry = far.seal(recordOf(far, { claims: [claimOf('172.20.0.0/22')] }))
    const carried = [{ entry, remainMs: Number.POSITIVE_INFINITY }]
    const message = { type: 'delta', carried, want: [], last: true } as const
    first.push({ type: 'sync-received', peer: nodeOf(801).id, message })
    table.pass(1_500)
    for (const host of [first, second, third]) {
      assert.ok(host.agent.view().nodes.some(({ record }) => record.origin === far.id))
    }
  })

  it('that cannot agree go on comparing, but not without a pause', () => {
    const { table, hosts } = chain()
    const [first] = hosts
    // There is no room for the others at the first one.
    first.restart({ limits: { nodes: 1 } })
    table.connect(first, hosts[1])
    table.pass(20_000)
    const before = sent(hosts)
    table.pass(60_000)
    assert.notEqual(first.agent.view().root, hosts[1].agent.view().root)
    assert.ok(sent(hosts) - before <= 6 * 3 * 17, `${sent(hosts) - before} messages`)
  })

  it('hand an eviction to its victim, which answers those that are not connected to it', () => {
    const { table, hosts } = chain()
    const [first, second, third] = hosts
    const routes = first.routes
    // The first evicts a node that it does not see; the second sees it, and refuses.
    first.command({ type: 'evict', node: c.name })
    table.pass(5_000)
    assert.deepEqual(
      third.notes('refuted').map(({ what }) => what),
      ['eviction'],
    )
    table.pass(120_000)
    assert.deepEqual(first.routes, routes)
    assert.deepEqual(first.notes('node-evicted'), [])
    // That is said once, and shown until it is answered.
    assert.equal(second.notes('eviction-refused').length, 1)
    for (const host of hosts) {
      assert.equal(host.agent.view().root, first.agent.view().root)
      assert.deepEqual(host.agent.view().problems, [])
    }
    assert.equal(third.claims.length, 1)
  })

  it('reject what is inadmissible, which is a problem as long as its sender is there', () => {
    const { table, hosts } = chain()
    const [first] = hosts
    const node = nodeOf(800)
    const bad: Entry = node.seal(recordOf(node, { claims: [claimOf('172.20.0.0/24')] }))
    first.push({ type: 'peer-connected', peer: node.id, address: 'x' })
    for (let times = 0; times < 3; times += 1) first.gossip(bad, node.id)
    table.settle()
    assert.deepEqual(
      first
        .of('verdict')
        .slice(-3)
        .map(({ verdict }) => verdict),
      ['reject', 'reject', 'reject'],
    )
    assert.equal(first.notes('entry-rejected').length, 1)
    assert.ok(first.agent.view().problems.some(({ code }) => code === 'entry-rejected'))
    first.push({ type: 'peer-disconnected', peer: node.id })
    table.settle()
    assert.deepEqual(first.agent.view().problems, [])
  })
})

describe('the verdict on gossip', () => {
  it('accepts news, ignores what is known or old, and what is its own', () => {
    const { table, hosts } = chain()
    const [first] = hosts
    const node = nodeOf(800)
    const at = (seqno: number) => node.seal(recordOf(node, { version: { incarnation: 1, seqno } }))
    const own = first.stored.own.entry
    assert.ok(own)
    first.hear(at(2), at(2), at(1), at(3), own)
    first.hear(node.seal(tombstoneOf(recordOf(node, { version: { incarnation: 1, seqno: 3 } }))))
    table.settle()
    assert.deepEqual(
      first
        .of('verdict')
        .slice(-6)
        .map(({ verdict }) => verdict),
      ['accept', 'ignore', 'ignore', 'accept', 'ignore', 'accept'],
    )
  })
})
