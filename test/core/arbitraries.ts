/** Generators of the core's values, for properties. */

import fc from 'fast-check'
import type { Claim, Entry, NodeRecord, Tombstone } from '../../src/core/claim/record.ts'
import { tombstoneOf } from '../../src/core/claim/tombstone.ts'
import { type Address, address, bitsOf, type Family } from '../../src/core/ip/address.ts'
import { type Prefix, prefix } from '../../src/core/ip/prefix.ts'
import { defaultPool, nodeOf, nodeWith, prefixOf, recordOf } from './specimens.ts'

/** What decoders and literals make is plain, so that equal values must be plain, too. */
export const plainRecord = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>

export const family = fc.constantFrom<Family>(4, 6)

export const addressIn = (of: Family): fc.Arbitrary<Address> =>
  fc
    .oneof(
      fc.bigInt(0n, (1n << BigInt(bitsOf(of))) - 1n),
      // Runs of zeros are what printing is difficult about.
      fc
        .array(fc.constantFrom<bigint[]>(0n, 0n, 0n, 1n, 0x80n, 0xffn, 0xffffn), {
          minLength: of === 4 ? 2 : 8,
          maxLength: of === 4 ? 2 : 8,
        })
        .map((groups) => groups.reduce((value, group) => (value << 16n) | group, 0n)),
    )
    .map((value) => address(of, value))

export const anyAddress = family.chain(addressIn)

/** Prefixes that nest and collide often: few values, all lengths. */
export const crowdedPrefix: fc.Arbitrary<Prefix> = family.chain((of) =>
  fc
    .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: bitsOf(of) }))
    .map(([value, length]) => prefix(of, BigInt(value) << BigInt(bitsOf(of) - 8), length)),
)

export const anyPrefix: fc.Arbitrary<Prefix> = family.chain((of) =>
  fc
    .tuple(addressIn(of), fc.integer({ min: 0, max: bitsOf(of) }))
    .map(([{ value }, length]) => prefix(of, value, length)),
)

/** Subnets of different lengths out of 172.16.0.0/18, so that they overlap. */
export const crowdedSubnet: fc.Arbitrary<Prefix> = fc
  .tuple(fc.integer({ min: 0, max: 63 }), fc.constantFrom(19, 20, 22, 22, 22, 24))
  .map(([index, length]) =>
    prefix(4, prefixOf('172.16.0.0/18').first + (BigInt(index) << 8n), length),
  )

export const anyClaim: fc.Arbitrary<Claim> = plainRecord({
  prefix: crowdedSubnet,
  fence: fc.integer({ min: 0, max: 3 }),
  state: fc.constantFrom<Claim['state']>('tentative', 'confirmed'),
  used: fc.boolean(),
  // Of clocks that were never set, and of those that were.
  confirmedAtMs: fc.constantFrom(1, 2, 1_700_000_000_001, 1_700_000_000_002),
}).map((claim) => (claim.state === 'tentative' ? { ...claim, confirmedAtMs: 0 } : claim))

const origin = fc.integer({ min: 1, max: 8 }).map(nodeOf)
const version = plainRecord({
  incarnation: fc.integer({ min: 1, max: 3 }),
  seqno: fc.integer({ min: 1, max: 3 }),
})

/** A record of one of eight nodes; the name tells versions that are equal apart. */
export const recordEntry: fc.Arbitrary<Entry<NodeRecord>> = plainRecord({
  node: origin,
  version,
  claim: anyClaim,
  name: fc.constantFrom('a', 'b', 'c'),
}).map(({ node, version: of, claim, name }) =>
  node.seal(
    recordOf(node, {
      version: of,
      name,
      claims: [claim],
      pools: [{ ...defaultPool, subnetLength: claim.prefix.length }],
    }),
  ),
)

export const tombstoneEntry: fc.Arbitrary<Entry<Tombstone>> = plainRecord({
  ended: recordEntry,
  author: origin,
  isLeave: fc.boolean(),
}).map(({ ended, author, isLeave }) => {
  const writer = isLeave ? nodeWith(ended.body.origin) : author
  const reason = isLeave ? ('left' as const) : ('evicted' as const)
  return writer.seal(tombstoneOf(ended, { reason, author: writer.id }))
})

export const anyEntry: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 2, arbitrary: recordEntry },
  { weight: 1, arbitrary: tombstoneEntry },
)
