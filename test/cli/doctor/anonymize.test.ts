/** What stands in place of names and addresses: nothing of them, and the same relations. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { anonymizer } from '../../../src/cli/doctor/anonymize.ts'
import {
  address,
  bitsOf,
  type Family,
  isPrivate,
  parseAddress,
} from '../../../src/core/ip/address.ts'
import { contains, parsePrefix } from '../../../src/core/ip/prefix.ts'

const key = Buffer.from('a key of this test alone, 32 by.')
const names = [
  { name: 'web-1', kind: 'node' },
  { name: 'db.example.com', kind: 'host' },
  { name: 'default/payroll', kind: 'lease' },
  { name: 'starling', kind: 'cluster' },
]
const replace = anonymizer(names, key)

/** How many leading bits two addresses share. */
function shared(a: bigint, b: bigint, family: Family): number {
  const difference = (a ^ b).toString(2)
  return a === b ? bitsOf(family) : bitsOf(family) - difference.length
}

const numberOf = (text: string): bigint => {
  const parsed = parseAddress(text)
  assert.ok(parsed, text)
  return parsed.value
}

describe('anonymized', () => {
  const text = (family: Family) =>
    fc
      .bigInt({ min: 1n << 96n, max: (1n << 128n) - 1n })
      .map((value) => address(family, family === 4 ? value >> 96n : value).text)

  for (const family of [4, 6] as const) {
    test(`addresses of IPv${family} share as many leading bits as before, up to the last eight`, () => {
      fc.assert(
        fc.property(text(family), text(family), fc.nat(bitsOf(family)), (one, random, bits) => {
          // Two that share a good deal, which random ones do not.
          const other = address(family, numberOf(one) ^ (numberOf(random) >> BigInt(bits))).text
          const [a, b] = [numberOf(replace(one)), numberOf(replace(other))]
          const [before, after] = [
            shared(numberOf(one), numberOf(other), family),
            shared(a, b, family),
          ]
          fc.pre(replace(one) !== one && replace(other) !== other)
          assert.equal(before, after)
        }),
        { numRuns: 200 },
      )
    })
  }

  test('a subnet lies in the pool that it lay in, and holds the addresses that it held', () => {
    const found = replace('10.64.0.0/12, 10.64.8.0/22, 10.64.8.9/32, fd00:1:2::/48, fd00:1:2::9')
    const [pool = '', subnet = '', held = '', pool6 = '', held6 = ''] = found.split(', ')
    const within = (outer: string, inner: string): boolean => {
      const [a, b] = [parsePrefix(outer), parsePrefix(inner)]
      return a !== undefined && b !== undefined && contains(a, b)
    }
    assert.ok(within(pool, subnet) && within(subnet, held), found)
    assert.ok(within(pool6, `${held6}/128`), found)
    assert.ok(!/10\.64|fd00:1:2:/.test(found), found)
    const [gateway] = replace('10.64.8.1').match(/\.1$/) ?? []
    assert.equal(gateway, '.1')
  })

  test('private addresses stay private, and those with a meaning of their own what they are', () => {
    for (const each of ['10.1.2.3', '172.16.9.9', '192.168.3.4', 'fd12:3::4', 'fe80::1:2:3:4']) {
      const parsed = parseAddress(replace(each))
      assert.ok(parsed && isPrivate(parsed) && parsed.text !== each, `${each} ${parsed?.text}`)
    }
    for (const each of [
      '0.0.0.0/0',
      '127.0.0.1',
      '224.0.0.1',
      '255.255.252.0',
      '::1',
      'ff02::1',
      '08:14:50',
      '0.1.0',
    ]) {
      assert.equal(replace(each), each)
    }
  })

  test('names are replaced wherever they stand as words, the same by the same', () => {
    assert.equal(
      replace('web-1 and web-10: web-1.db.example.com is payroll of web-1'),
      'node1 and web-10: node1.host1 is lease1 of node1',
    )
    assert.equal(replace('starling status'), 'starling status')
    const id = `12D3KooW${'A'.repeat(44)}`
    assert.equal(replace(`/p2p/${id} ${id}`), '/p2p/peer1 peer1')
    assert.equal(
      replace('aa:bb:cc:00:11:22 00:00:00:00:00:00'),
      '02:00:00:00:00:01 00:00:00:00:00:00',
    )
    assert.ok(
      !replace('-A KUBE -m comment --comment "payments/api:https" -j X').includes('payments'),
    )
  })

  test('the key decides: another bundle has other addresses', () => {
    const other = anonymizer(names, Buffer.alloc(32, 7))
    assert.notEqual(
      other('10.64.8.9 192.168.3.4 8.8.4.4'),
      replace('10.64.8.9 192.168.3.4 8.8.4.4'),
    )
  })
})
