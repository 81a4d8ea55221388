/** What an agent takes of others: at each bound, beyond it, and below it again. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { claimOf, nodeOf, prefixOf, recordOf, type Specimen, tombstoneOf } from '../specimens.ts'
import { type Host, Table } from './harness.ts'

const self = nodeOf(1)
const others = (from: number, count: number): Specimen[] =>
  Array.from({ length: count }, (_, index) => nodeOf(from + index))

const subnet = (index: number): string => `172.${20 + (index >> 6)}.${(index & 63) * 4}.0/22`

const joined = (nodes: readonly Specimen[]) =>
  nodes.map((node, index) => node.seal(recordOf(node, { claims: [claimOf(subnet(index))] })))

const codes = (host: Host): string[] => host.agent.view().problems.map(({ code }) => code)

describe('known nodes', () => {
  const limits = { nodes: 16, routes: 4 }

  it('are as many as nodesMax, and the newest are left out', () => {
    const table = new Table()
    const host = table.running(self, { limits })
    table.pass(1_000)
    host.hear(...joined(others(10, 15)))
    table.pass(1_000)
    assert.equal(host.agent.view().nodes.length, 16)
    assert.equal(host.routes.length, 15)
    assert.ok(!codes(host).includes('nodes-full'))

    const before = { routes: host.routes, writes: host.writes.length, claims: host.claims }
    const strangers = others(100, 30)
    host.hear(
      ...strangers.map((node) => node.seal(recordOf(node, { claims: [claimOf('172.31.0.0/22')] }))),
    )
    table.pass(1_000)
    assert.deepEqual(
      { routes: host.routes, writes: host.writes.length, claims: host.claims },
      before,
    )
    assert.deepEqual(
      host.notes('nodes-full').map(({ node, most }) => [node, most]),
      [[strangers[0]?.id, 16]],
    )
    // What is known is heard as ever.
    const known = nodeOf(10)
    host.hear(known.seal(recordOf(known, { name: 'other', version: { incarnation: 1, seqno: 2 } })))
    table.pass(1_000)
    assert.ok(host.agent.view().nodes.some(({ record }) => record.name === 'other'))
  })

  it('have room again when one of them is gone', () => {
    const table = new Table()
    const host = table.running(self, { limits })
    host.hear(...joined(others(10, 15)), ...joined([nodeOf(100)]))
    table.pass(1_000)
    assert.ok(codes(host).includes('nodes-full'))
    host.hear(nodeOf(10).seal(tombstoneOf(recordOf(nodeOf(10)))))
    table.pass(1_000)
    assert.ok(!codes(host).includes('nodes-full'))
    host.hear(...joined([nodeOf(100)]))
    table.pass(1_000)
    assert.equal(host.agent.view().nodes.length, 16)
    assert.ok(!codes(host).includes('nodes-full'))
  })

  it('that ended are remembered twice as many at the most', () => {
    const table = new Table()
    const host = table.running(self, { limits })
    host.hear(...others(10, 50).map((node) => node.seal(tombstoneOf(recordOf(node)))))
    table.pass(1_000)
    assert.equal(host.agent.view().tombstones, 32)
    // Who was known and leaves is remembered all the same.
    const leaver = nodeOf(200)
    const record = recordOf(leaver, { claims: [claimOf('172.20.0.0/22')] })
    host.hear(leaver.seal(record))
    table.pass(1_000)
    host.hear(leaver.seal(tombstoneOf(record)), leaver.seal(record))
    table.pass(1_000)
    assert.equal(host.agent.view().tombstones, 32)
    assert.deepEqual(host.routes, [])
  })

  it('are asked for no more by comparing once there is no room', () => {
    const table = new Table()
    const full = table.running(self, { limits })
    full.hear(...joined(others(10, 14)))
    const rich = table.running(nodeOf(2), { seeded: true })
    rich.hear(...joined(others(10, 14)), ...joined(others(100, 20)))
    table.pass(1_000)
    table.connect(full, rich)
    table.pass(2_000)
    const asked = () =>
      full
        .of('send')
        .reduce((sum, { message }) => sum + (message.type === 'delta' ? message.want.length : 0), 0)
    const before = asked()
    assert.equal(full.agent.view().nodes.length, 16)
    table.pass(60_000)
    assert.equal(asked(), before)
  })
})

describe('routes to announced prefixes', () => {
  it('are as many as routesMax, and the newest are refused until there is room', () => {
    const table = new Table()
    const host = table.running(self, { limits: { routes: 4 } })
    const extras = (count: number, seqno: number) => {
      const node = nodeOf(10)
      const prefixes = Array.from({ length: count }, (_, at) => prefixOf(`10.50.${at}.0/24`))
      return node.seal(recordOf(node, { extras: prefixes, version: { incarnation: 1, seqno } }))
    }
    host.hear(extras(4, 1))
    table.pass(1_000)
    assert.equal(host.routes.length, 4)
    assert.ok(!codes(host).includes('routes-full'))
    const before = host.routes
    host.hear(extras(9, 2))
    table.pass(1_000)
    assert.deepEqual(host.routes, before)
    const refused = host.agent.view().routes.filter(({ refusal }) => refusal === 'no-room')
    assert.equal(refused.length, 5)
    assert.deepEqual(
      host.notes('routes-full').map(({ most, leftOut }) => [most, leftOut]),
      [[4, 5]],
    )
    assert.ok(codes(host).includes('routes-full') && !codes(host).includes('route-refused'))
    // Subnets are no announced prefixes.
    host.hear(...joined([nodeOf(11)]))
    table.pass(1_000)
    assert.equal(host.routes.length, 5)
    host.hear(extras(3, 3), extras(4, 4))
    table.pass(1_000)
    assert.equal(host.routes.length, 5)
    assert.ok(!codes(host).includes('routes-full'))
  })
})
