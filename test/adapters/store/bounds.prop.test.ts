/** Whatever an agent holds in memory it can send and store, and whoever gets it can read it: one set of bounds. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  knownFrom,
  knownMax,
  ownFrom,
  packKnown,
  packOwn,
} from '../../../src/adapters/store/contents.ts'
import { frame, unframe } from '../../../src/adapters/store/frame.ts'
import { recordLimits } from '../../../src/core/claim/record.ts'
import { RecordSet } from '../../../src/core/claim/record-set.ts'
import { answerBuckets, answerSummary } from '../../../src/core/gossip/anti-entropy.ts'
import { syncLimits } from '../../../src/core/gossip/message.ts'
import { bitsOf } from '../../../src/core/ip/address.ts'
import { prefix } from '../../../src/core/ip/prefix.ts'
import { paperLimits } from '../../../src/core/trust/paper.ts'
import { decodeEntry, decodeMessage, encodeMessage } from '../../../src/wire/codec.ts'
import { anyEntry, anyPrefix } from '../../core/arbitraries.ts'
import { addressOf, claimOf, nodeOf, recordOf } from '../../core/specimens.ts'
import { bodyBy } from '../../wire/arbitraries.ts'

const self = nodeOf(1)

/** Through the file, as bytes. */
function stored(contents: unknown): unknown {
  const file = { kind: 'own', owner: self.id } as const
  const unframed = unframe(Buffer.from(frame({ ...file, contents })), file)
  assert.ok(unframed.ok)
  return unframed.contents
}

test('every body within its limits fits an envelope, a message and the state files', () => {
  fc.assert(
    fc.property(bodyBy(self.id), fc.nat(), fc.array(anyPrefix), (body, incarnation, announced) => {
      const entry = self.seal(body)
      assert.deepEqual(decodeEntry(entry.envelope), { ok: true, value: entry })
      const remainMs = body.kind === 'record' ? Number.POSITIVE_INFINITY : 1_000
      const carried = [{ entry, remainMs }]
      const message = { type: 'delta', carried, want: [], last: true } as const
      assert.deepEqual(decodeMessage(encodeMessage(message)), { ok: true, value: message })
      assert.deepEqual(knownFrom(stored(packKnown(carried))), carried)
      const extras = announced.slice(0, recordLimits.extras)
      const papers = body.certificate ? { papers: [body.certificate, body.certificate] } : {}
      const own = { entry, incarnation, announced: extras, gateways: [], ...papers }
      assert.deepEqual(ownFrom(stored(packOwn(own))), own)
    }),
    { numRuns: 200 },
  )
})

test('a record with everything at its bound and as long as it can be written is one that others read', () => {
  const long = (count: number, from: number) =>
    Array.from({ length: count }, (_, index) =>
      prefix(
        6,
        (0x1111n << 112n) | (BigInt(from + index) << 16n) | (0x1111_2222n << 64n),
        bitsOf(6),
      ),
    )
  const entry = self.seal(
    recordOf(self, {
      name: 'n'.repeat(recordLimits.nameLength),
      software: 's'.repeat(recordLimits.nameLength),
      version: { incarnation: 2 ** 40, seqno: 2 ** 40 },
      nextHops: [
        addressOf('255.255.255.254'),
        addressOf('1111:1111:1111:1111:1111:1111:1111:1111'),
      ],
      addresses: Array.from(
        { length: recordLimits.addresses },
        () => '/ip6/1111:1111:1111:1111:1111:1111:1111:1111/tcp/65535',
      ),
      claims: [claimOf('172.16.252.0/22'), claimOf('1111:1111:1111:1111::/64')],
      extras: long(recordLimits.extras, 4_096),
      exclusions: long(recordLimits.exclusions, 8_192),
      witnessed: long(recordLimits.witnessed, 12_288).map((prefix) => ({
        prefix,
        holder: self.id,
      })),
      certificate: new Uint8Array(paperLimits.bytes),
    }),
  )
  assert.deepEqual(decodeEntry(entry.envelope), { ok: true, value: entry })
})

test('what a record set holds after any words of others is stored and sent within the bounds of its readers', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyEntry, fc.nat(100_000)), { maxLength: 40 }), (words) => {
      const set = new RecordSet(60_000)
      for (const [entry, remainMs] of words) {
        const isRecord = entry.body.kind === 'record'
        set.merge({ entry, remainMs: isRecord ? Number.POSITIVE_INFINITY : remainMs }, 0)
      }
      const all = set.allCarried(0)
      assert.deepEqual(knownFrom(stored(packKnown(all))), all)
      const empty = new RecordSet(60_000)
      for (const summary of answerBuckets(empty, set.buckets)) {
        assert.ok(decodeMessage(encodeMessage(summary)).ok)
        assert.ok(summary.type === 'summary')
        for (const delta of answerSummary(set, summary, 0)) {
          const bytes = encodeMessage(delta)
          assert.ok(bytes.length <= syncLimits.messageBytes)
          assert.deepEqual(decodeMessage(bytes), { ok: true, value: delta })
        }
      }
    }),
    { numRuns: 100 },
  )
})

test('a list of known nodes at its bound is read whole, and beyond it what fits: the agent starts all the same', () => {
  const [one, another] = [self.seal(recordOf(self)), nodeOf(2).seal(recordOf(nodeOf(2)))]
  const item = { entry: one, remainMs: Number.POSITIVE_INFINITY }
  const full = Array.from({ length: knownMax }, () => item)
  const beyond = [...full, { ...item, entry: another }]
  const packed = packKnown(full)
  assert.equal(knownFrom(packed).length, knownMax)
  assert.deepEqual(packKnown(beyond), packed)
  assert.equal(knownFrom([...(packed as unknown[]), 'nonsense']).length, knownMax)
})
