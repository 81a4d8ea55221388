/** Generators of whole bodies and messages within the bounds of the wire format. */

import fc from 'fast-check'
import {
  type Body,
  type Claim,
  type Failing,
  type NodeRecord,
  recordLimits,
  type Tombstone,
  versionLimits,
} from '../../src/core/claim/record.ts'
import { tombstoneOf } from '../../src/core/claim/tombstone.ts'
import { type Stamp, type SyncMessage, syncLimits } from '../../src/core/gossip/message.ts'
import { type Address, address, bitsOf } from '../../src/core/ip/address.ts'
import { type AddressList, packAddresses } from '../../src/core/ip/address-list.ts'
import type { Pool } from '../../src/core/ip/pool.ts'
import { paperLimits } from '../../src/core/trust/paper.ts'
import { isPrintable } from '../../src/wire/shape.ts'
import { addressIn, anyAddress, anyEntry, anyPrefix, plainRecord } from '../core/arbitraries.ts'
import { nodeOf, nodeWith } from '../core/specimens.ts'

const natural = fc.oneof(fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER))
const counter = fc.oneof(fc.nat(), fc.constant(versionLimits.version))
const fence = fc.nat({ max: 2 ** 31 - 1 })
const name = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .filter((text) => text.length <= 64 && isPrintable(text))
export const node = fc.integer({ min: 1, max: 5 }).map(nodeOf)
const version = plainRecord({ incarnation: counter, seqno: counter })

const nextHops: fc.Arbitrary<Address[]> = fc
  .tuple(addressIn(4), addressIn(6), fc.constantFrom(0, 1, 2, 3))
  .map(([four, six, which]) => [
    ...((which & 1) === 1 ? [four] : []),
    ...((which & 2) === 2 ? [six] : []),
  ])

const certificate = fc.uint8Array({ maxLength: 200 })

/** With a certificate, or without. */
const certified = <B extends object>(body: fc.Arbitrary<B>): fc.Arbitrary<B> =>
  fc
    .tuple(body, fc.option(certificate, { nil: undefined }))
    .map(([plain, paper]) => (paper ? { ...plain, certificate: paper } : plain))

const dialable: fc.Arbitrary<string> = fc
  .tuple(anyAddress, fc.integer({ min: 1, max: 65_535 }))
  .map(([{ family, text }, port]) => `/ip${family}/${text}/tcp/${port}`)

const pool: fc.Arbitrary<Pool> = fc.tuple(anyPrefix, fc.nat(128)).map(([prefix, seed]) => ({
  prefix,
  subnetLength: prefix.length + (seed % (bitsOf(prefix.family) - prefix.length + 1)),
}))

const claim: fc.Arbitrary<Claim> = plainRecord({
  prefix: anyPrefix,
  fence,
  state: fc.constantFrom<Claim['state']>('tentative', 'confirmed'),
  used: fc.boolean(),
  confirmedAtMs: natural,
})

const addressList: fc.Arbitrary<AddressList> = fc
  .tuple(anyPrefix, fc.uniqueArray(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), { maxLength: 12 }))
  .map(([prefix, numbers]) => {
    const size = prefix.last - prefix.first + 1n
    const values = [...new Set(numbers.map((each) => prefix.first + (each % size)))]
    const sorted = values.sort((a, b) => (a < b ? -1 : 1))
    return packAddresses(
      prefix,
      sorted.map((value) => address(prefix.family, value)),
    )
  })

