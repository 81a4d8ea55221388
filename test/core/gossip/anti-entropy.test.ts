/** Neighbours that compare end with equal sets, send only what differs, and send nothing that is too long. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Entry } from '../../../src/core/claim/record.ts'
import { RecordSet } from '../../../src/core/claim/record-set.ts'
import {
  answerBuckets,
  answerProbe,
  answerSummary,
  answerWant,
  probe,
} from '../../../src/core/gossip/anti-entropy.ts'
import { type Carried, type SyncMessage, syncLimits } from '../../../src/core/gossip/message.ts'
import { decodeMessage, encodeMessage } from '../../../src/wire/codec.ts'
import { anyEntry } from '../arbitraries.ts'
import { claimOf, nodeOf, recordOf, tombstoneOf } from '../specimens.ts'

const tombstoneMs = 60_000
const never = Number.POSITIVE_INFINITY

const carried = (entry: Entry): Carried => ({
  entry,
  remainMs: entry.body.kind === 'record' ? never : tombstoneMs,
})

function setOf(entries: readonly Entry[]): RecordSet {
  const set = new RecordSet(tombstoneMs)
  for (const entry of entries) set.merge(carried(entry), 0)
  return set
}

/** What crossed the wire in one exchange. */
interface Exchange {
  readonly messages: SyncMessage[]
  readonly bytes: number[]
}

/** One comparison that `a` begins, every message of it encoded and decoded. */
function compare(a: RecordSet, b: RecordSet): Exchange {
  const exchange: Exchange = { messages: [], bytes: [] }
  const underWay: { to: RecordSet; from: RecordSet; message: SyncMessage }[] = []
  const send = (from: RecordSet, to: RecordSet, messages: readonly SyncMessage[]) => {
    for (const message of messages) underWay.push({ to, from, message })
  }
  send(a, b, [probe(a)])
  for (let item = underWay.shift(); item; item = underWay.shift()) {
    const packed = encodeMessage(item.message)
    const decoded = decodeMessage(packed)
    assert.ok(decoded.ok, decoded.ok ? '' : `a message that does not decode: ${decoded.reason}`)
    exchange.messages.push(decoded.value)
    exchange.bytes.push(packed.length)
    assert.ok(exchange.messages.length < 1_000, 'an exchange without end')
    send(item.to, item.from, answersOf(item.to, decoded.value))
  }
  return exchange
}

function answersOf(set: RecordSet, message: SyncMessage): SyncMessage[] {
  switch (message.type) {
    case 'probe':
      return [answerProbe(set, message.root)]
    case 'match':
      return []
    case 'buckets':
      return answerBuckets(set, message.buckets)
    case 'summary':
      return answerSummary(set, message, 0)
    case 'delta':
      for (const item of message.carried) set.merge(item, 0)
      return message.want.length > 0 ? answerWant(set, message, 0) : []
    case 'clock':
    case 'trust':
    case 'papers':
      return []
  }
}

const hashesOf = ({ messages }: Exchange): string[] =>
  messages
    .flatMap((message) => (message.type === 'delta' ? message.carried : []))
    .map(({ entry }) => entry.hash)

const entries = fc.array(anyEntry, { maxLength: 25 })

