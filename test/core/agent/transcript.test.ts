/** Golden transcripts: what an agent says and does, in what order. */

import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  addressOf,
  claimOf,
  nodeOf,
  nodesInOrder,
  prefixOf,
  recordOf,
  type Specimen,
} from '../specimens.ts'
import { Table } from './harness.ts'
import { transcriptOf } from './transcript.ts'

const transcripts = join(import.meta.dirname, '../../transcripts')
const [a, b, c] = nodesInOrder(3) as [Specimen, Specimen, Specimen]
const names = new Map([
  [a.id, 'node-a'],
  [b.id, 'node-b'],
  [c.id, 'node-c'],
  [nodeOf(999).id, 'somebody'],
])
const asText = { serializers: [(value: unknown) => String(value)] }

describe('the transcript', () => {
  // After a change that is meant: npm test -- --test-update-snapshots test/core/agent/transcript.test.ts
  it('of a cold start into a cluster of one', (t) => {
    const table = new Table()
    const member = table.running(b, { name: 'node-b' })
    table.pass(10_000)
    const startedAt = table.now
    const host = table.host(a, { seeded: true })
    host.kernel.putRoute({
      prefix: prefixOf('172.16.200.0/22'),
      metric: 0,
      target: { type: 'via', nextHop: addressOf('10.0.9.9'), ifindex: 2 },
      owned: true,
    })
    host.start()
    table.pass(50)
    table.connect(host, member)
    table.pass(150)
    host.hear(c.seal(recordOf(c, { name: 'node-c', claims: [claimOf('172.16.8.0/22')] })))
    table.pass(1_300)
    t.assert.fileSnapshot(
      transcriptOf(host.steps, names, startedAt),
      join(transcripts, 'cold-start.txt'),
      asText,
    )
  })
})