export const recordBy = (origin: NodeRecord['origin']): fc.Arbitrary<NodeRecord> =>
  certified(
    plainRecord({
      kind: fc.constant('record' as const),
      origin: fc.constant(origin),
      cluster: name,
      version,
      name,
      bootedAtMs: natural,
      nextHops,
      addresses: fc.array(dialable, { maxLength: recordLimits.addresses }),
      pools: fc.array(pool, { maxLength: recordLimits.pools }),
      claims: fc.array(claim, { maxLength: recordLimits.claims }),
      extras: fc.array(anyPrefix, { maxLength: recordLimits.extras }),
      exclusions: fc.array(anyPrefix, { maxLength: recordLimits.exclusions }),
      witnessed: fc.uniqueArray(
        plainRecord({ prefix: anyPrefix, holder: node.map(({ id }) => id) }),
        { maxLength: recordLimits.witnessed, selector: ({ prefix }) => prefix.text },
      ),
      observed: fc.uniqueArray(
        plainRecord({
          node: node.map(({ id }) => id),
          incarnation: counter,
          observer: counter,
          state: fc.constantFrom<Failing>('agent-down', 'host-down', 'displaced'),
        }),
        { maxLength: recordLimits.observed, selector: ({ node: id }) => id },
      ),
      kept: fc.uniqueArray(addressList, {
        maxLength: recordLimits.kept,
        selector: ({ prefix }) => prefix.text,
      }),
      awarded: fc.array(
        fc.tuple(node, addressList).map(([{ id }, list]) => ({ node: id, ...list })),
        { maxLength: recordLimits.awarded },
      ),
      draining: fc.boolean(),
      software: name,
    }),
  )

export const tombstoneBy = (author: Tombstone['author']): fc.Arbitrary<Tombstone> =>
  certified(
    fc.tuple(node, fc.boolean()).chain(([other, isLeave]) => {
      const writer = isLeave ? nodeWith(author) : other
      const reason = isLeave ? ('left' as const) : ('evicted' as const)
      return recordBy(writer.id)
        .map((record) => writer.seal(record))
        .filter(({ envelope }) => envelope.length <= recordLimits.recordBytes)
        .map((ended) => tombstoneOf(ended, { reason, author }))
    }),
  )

export const bodyBy = (author: Body['origin']): fc.Arbitrary<Body> =>
  fc.oneof(recordBy(author), tombstoneBy(author))

const digest = fc.bigInt(0n, 2n ** 64n - 1n).map((value) => value.toString(16).padStart(16, '0'))

const stamp: fc.Arbitrary<Stamp> = fc
  .tuple(
    fc.oneof(
      node.map(({ id }) => id as string),
      anyPrefix.map(({ text }) => text),
    ),
    natural,
    natural,
    digest,
  )
  .map(([id, first, second, hash]) => ({ id, version: [first, second], hash }))

const carried = fc.tuple(anyEntry, fc.nat()).map(([entry, remainMs]) => ({
  entry,
  remainMs: entry.body.kind === 'record' ? Number.POSITIVE_INFINITY : remainMs,
}))

export const message: fc.Arbitrary<SyncMessage> = fc.oneof(
  plainRecord({ type: fc.constantFrom('probe' as const, 'match' as const), root: digest }),
  plainRecord({
    type: fc.constant('buckets' as const),
    root: digest,
    buckets: fc.array(digest, { maxLength: syncLimits.buckets }),
  }),
  plainRecord({
    type: fc.constant('summary' as const),
    buckets: fc.array(fc.nat(syncLimits.buckets - 1), { maxLength: syncLimits.buckets }),
    stamps: fc.array(stamp, { maxLength: 40 }),
    last: fc.boolean(),
  }),
  plainRecord({
    type: fc.constant('trust' as const),
    digest,
    asks: fc.boolean(),
  }),
  plainRecord({ type: fc.constant('clock' as const), wallMs: natural }),
  plainRecord({
    type: fc.constant('papers' as const),
    papers: fc.array(certificate, { maxLength: paperLimits.sent }),
  }),
  plainRecord({
    type: fc.constant('delta' as const),
    carried: fc.array(carried, { maxLength: 6 }),
    want: fc.array(
      node.map(({ id }) => id as string),
      { maxLength: 20 },
    ),
    last: fc.boolean(),
  }),
)