describe('a comparison', () => {
  it('makes two sets equal, whichever side begins', () => {
    fc.assert(
      fc.property(entries, entries, (left, right) => {
        const [a, b] = [setOf(left), setOf(right)]
        compare(a, b)
        assert.equal(a.root, b.root)
        assert.equal(a.root, setOf([...left, ...right]).root)
      }),
    )
  })

  it('round three nodes makes all of them equal', () => {
    fc.assert(
      fc.property(entries, entries, entries, (first, second, third) => {
        const [a, b, c] = [setOf(first), setOf(second), setOf(third)]
        compare(a, b)
        compare(b, c)
        compare(c, a)
        const { root } = setOf([...first, ...second, ...third])
        assert.deepEqual([a.root, c.root], [root, root])
      }),
      { numRuns: 40 },
    )
  })

  it('of equal sets is one question and one answer', () => {
    fc.assert(
      fc.property(entries, (both) => {
        const { messages } = compare(setOf(both), setOf([...both].reverse()))
        assert.deepEqual(
          messages.map(({ type }) => type),
          ['probe', 'match'],
        )
      }),
    )
  })

  it('carries nothing that the other side has, fences apart', () => {
    fc.assert(
      fc.property(entries, entries, (left, right) => {
        const [a, b] = [setOf(left), setOf(right)]
        const common = new Set(
          a
            .allCarried(0)
            .filter(({ entry }) => b.get(entry.body.origin)?.hash === entry.hash)
            .filter(({ entry }) => entry.body.kind === 'record')
            .map(({ entry }) => entry.hash),
        )
        for (const hash of hashesOf(compare(a, b))) assert.ok(!common.has(hash))
      }),
    )
  })

  it('brings an old fence whose tombstone was collected', () => {
    const node = nodeOf(1)
    const record = recordOf(node, { claims: [claimOf('172.16.4.0/22')] })
    const a = setOf([node.seal(tombstoneOf(record))])
    a.collect(tombstoneMs)
    const b = setOf([])
    compare(b, a)
    assert.equal(b.root, a.root)
    assert.deepEqual([b.fences, b.tombstones], [1, 0])
  })
})

describe('a comparison in a cluster of 4096 nodes', () => {
  const everybody = Array.from({ length: 4_096 }, (_, index) => {
    const node = nodeOf(index + 1)
    return node.seal(recordOf(node, { claims: [claimOf('172.16.4.0/22')] }))
  })

  function assertBounded({ bytes, messages }: Exchange): void {
    const longest = Math.max(...bytes)
    assert.ok(longest <= syncLimits.messageBytes, `${longest} bytes in one message`)
    const deltas = messages.filter((message) => message.type === 'delta')
    // Cut at the bound, not in crumbs.
    const carriedBytes = deltas
      .flatMap((delta) => delta.carried)
      .reduce((sum, { entry }) => sum + entry.envelope.length, 0)
    assert.ok(deltas.length <= 60 + (2 * carriedBytes) / syncLimits.targetBytes, `${deltas.length}`)
  }

  it('fills an empty set in messages of bounded length', () => {
    const [a, b] = [setOf([]), setOf(everybody)]
    const exchange = compare(a, b)
    assert.equal(a.root, b.root)
    assertBounded(exchange)
    assert.equal(hashesOf(exchange).length, everybody.length)
  })

  it('fills the other side as well', () => {
    const [a, b] = [setOf(everybody), setOf([])]
    const exchange = compare(a, b)
    assert.equal(a.root, b.root)
    assertBounded(exchange)
  })

  it('joins two halves that never met', () => {
    const [a, b] = [setOf(everybody.slice(0, 2_048)), setOf(everybody.slice(2_048))]
    const exchange = compare(a, b)
    assert.equal(a.root, b.root)
    assert.equal(a.size, 4_096)
    assertBounded(exchange)
  })

  it('has room in no message for many entries beside many wishes', () => {
    // As many as fill one message nearly, which then has no room for 590 ids.
    const [a, b] = [setOf(everybody.slice(0, 590)), setOf(everybody.slice(590, 590 + 130))]
    const exchange = compare(a, b)
    assert.equal(a.root, b.root)
    assertBounded(exchange)
  })

  it('sends one changed record, and a summary of its bucket alone', () => {
    const [a, b] = [setOf(everybody), setOf(everybody)]
    const node = nodeOf(7)
    const changed = node.seal(recordOf(node, { version: { incarnation: 1, seqno: 2 } }))
    a.merge(carried(changed), 0)
    for (const [one, other] of [
      [a, b],
      [b, setOf(everybody)],
    ] as const) {
      const exchange = compare(one, other)
      assert.equal(one.root, other.root)
      assert.deepEqual(hashesOf(exchange), [changed.hash])
      assert.ok(exchange.bytes.reduce((sum, size) => sum + size) < 12_000)
    }
  })
})
