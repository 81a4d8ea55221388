/** Which subnet a node claims, and what it and others leave out. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  coversMoreThanHalf,
  exclusionTrie,
  freeSubnet,
  heeded,
  rankAmong,
} from '../../../src/core/claim/choose.ts'
import { exclusionsOf } from '../../../src/core/claim/exclusions.ts'
import { poolUsage } from '../../../src/core/claim/pool-usage.ts'
import { type Pool, subnetAt, subnetCount } from '../../../src/core/ip/pool.ts'
import {
  comparePrefixes,
  contains,
  overlaps,
  type Prefix,
  prefix,
} from '../../../src/core/ip/prefix.ts'
import { defaultPool, nodesInOrder, poolOf, prefixOf } from '../specimens.ts'

const occupied = (...taken: readonly string[]) => occupiedBy(taken.map(prefixOf))

function occupiedBy(taken: readonly Prefix[]) {
  const trie = exclusionTrie(taken)
  return { holder: (subnet: Prefix) => trie.overlapping(subnet).next().value ?? undefined }
}

describe('the free subnet', () => {
  it('is the lowest one', () => {
    assert.equal(freeSubnet(defaultPool, 0, occupied())?.text, '172.16.0.0/22')
    const taken = occupied('172.16.0.0/22', '172.16.4.0/22', '172.16.12.0/22')
    assert.equal(freeSubnet(defaultPool, 0, taken)?.text, '172.16.8.0/22')
  })

  it('of the k-th loser is the k-th', () => {
    const taken = occupied('172.16.0.0/22', '172.16.8.0/22')
    assert.equal(freeSubnet(defaultPool, 1, taken)?.text, '172.16.12.0/22')
    assert.equal(freeSubnet(defaultPool, 2, taken)?.text, '172.16.16.0/22')
  })

  it('lies behind a holder that is broader than a subnet', () => {
    assert.equal(freeSubnet(defaultPool, 0, occupied('172.16.0.0/16'))?.text, '172.17.0.0/22')
  })

  it('does not share an address with a holder that is narrower than a subnet', () => {
    assert.equal(freeSubnet(defaultPool, 0, occupied('172.16.3.5/32'))?.text, '172.16.4.0/22')
  })

  it('is none where the pool is full', () => {
    const pool = poolOf('10.0.0.0/23', 24)
    assert.equal(freeSubnet(pool, 0, occupied('10.0.0.0/24', '10.0.1.0/24')), undefined)
    assert.equal(freeSubnet(pool, 0, occupied('10.0.0.0/8')), undefined)
    assert.equal(freeSubnet(pool, 1, occupied('10.0.0.0/24')), undefined)
  })

  it('of a vast IPv6 pool is found without walking through it', () => {
    const pool = poolOf('fd00::/8', 64)
    assert.equal(freeSubnet(pool, 0, occupied('fd00::/9'))?.text, 'fd80::/64')
    assert.equal(freeSubnet(pool, 0, occupied('fd00::/8')), undefined)
  })

  it('is what a search through every subnet finds', () => {
    const pool = poolOf('172.16.0.0/18', 22)
    const inside = fc
      .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 17, max: 26 }))
      .map(([index, length]) => prefix(4, pool.prefix.first + (BigInt(index) << 6n), length))
    fc.assert(
      fc.property(fc.array(inside, { maxLength: 8 }), fc.nat(18), (taken, rank) => {
        const free: Prefix[] = []
        for (let index = 0n; index < subnetCount(pool); index += 1n) {
          const subnet = subnetAt(pool, index)
          if (!taken.some((other) => overlaps(other, subnet))) free.push(subnet)
        }
        assert.deepEqual(freeSubnet(pool, rank, occupiedBy(taken)), free[rank])
      }),
      { numRuns: 300 },
    )
  })

  it('of each of many losers is another one', () => {
    const losers = nodesInOrder(40).map(({ id }) => id)
    const taken = occupied('172.16.0.0/22', '172.16.12.0/22')
    const chosen = losers.map((self) => freeSubnet(defaultPool, rankAmong(losers, self), taken))
    assert.equal(new Set(chosen.map((subnet) => subnet?.text)).size, losers.length)
  })
})

describe('the rank of a node', () => {
  const [first, second, newcomer] = nodesInOrder(3).map(({ id }) => id) as [never, never, never]

  it('is its place among the losers, and behind them all for a newcomer', () => {
    assert.equal(rankAmong([], newcomer), 0)
    assert.equal(rankAmong([first, second], first), 0)
    assert.equal(rankAmong([first, second], second), 1)
    assert.equal(rankAmong([first, second], newcomer), 2)
  })
})

describe('what a host excludes', () => {
  const textsOf = (locals: readonly string[], pool: Pool = defaultPool, held: string[] = []) =>
    exclusionsOf(pool, locals.map(prefixOf), held.map(prefixOf)).map(({ text }) => text)

  it('is exactly 172.17.0.0/16 on a host with docker0', () => {
    assert.deepEqual(textsOf(['172.17.0.0/16', '172.17.0.1/32']), ['172.17.0.0/16'])
  })

  it('is nothing for a default route, a route to the whole pool or to more', () => {
    assert.deepEqual(textsOf(['0.0.0.0/0', '172.16.0.0/12', '172.0.0.0/8', '::/0']), [])
  })

  it('is nothing for what lies elsewhere', () => {
    assert.deepEqual(textsOf(['10.0.0.0/8', '192.168.1.5/32', 'fd00::1/128']), [])
  })

  it('is the whole subnet of a single address', () => {
    assert.deepEqual(textsOf(['172.20.5.6/32']), ['172.20.4.0/22'])
  })

  it('leaves out what the node itself holds', () => {
    assert.deepEqual(textsOf(['172.16.0.1/32', '172.20.0.0/24'], defaultPool, ['172.16.0.0/22']), [
      '172.20.0.0/22',
    ])
  })

  it('is disjoint, ascending, of whole subnets, inside the pool, and covers every local', () => {
    const pool = poolOf('172.16.0.0/18', 22)
    const local = fc
      .tuple(fc.integer({ min: -64, max: 320 }), fc.integer({ min: 10, max: 32 }))
      .map(([index, length]) => prefix(4, pool.prefix.first + BigInt(index) * 64n, length))
    fc.assert(
      fc.property(fc.array(local, { maxLength: 12 }), (locals) => {
        const exclusions = exclusionsOf(pool, locals, [])
        for (const [index, exclusion] of exclusions.entries()) {
          assert.ok(contains(pool.prefix, exclusion))
          assert.ok(exclusion.length <= pool.subnetLength)
          const next = exclusions[index + 1]
          if (next) assert.ok(comparePrefixes(exclusion, next) < 0 && !overlaps(exclusion, next))
        }
        const inside = locals.filter(
          (at) => overlaps(at, pool.prefix) && !contains(at, pool.prefix),
        )
        for (const at of inside) {
          assert.ok(
            exclusions.some((exclusion) => contains(exclusion, at)),
            at.text,
          )
        }
        // Not a subnet more than needed.
        for (let index = 0n; index < subnetCount(pool); index += 1n) {
          const subnet = subnetAt(pool, index)
          assert.equal(
            exclusions.some((exclusion) => overlaps(exclusion, subnet)),
            inside.some((at) => overlaps(at, subnet)),
          )
        }
        assert.deepEqual(exclusionsOf(pool, [...locals].reverse(), []), exclusions)
      }),
      { numRuns: 300 },
    )
  })
})

describe('what a host heeds of the exclusions of another', () => {
  const texts = (...exclusions: string[]) =>
    heeded(exclusions.map(prefixOf), defaultPool).map(({ text }) => text)

  it('is what lies inside the pool', () => {
    assert.deepEqual(texts('172.17.0.0/16', '10.0.0.0/8'), ['172.17.0.0/16'])
  })

  it('is half of the pool, but not more', () => {
    assert.deepEqual(texts('172.16.0.0/13'), ['172.16.0.0/13'])
    assert.deepEqual(texts('172.16.0.0/13', '172.24.0.0/22'), [])
    assert.deepEqual(texts('172.16.0.0/12'), [])
    assert.deepEqual(texts('0.0.0.0/0'), [])
  })

  it('is told apart to the address', () => {
    const pool = poolOf('10.0.0.0/30', 32)
    const addresses = ['10.0.0.0/32', '10.0.0.1/32', '10.0.0.2/32'].map(prefixOf)
    assert.equal(coversMoreThanHalf(addresses.slice(0, 2), pool), false)
    assert.equal(coversMoreThanHalf(addresses, pool), true)
  })
})

describe('how much of a pool is taken', () => {
  const pool = poolOf('172.16.0.0/20', 22)
  const usage = (claims: string[], ...exclusions: string[][]) =>
    poolUsage(
      pool,
      claims.map(prefixOf),
      exclusions.map((each) => each.map(prefixOf)),
    )

  it('counts each subnet once: as claimed, as excluded by any host, or as free', () => {
    const claims = ['172.16.0.0/22', '172.16.0.0/22', '172.16.4.0/22', '10.0.0.0/22']
    assert.deepEqual(usage(claims), { claimed: 2n, excluded: 0n, free: 2n })
    const docker = ['172.16.4.0/23', '172.16.8.0/24']
    assert.deepEqual(usage(claims, docker, ['172.16.9.0/24']), {
      claimed: 2n,
      excluded: 1n,
      free: 1n,
    })
  })

  it('leaves out what a host excludes of more than half of the pool', () => {
    assert.deepEqual(usage([], ['172.16.0.0/21', '172.16.8.0/22']), {
      claimed: 0n,
      excluded: 0n,
      free: 4n,
    })
  })
})
