/** Prefixes: what is one, and their arithmetic against ip-num. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { IPv4CidrRange, IPv6CidrRange } from 'ip-num'
import { address, bitsOf } from '../../../src/core/ip/address.ts'
import {
  comparePrefixes,
  contains,
  holds,
  hostPrefix,
  overlaps,
  parseInterface,
  parsePrefix,
  prefix,
} from '../../../src/core/ip/prefix.ts'
import { anyAddress, anyPrefix, crowdedPrefix } from '../arbitraries.ts'
import { prefixOf } from '../specimens.ts'

const refused: readonly string[] = [
  '10.1.2.3/24',
  'fd00::1/64',
  '10.0.0.0',
  '10.0.0.0/',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/08',
  '10.0.0.0/8 ',
  '10.0.0.0/8/8',
  '10.0.0.0/1e1',
  '10.0.0.0/255.0.0.0',
  'fd00::/129',
  '/8',
  'fe80::%eth0/64',
]

describe('a prefix', () => {
  for (const text of refused) {
    it(`is not ${JSON.stringify(text)}`, () => assert.equal(parsePrefix(text), undefined))
  }

  it('is written in one way only', () => {
    assert.equal(prefixOf('FD00:0:0:0::/64').text, 'fd00::/64')
    assert.equal(prefixOf('0.0.0.0/0').text, '0.0.0.0/0')
    assert.equal(prefixOf('::/0').text, '::/0')
  })

  it('of an interface keeps the address beside it', () => {
    const parsed = parseInterface('10.0.1.70/24')
    assert.equal(parsed?.address.text, '10.0.1.70')
    assert.equal(parsed?.prefix.text, '10.0.1.0/24')
  })

  it('survives printing and parsing', () => {
    fc.assert(
      fc.property(anyPrefix, (original) => {
        assert.deepEqual(parsePrefix(original.text), original)
      }),
    )
  })

  it('begins and ends where ip-num says', () => {
    fc.assert(
      fc.property(anyPrefix, ({ family, first, last, length, text }) => {
        const oracle = family === 4 ? IPv4CidrRange.fromCidr(text) : IPv6CidrRange.fromCidr(text)
        assert.equal(oracle.getFirst().getValue(), first)
        assert.equal(oracle.getLast().getValue(), last)
        assert.equal(oracle.getSize(), 1n << BigInt(bitsOf(family) - length))
      }),
      { numRuns: 300 },
    )
  })

  it('clears the host bits of whatever address it is made from', () => {
    fc.assert(
      fc.property(anyAddress, fc.nat(), (inside, seed) => {
        const length = seed % (bitsOf(inside.family) + 1)
        const made = prefix(inside.family, inside.value, length)
        assert.ok(holds(made, inside))
        assert.deepEqual(prefix(inside.family, made.last, length), made)
      }),
    )
  })

  it('either nests in another one, or is apart from it', () => {
    fc.assert(
      fc.property(crowdedPrefix, crowdedPrefix, (a, b) => {
        assert.equal(overlaps(a, b), contains(a, b) || contains(b, a))
        assert.equal(overlaps(a, b), overlaps(b, a))
        if (a.family === b.family) {
          assert.equal(contains(a, b), holds(a, first(b)) && holds(a, last(b)))
        } else {
          assert.ok(!overlaps(a, b))
        }
      }),
    )
  })

  it('sorts before what it covers', () => {
    fc.assert(
      fc.property(crowdedPrefix, crowdedPrefix, (a, b) => {
        assert.equal(Math.sign(comparePrefixes(a, b)) + Math.sign(comparePrefixes(b, a)), 0)
        assert.equal(comparePrefixes(a, b) === 0, a.text === b.text)
        if (contains(a, b) && a.text !== b.text) assert.ok(comparePrefixes(a, b) < 0)
      }),
    )
  })

  it('of a host holds that one address', () => {
    fc.assert(
      fc.property(anyAddress, (only) => {
        const host = hostPrefix(only)
        assert.equal(host.first, only.value)
        assert.equal(host.last, only.value)
        assert.equal(host.text, `${only.text}/${bitsOf(only.family)}`)
      }),
    )
  })
})

const first = (p: { family: 4 | 6; first: bigint }) => address(p.family, p.first)
const last = (p: { family: 4 | 6; last: bigint }) => address(p.family, p.last)
