/** Addresses against the text forms of RFC 5952 and against two other parsers. */

import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { IPv4, IPv6 } from 'ip-num'
import {
  address,
  bitsOf,
  compareAddresses,
  type Family,
  isLinkLocal,
  isUnroutable,
  parseAddress,
} from '../../../src/core/ip/address.ts'
import { addressIn, anyAddress, family } from '../arbitraries.ts'
import { addressOf } from '../specimens.ts'

const canonical: readonly [string, string][] = [
  // RFC 5952, sections 4.1 to 4.3, and its examples of what not to write.
  ['2001:0db8::0001', '2001:db8::1'],
  ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:DB8::A', '2001:db8::a'],
  ['2001:db8:aaaa:bbbb:cccc:dddd:eeee:0001', '2001:db8:aaaa:bbbb:cccc:dddd:eeee:1'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['1:0:0:0:0:0:0:0', '1::'],
  ['1:2:3:4:5:6:7:0', '1:2:3:4:5:6:7:0'],
  ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
]

const refused: readonly string[] = [
  '',
  ' 10.0.0.1',
  '10.0.0.1\n',
  '10.0.0',
  '10.0.0.0.1',
  '10.0.0.256',
  '010.0.0.1',
  '0x10.0.0.1',
  '1e1.0.0.1',
  '-1.0.0.1',
  '١٠.0.0.1',
  '10.0.0.1/32',
  ':::',
  '1::2::3',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7:',
  '::12345',
  '::g',
  '::1%eth0',
  '::1/128',
  '1.2.3.4::',
  '::1.2.3',
  '::1.2.3.04',
  `${'0:'.repeat(60)}:1`,
]

describe('an address', () => {
  for (const [written, printed] of canonical) {
    it(`is printed as ${printed} where ${written} was written`, () => {
      assert.equal(addressOf(written).text, printed)
      assert.deepEqual(addressOf(printed), addressOf(written))
    })
  }

  for (const text of refused) {
    it(`is not ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.equal(parseAddress(text), undefined)
    })
  }

  it('survives printing and parsing', () => {
    fc.assert(
      fc.property(anyAddress, (original) => {
        assert.deepEqual(parseAddress(original.text), original)
      }),
    )
  })

  it('has the text and the value that ip-num and Node give it', () => {
    fc.assert(
      fc.property(anyAddress, ({ family: of, value, text }) => {
        assert.equal(isIP(text), of)
        const oracle = of === 4 ? new IPv4(text) : new IPv6(text)
        assert.equal(oracle.getValue(), value)
        // The URL parser of Node prints IPv6 by the same rules.
        if (of === 6) assert.equal(new URL(`http://[${text}]`).hostname, `[${text}]`)
      }),
    )
  })

  it('is accepted exactly where Node accepts it, zones apart', () => {
    const characters = fc.constantFrom(...'0123456789abcfF:.:.:')
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 20 }), (text) => {
        assert.equal(parseAddress(text) !== undefined, isIP(text) !== 0)
      }),
      { numRuns: 2_000 },
    )
  })

  it('is ordered by family, then by value', () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, (a, b) => {
        const order = compareAddresses(a, b)
        const expected =
          a.family !== b.family
            ? a.family - b.family
            : a.value === b.value
              ? 0
              : a.value < b.value
                ? -1
                : 1
        assert.equal(Math.sign(order), Math.sign(expected))
      }),
    )
  })

  it('holds its value in as many bits as its family has', () => {
    fc.assert(
      fc.property(
        family.chain((of: Family) => addressIn(of)),
        ({ family: of, value }) => {
          assert.ok(value >> BigInt(bitsOf(of)) === 0n)
          assert.equal(address(of, value).value, value)
        },
      ),
    )
  })
})

describe('the kinds of addresses', () => {
  it('tell link-local ones', () => {
    for (const text of ['fe80::1', 'febf::1', '169.254.0.1', '169.254.255.255']) {
      assert.ok(isLinkLocal(addressOf(text)), text)
    }
    for (const text of ['fec0::1', 'fe7f::1', '169.253.0.1', '170.254.0.1', '::a9fe:1']) {
      assert.ok(!isLinkLocal(addressOf(text)), text)
    }
  })

  it('tell those that lead nowhere', () => {
    for (const text of ['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255', '::', '::1']) {
      assert.ok(isUnroutable(addressOf(text)), text)
    }
    assert.ok(isUnroutable(addressOf('ff02::1')))
    for (const text of [
      '10.0.0.1',
      '126.0.0.1',
      '128.0.0.1',
      '223.255.255.255',
      '::2',
      'fe80::1',
    ]) {
      assert.ok(!isUnroutable(addressOf(text)), text)
    }
  })
})
