/** The work that one change costs does not grow with the cluster. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Entry, NodeId } from '../../../src/core/claim/record.ts'
import { addressOf, claimOf, nodeOf, poolOf, recordOf } from '../specimens.ts'
import { type Host, Table } from './harness.ts'

const count = 4_095
const pools = [poolOf('172.16.0.0/12', 24)]

/** Not signed: that would cost more than what is measured. Ids of a length and a spread like real ones. */
function entryOf(index: number, seqno: number): Entry {
  const number = (index * 2_654_435_761) >>> 0
  const origin = `12D3KooW${number.toString(36).padStart(44, 'x')}` as NodeId
  const hash = (number ^ (seqno << 8)).toString(16).replace('-', '').padStart(64, '7')
  const body = recordOf(nodeOf(1), {
    name: `node ${index}`,
    version: { incarnation: 1, seqno },
    nextHops: [addressOf(`10.0.${1 + (index >> 8)}.${index & 255}`)],
    pools,
    claims: [claimOf(`172.${16 + (index >> 8)}.${index & 255}.0/24`)],
    draining: seqno % 2 === 0,
  })
  return { body: { ...body, origin }, envelope: new Uint8Array(), hash }
}

function milliseconds(work: () => void): number {
  const startedAt = performance.now()
  work()
  return performance.now() - startedAt
}

describe(`an agent among ${count} others`, () => {
  const table = new Table()
  const host: Host = table.running(nodeOf(9_000), { pools, seeded: true })
  let id = 0
  const hear = (entry: Entry): void => {
    id += 1
    host.agent.step({ type: 'gossip-received', id, from: entry.body.origin, entry }, table.now)
  }
  // The subnet that stays free is its own. Deadlines and the kernel's answers are stepped by the table.
  const filling = milliseconds(() => {
    for (let index = 0; index < count; index += 1) hear(entryOf(index, 1))
    host.push({ type: 'seeds-are-self' })
    table.settle()
  })
  table.pass(5_000)

  it('has a route to each of them and a subnet of its own', () => {
    assert.equal(host.routes.length, count)
    assert.deepEqual(host.claims, ['172.31.255.0/24'])
  })

  it('takes in a changed record in less than a five-hundredth of the time for all', (t) => {
    const changes = Array.from({ length: 200 }, (_, index) => entryOf(index * 20, 2))
    const each = milliseconds(() => changes.forEach(hear)) / changes.length
    t.diagnostic(
      `${filling.toFixed(0)} ms for ${count} records, ${each.toFixed(3)} ms for one more`,
    )
    assert.ok(each < filling / 500, `${each} ms for one, ${filling} ms for all`)
  })

  it('that has no subnet searches the full pool once for a burst of news', () => {
    const table = new Table()
    const waiting = table.running(nodeOf(9_001), { pools, seeded: true })
    waiting.hear(...Array.from({ length: count + 1 }, (_, index) => entryOf(index, 1)))
    waiting.push({ type: 'seeds-are-self' })
    table.settle()
    assert.equal(waiting.notes('pool-full').length, 1)
    const each = milliseconds(() => {
      for (let index = 0; index < 200; index += 1) {
        const entry = entryOf(index * 20, 2)
        const gossip = {
          type: 'gossip-received' as const,
          id: index,
          from: entry.body.origin,
          entry,
        }
        waiting.agent.step(gossip, table.now)
      }
    })
    assert.ok(each < filling / 2, `${each} ms for 200, ${filling} ms for all`)
  })

  it('puts back a deleted route without looking at the others', () => {
    const [route] = host.kernel.routes.filter(({ owned }) => owned)
    assert.ok(route)
    const writes = host.writes.length
    host.kernel.removeRoute(route)
    table.settle()
    assert.equal(host.writes.length, writes + 1)
  })
})
