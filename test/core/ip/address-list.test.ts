/** Lists of addresses in few bytes: every list comes back as it was, and what is spelled otherwise is none. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { address } from '../../../src/core/ip/address.ts'
import {
  type AddressList,
  addressesIn,
  isWellFormed,
  packAddresses,
} from '../../../src/core/ip/address-list.ts'
import { anyPrefix } from '../arbitraries.ts'
import { addressOf, prefixOf } from '../specimens.ts'

const textsIn = (list: AddressList): string[] => [...addressesIn(list)].map(({ text }) => text)

const prefixAndAddresses = fc
  .tuple(anyPrefix, fc.array(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), { maxLength: 40 }))
  .map(([prefix, numbers]) => {
    const size = prefix.last - prefix.first + 1n
    const values = [...new Set(numbers.map((each) => prefix.first + (each % size)))]
    values.sort((a, b) => (a < b ? -1 : 1))
    return { prefix, addresses: values.map((value) => address(prefix.family, value)) }
  })

describe('a list of addresses', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(prefixAndAddresses, ({ prefix, addresses }) => {
        const list = packAddresses(prefix, addresses)
        assert.ok(isWellFormed(list))
        assert.deepEqual(
          textsIn(list),
          addresses.map(({ text }) => text),
        )
      }),
    )
  })

  it('has one spelling: whatever other bytes are well-formed are those of their own addresses', () => {
    const prefix = prefixOf('172.16.0.0/22')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (packed) => {
        const list = { prefix, packed }
        if (!isWellFormed(list)) return
        assert.deepEqual(packAddresses(prefix, addressesIn(list)).packed, packed)
      }),
      { numRuns: 1_000 },
    )
  })

  it('costs one byte for each address of a full subnet', () => {
    const prefix = prefixOf('172.16.0.0/22')
    const all = Array.from({ length: 1_022 }, (_, at) => address(4, prefix.first + 1n + BigInt(at)))
    assert.equal(packAddresses(prefix, all).packed.length, 1_022)
  })

  it('ends before it is too long', () => {
    const prefix = prefixOf('172.16.0.0/22')
    const some = ['172.16.0.5', '172.16.2.0', '172.16.2.1'].map(addressOf)
    assert.deepEqual(textsIn(packAddresses(prefix, some, 3)), ['172.16.0.5', '172.16.2.0'])
  })

  for (const [what, bytes] of [
    ['an address twice', [1, 0]],
    ['an address behind the prefix', [0xff, 0x7f]],
    ['a number that is cut off', [0x80]],
    ['a number that is longer than it must be', [0x81, 0]],
    ['a number without end', new Array(40).fill(0xff)],
  ] as const) {
    it(`is not well-formed with ${what}`, () => {
      const list = { prefix: prefixOf('172.16.0.0/22'), packed: Uint8Array.from(bytes) }
      assert.equal(isWellFormed(list), false)
    })
  }
})
