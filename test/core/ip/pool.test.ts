/** Every subnet of the pools that people use, one by one, against arithmetic of another kind. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IPv4CidrRange, IPv6CidrRange } from 'ip-num'
import {
  gatewayOf,
  isSubnet,
  subnetAt,
  subnetCount,
  subnetIndex,
  usableAddresses,
} from '../../../src/core/ip/pool.ts'
import { prefix } from '../../../src/core/ip/prefix.ts'
import { poolOf, prefixOf } from '../specimens.ts'

describe('the pool 172.16.0.0/12 divided into /22', () => {
  const pool = poolOf('172.16.0.0/12', 22)

  it('has 1024 subnets of which each is right, with its gateway', () => {
    assert.equal(subnetCount(pool), 1024n)
    for (let index = 0; index < 1024; index += 1) {
      const base = `172.${16 + Math.floor(index / 64)}.${(index % 64) * 4}`
      const subnet = subnetAt(pool, BigInt(index))
      assert.equal(subnet.text, `${base}.0/22`)
      assert.equal(gatewayOf(subnet).text, `${base}.1`)
      assert.equal(usableAddresses(subnet), 1022n)
      assert.equal(subnetIndex(pool, subnet.first), BigInt(index))
      assert.equal(subnetIndex(pool, subnet.last), BigInt(index))
      assert.ok(isSubnet(pool, subnet))
    }
  })

  it('has the same subnets when ip-num divides it', () => {
    const divided = IPv4CidrRange.fromCidr('172.16.0.0/12').splitInto(
      IPv4CidrRange.fromCidr('0.0.0.0/22').cidrPrefix,
    )
    assert.deepEqual(
      divided.map((range) => range.toCidrString()),
      Array.from({ length: 1024 }, (_, index) => subnetAt(pool, BigInt(index)).text),
    )
  })
})

describe('the pool 10.0.0.0/8 divided into /20', () => {
  const pool = poolOf('10.0.0.0/8', 20)

  it('has 4096 subnets of which each is right, with its gateway', () => {
    assert.equal(subnetCount(pool), 4096n)
    for (let index = 0; index < 4096; index += 1) {
      const base = `10.${index >> 4}.${(index & 15) << 4}`
      const subnet = subnetAt(pool, BigInt(index))
      assert.equal(subnet.text, `${base}.0/20`)
      assert.equal(gatewayOf(subnet).text, `${base}.1`)
      assert.equal(usableAddresses(subnet), 4094n)
      assert.equal(subnetIndex(pool, subnet.last), BigInt(index))
    }
  })

  it('has the same subnets when ip-num divides it', () => {
    const divided = IPv4CidrRange.fromCidr('10.0.0.0/8').splitInto(
      IPv4CidrRange.fromCidr('0.0.0.0/20').cidrPrefix,
    )
    assert.deepEqual(
      divided.map((range) => range.toCidrString()),
      Array.from({ length: 4096 }, (_, index) => subnetAt(pool, BigInt(index)).text),
    )
  })
})

describe('a pool', () => {
  it('of any length from /8 to /30 is cut without gap or overlap', () => {
    for (let length = 8; length <= 30; length += 1) {
      for (let subnetLength = length; subnetLength <= 30; subnetLength += 1) {
        const pool = { prefix: prefix(4, prefixOf('172.16.0.0/12').first, length), subnetLength }
        const count = subnetCount(pool)
        assert.equal(count, 2n ** BigInt(subnetLength - length))
        assert.equal(subnetAt(pool, 0n).first, pool.prefix.first)
        assert.equal(subnetAt(pool, count - 1n).last, pool.prefix.last)
        const step = count > 64n ? count / 64n : 1n
        for (let index = step; index < count; index += step) {
          const subnet = subnetAt(pool, index)
          assert.equal(subnet.first, subnetAt(pool, index - 1n).last + 1n)
          assert.equal(subnetIndex(pool, gatewayOf(subnet).value), index)
          assert.equal(usableAddresses(subnet), 2n ** BigInt(32 - subnetLength) - 2n)
        }
      }
    }
  })

  it('of IPv6 may have more subnets than a number counts', () => {
    const pool = poolOf('fd00::/8', 64)
    assert.equal(subnetCount(pool), 2n ** 56n)
    const last = subnetAt(pool, 2n ** 56n - 1n)
    assert.equal(last.text, 'fdff:ffff:ffff:ffff::/64')
    assert.equal(gatewayOf(last).text, 'fdff:ffff:ffff:ffff::1')
    assert.equal(subnetIndex(pool, last.last), 2n ** 56n - 1n)
    // The last address of an IPv6 subnet is an address like any other.
    assert.equal(usableAddresses(last), 2n ** 64n - 1n)
  })

  it('of IPv6 has the subnets that ip-num finds', () => {
    const pool = poolOf('fd00:10::/56', 64)
    const divided = IPv6CidrRange.fromCidr('fd00:10::/56').splitInto(
      IPv6CidrRange.fromCidr('::/64').cidrPrefix,
    )
    assert.equal(divided.length, 256)
    for (const [index, range] of divided.entries()) {
      const subnet = subnetAt(pool, BigInt(index))
      assert.equal(range.getFirst().getValue(), subnet.first)
      assert.equal(range.getLast().getValue(), subnet.last)
    }
  })

  it('knows its subnets from other prefixes', () => {
    const pool = poolOf('172.16.0.0/12', 22)
    assert.ok(isSubnet(pool, prefixOf('172.31.252.0/22')))
    for (const other of ['172.32.0.0/22', '172.16.0.0/23', '172.16.0.0/12', 'fd00::/22']) {
      assert.ok(!isSubnet(pool, prefixOf(other)), other)
    }
  })
})
