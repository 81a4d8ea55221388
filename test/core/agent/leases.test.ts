/** Addresses as the whole agent grants them: from confirmed subnets alone, and told to the others. */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { requestOf, textOf } from '../ipam/desk.ts'
import { nodeOf } from '../specimens.ts'
import { Table } from './harness.ts'

it('grants from a confirmed subnet alone, marks the claim as used, and knows its leases after a crash', () => {
  const table = new Table()
  const host = table.host(nodeOf(1)).start()
  const ask = () => {
    const asked = host.command({ type: 'allocate', request: requestOf('a', {}) })
    table.settle()
    return textOf(host.replies.get(asked))
  }
  assert.equal(ask(), 'no-subnet')
  table.pass(5_000)
  assert.equal(host.agent.view().own.claims[0]?.used, false)
  const granted = ask()
  assert.match(granted, /^172[.]16[.]/)
  table.pass(100)
  assert.equal(host.of('publish').at(-1)?.entry.body.kind, 'record')
  assert.equal(host.agent.view().own.claims[0]?.used, true)
  host.restart()
  table.pass(5_000)
  assert.equal(ask(), granted)
  assert.equal(host.of('persist-leases').length, 1, 'nothing is written twice')
})
