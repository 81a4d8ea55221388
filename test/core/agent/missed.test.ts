/** What a node makes of others' word that a node is gone which it hears itself. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultTiming } from '../../../src/core/config.ts'
import { claimOf, nodesInOrder, recordOf, type Specimen } from '../specimens.ts'
import { type Host, Table } from './harness.ts'

const [a, b, c, d] = nodesInOrder(4) as [Specimen, Specimen, Specimen, Specimen]
const address = b.nextHop.text
const route = `172.16.8.0/22 via ${address}`

/** A host that was connected to b, which two others miss. */
function told({ since }: { since: 'heard' | 'overdue' | 'closed' | 'silent' }): [Table, Host] {
  const table = new Table()
  const host = table.running(a)
  table.pass(3_000)
  host.push({ type: 'peer-connected', peer: b.id, address })
  host.hear(b.seal(recordOf(b, { claims: [claimOf('172.16.8.0/22')] })))
  table.pass(defaultTiming.watchMs * 2)
  assert.deepEqual(host.routes, [route])
  if (since === 'heard') host.push({ type: 'digest-heard', peer: b.id, root: '0'.repeat(16) })
  if (since === 'overdue') host.push({ type: 'peer-overdue', peer: b.id })
  if (since === 'closed') host.push({ type: 'peer-disconnected', peer: b.id })
  const observed = [{ node: b.id, incarnation: 1, observer: 1, state: 'host-down' }] as const
  for (const watcher of [c, d]) host.hear(watcher.seal(recordOf(watcher, { observed })))
  table.settle()
  return [table, host]
}

describe('a node that others miss', () => {
  it('keeps its routes where it was just heard, and loses them if that was the last of it', () => {
    const [table, host] = told({ since: 'heard' })
    assert.deepEqual(host.routes, [route])
    table.pass(defaultTiming.watchMs)
    assert.deepEqual(host.routes, [route])
    table.pass(defaultTiming.watchMs)
    assert.deepEqual(host.routes, ['172.16.8.0/22'])
  })

  it('keeps them if it refutes that meanwhile', () => {
    const [table, host] = told({ since: 'heard' })
    const version = { incarnation: 2, seqno: 1 }
    host.hear(b.seal(recordOf(b, { version, claims: [claimOf('172.16.8.0/22')] })))
    table.pass(10_000)
    assert.deepEqual(host.routes, [route])
    assert.deepEqual(host.notes('node-down'), [])
  })

  for (const since of ['silent', 'overdue', 'closed'] as const) {
    it(`loses them at once where it is ${since}`, () => {
      const [, host] = told({ since })
      assert.deepEqual(host.routes, ['172.16.8.0/22'])
    })
  }
})
