/** What an agent does about a disk that it cannot write. */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { nodesInOrder, type Specimen } from '../specimens.ts'
import { Table } from './harness.ts'

const [a] = nodesInOrder(1) as [Specimen]
const trouble = { code: 'store-unwritable', subject: 'known nodes', reason: 'EMFILE' } as const

it('writes what it knows again until that works, though nothing has changed', () => {
  const table = new Table()
  const host = table.running(a)
  table.pass(10_000)
  const writes = () => host.of('persist-known').length
  const before = writes()
  host.push({ type: 'trouble-reported', trouble: { ...trouble, active: true } })
  table.pass(6_000)
  assert.equal(writes(), before + 1)
  host.push({ type: 'trouble-reported', trouble: { ...trouble, active: true } })
  table.pass(6_000)
  assert.equal(writes(), before + 2)
  host.push({ type: 'trouble-reported', trouble: { ...trouble, reason: '', active: false } })
  table.pass(60_000)
  assert.equal(writes(), before + 2)
  assert.deepEqual(
    host.agent.view().problems.filter(({ code }) => code === 'store-unwritable'),
    [],
  )
})
