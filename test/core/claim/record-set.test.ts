/** The replicated state is a join-semilattice: the same entries give the same set, whatever the order, path and repetition. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Entry } from '../../../src/core/claim/record.ts'
import { RecordSet, supersedes } from '../../../src/core/claim/record-set.ts'
import type { Carried } from '../../../src/core/gossip/message.ts'
import { syncLimits } from '../../../src/core/gossip/message.ts'
import type { Prefix } from '../../../src/core/ip/prefix.ts'
import { anyEntry, crowdedSubnet } from '../arbitraries.ts'
import { claimOf, nodeOf, prefixOf, recordOf, tombstoneOf } from '../specimens.ts'

const tombstoneMs = 60_000
const never = Number.POSITIVE_INFINITY

const carried = (entry: Entry, remainMs = tombstoneMs): Carried => ({
  entry,
  remainMs: entry.body.kind === 'record' ? never : remainMs,
})

function setOf(entries: readonly Entry[]): RecordSet {
  const set = new RecordSet(tombstoneMs)
  for (const entry of entries) set.merge(carried(entry), 0)
  return set
}

/** All that two sets must have in common to be equal. */
const stateOf = (set: RecordSet) => ({
  root: set.root,
  buckets: set.buckets,
  size: set.size,
  tombstones: set.tombstones,
  fences: set.fences,
  records: set.records(),
  stamps: allBuckets.flatMap((bucket) => set.stamps(bucket)).sort((a, b) => (a.id < b.id ? -1 : 1)),
})

const allBuckets = Array.from({ length: syncLimits.buckets }, (_, index) => index)

const entries = fc.array(anyEntry, { maxLength: 20 })

describe('a record set', () => {
  it('is the same for any order and repetition of its entries', () => {
    const disorder = entries.chain((once) =>
      fc.tuple(
        fc.constant(once),
        fc.shuffledSubarray([...once, ...once], {
          minLength: once.length * 2,
          maxLength: once.length * 2,
        }),
      ),
    )
    fc.assert(
      fc.property(disorder, ([once, disordered]) => {
        assert.deepEqual(stateOf(setOf(disordered)), stateOf(setOf(once)))
      }),
    )
  })

  it('is the same whichever sets were merged first', () => {
    fc.assert(
      fc.property(entries, entries, entries, (a, b, c) => {
        const join = (left: RecordSet, right: RecordSet): RecordSet => {
          for (const item of right.allCarried(0)) left.merge(item, 0)
          return left
        }
        const leftFirst = join(join(setOf(a), setOf(b)), setOf(c))
        const rightFirst = join(setOf(a), join(setOf(b), setOf(c)))
        const turned = join(join(setOf(c), setOf(b)), setOf(a))
        assert.deepEqual(stateOf(rightFirst), stateOf(leftFirst))
        assert.deepEqual(stateOf(turned), stateOf(leftFirst))
        const root = leftFirst.root
        assert.equal(join(leftFirst, leftFirst).root, root)
      }),
    )
  })

  it('has the digest of a set built afresh from what it holds', () => {
    fc.assert(
      fc.property(entries, (merged) => {
        const grown = setOf(merged)
        const fresh = new RecordSet(tombstoneMs)
        for (const item of grown.allCarried(0)) fresh.merge(item, 0)
        assert.equal(fresh.root, grown.root)
        assert.deepEqual(fresh.buckets, grown.buckets)
      }),
    )
  })

  it('calls news exactly what changed it', () => {
    fc.assert(
      fc.property(entries, anyEntry, (merged, next) => {
        const set = setOf(merged)
        const before = set.root
        const { news, raised } = set.merge(carried(next), 0)
        assert.equal(set.root !== before, news || raised.length > 0)
        assert.deepEqual(set.merge(carried(next), 0).news, false)
      }),
    )
  })

  it('holds one entry for each origin and one fence for each prefix, however many came', () => {
    fc.assert(
      fc.property(fc.array(anyEntry, { minLength: 30, maxLength: 60 }), (merged) => {
        const set = setOf(merged)
        const origins = new Set(merged.map(({ body }) => body.origin))
        const fenced = new Set(
          merged.flatMap(({ body }) =>
            body.kind === 'tombstone' ? body.fences.map(({ prefix }) => prefix.text) : [],
          ),
        )
        assert.equal(set.size + set.tombstones, origins.size)
        assert.equal(set.fences, fenced.size)
        assert.ok(set.allCarried(0).length <= origins.size + fenced.size)
      }),
      { numRuns: 30 },
    )
  })

  it('has for each prefix the highest fence of exactly that prefix', () => {
    fc.assert(
      fc.property(entries, crowdedSubnet, (merged, asked) => {
        let highest = 0
        for (const { body } of merged) {
          if (body.kind !== 'tombstone') continue
          for (const { prefix, fence } of body.fences) {
            if (prefix.text === asked.text) highest = Math.max(highest, fence)
          }
        }
        assert.equal(setOf(merged).fenceOf(asked), highest)
      }),
    )
  })
})

describe('the order of two entries of one origin', () => {
  it('is total', () => {
    const two = anyEntry.chain((a) =>
      fc.tuple(
        fc.constant(a),
        anyEntry.filter((b) => b.body.origin === a.body.origin),
      ),
    )
    fc.assert(
      fc.property(two, ([a, b]) => {
        assert.equal(supersedes(a, b) && supersedes(b, a), false)
        assert.equal(supersedes(a, b) || supersedes(b, a), a.hash !== b.hash)
      }),
      { numRuns: 30 },
    )
  })

  const node = nodeOf(1)
  const at = (incarnation: number, seqno: number, name = 'a') =>
    node.seal(recordOf(node, { name, version: { incarnation, seqno } }))

  it('has the incarnation before the seqno', () => {
    assert.ok(supersedes(at(2, 1), at(1, 9)))
    assert.ok(supersedes(at(2, 2), at(2, 1)))
  })

  it('has a tombstone before a record of the same version', () => {
    const record = recordOf(node)
    const tombstone = nodeOf(2).seal(tombstoneOf(record, nodeOf(2).id))
    assert.ok(supersedes(tombstone, node.seal(record)))
    assert.ok(!supersedes(node.seal(record), tombstone))
  })

  it('tells twins by the lower hash, and calls them twins', () => {
    const [low, high] = [at(1, 1, 'a'), at(1, 1, 'b')].sort((a, b) => (a.hash < b.hash ? -1 : 1))
    assert.ok(low && high)
    for (const order of [
      [low, high],
      [high, low],
    ]) {
      const set = new RecordSet(tombstoneMs)
      const merges = order.map((entry) => set.merge(carried(entry), 0))
      assert.deepEqual(
        merges.map(({ twin }) => twin),
        [false, true],
      )
      assert.equal(set.get(node.id)?.hash, low.hash)
    }
  })
})

describe('a tombstone', () => {
  const node = nodeOf(1)
  const record = recordOf(node, { claims: [claimOf('172.16.4.0/22')] })
  const left = node.seal(tombstoneOf(record))

  it('is forgotten when its remainder is over; its fence stays', () => {
    const set = setOf([node.seal(record)])
    set.merge(carried(left, 1_000), 500)
    assert.deepEqual([set.size, set.tombstones, set.fences], [0, 1, 1])
    assert.equal(set.nextExpiry(), 1_500)
    set.collect(1_499)
    assert.equal(set.tombstones, 1)
    set.collect(1_500)
    assert.deepEqual([set.size, set.tombstones, set.fences], [0, 0, 1])
    assert.equal(set.nextExpiry(), never)
    assert.equal(set.fenceOf(prefixOf('172.16.4.0/22')), 1)
  })

  it('is kept no longer than this node keeps its own', () => {
    const set = new RecordSet(tombstoneMs)
    set.merge(carried(left, tombstoneMs * 10), 0)
    assert.equal(set.nextExpiry(), tombstoneMs)
  })

  it('travels with what remains of it', () => {
    const set = new RecordSet(tombstoneMs)
    set.merge(carried(left, 1_000), 0)
    assert.equal(set.carried(node.id, 400)?.remainMs, 600)
    assert.equal(set.carried('172.16.4.0/22', 400)?.remainMs, 600)
    set.collect(1_000)
    assert.equal(set.carried(node.id, 1_000), undefined)
    assert.equal(set.carried('172.16.4.0/22', 1_000)?.remainMs, 0)
  })

  it('that is over elsewhere brings its fences and ends nobody', () => {
    const newer = node.seal({ ...record, version: { incarnation: 2, seqno: 1 } })
    const set = setOf([newer])
    const { news, raised } = set.merge(carried(left, 0), 0)
    assert.equal(news, false)
    assert.deepEqual(
      raised.map(({ text }) => text),
      ['172.16.4.0/22'],
    )
    assert.equal(set.record(node.id)?.version.incarnation, 2)
  })

  it('is outlived by a record of a later incarnation, and then needs no collecting', () => {
    const set = setOf([left, node.seal({ ...record, version: { incarnation: 2, seqno: 1 } })])
    assert.equal(set.nextExpiry(), never)
    set.collect(never)
    assert.equal(set.size, 1)
  })

  it('leaves the same digest wherever it was collected', () => {
    fc.assert(
      fc.property(entries, (merged) => {
        const one = setOf(merged)
        const other = setOf([...merged].reverse())
        one.collect(tombstoneMs)
        other.collect(tombstoneMs)
        assert.deepEqual(stateOf(one), stateOf(other))
        assert.equal(one.tombstones, 0)
      }),
    )
  })
})

describe('a record set of 4096 nodes', () => {
  it('takes one changed record in a small part of the time that it took to fill', () => {
    const full = Array.from({ length: 4096 }, (_, index) => nodeOf(index + 1)).map((node) =>
      entryOf(node.id, 1),
    )
    const set = new RecordSet(tombstoneMs)
    const fill = milliseconds(() => {
      for (const entry of full) set.merge(carried(entry), 0)
    })
    const changes = Array.from({ length: 50 }, (_, index) => entryOf(nodeOf(1).id, index + 2))
    const change = milliseconds(() => {
      for (const entry of changes) set.merge(carried(entry), 0)
    })
    assert.equal(set.size, 4096)
    // So one change costs less than a fiftieth of the filling. It should be a four-thousandth.
    assert.ok(change < fill, `${change} ms for 50 changes, ${fill} ms for 4096 records`)
  })

  /** Signing would cost more than what is measured. */
  function entryOf(origin: Entry['body']['origin'], seqno: number): Entry {
    const body = { ...recordOf(nodeOf(1)), origin, version: { incarnation: 1, seqno } }
    const hash = (seqno * 2 ** 20 + origin.charCodeAt(20)).toString(16).padStart(64, '7')
    return { body, envelope: new Uint8Array(), hash }
  }
})

function milliseconds(work: () => void): number {
  const startedAt = performance.now()
  work()
  return performance.now() - startedAt
}

describe('a set that is as large as it may be', () => {
  const limits = { nodes: 2, remembered: 2, isOurs: ({ length }: Prefix) => length === 22 }
  const ended = (number: number, prefix: string, fence = 0) => {
    const node = nodeOf(number)
    return node.seal(tombstoneOf(recordOf(node, { claims: [claimOf(prefix, { fence })] })))
  }

  it('has no room for more, and room again when one is gone', () => {
    const set = new RecordSet(tombstoneMs, limits)
    assert.ok(set.hasRoom('record') && set.hasRoom('tombstone'))
    for (const number of [1, 2])
      set.merge(carried(nodeOf(number).seal(recordOf(nodeOf(number)))), 0)
    assert.ok(!set.hasRoom('record'))
    assert.ok(set.takes(nodeOf(1).id) && set.takes('172.16.0.0/22') && !set.takes(nodeOf(3).id))
    set.remove(nodeOf(1).id)
    assert.ok(set.hasRoom('record') && set.takes(nodeOf(3).id))
  })

  it('remembers who ends in place of who ended first, and the fences of both', () => {
    const set = new RecordSet(tombstoneMs, limits)
    for (const [index, number] of [1, 2, 3].entries()) {
      set.merge(carried(ended(number, '172.16.0.0/22', index), 1_000 + index), 0)
    }
    assert.deepEqual([set.tombstones, set.fences], [2, 1])
    assert.equal(set.get(nodeOf(1).id), undefined)
    assert.equal(set.fenceOf(prefixOf('172.16.0.0/22')), 3)
    assert.deepEqual(
      set.root,
      setOf([ended(2, '172.16.0.0/22', 1), ended(3, '172.16.0.0/22', 2)]).root,
    )
  })

  it('gives up fences of prefixes that nobody here claims for those of its own pools', () => {
    const set = new RecordSet(tombstoneMs, limits)
    for (const [number, prefix] of [
      [1, '10.0.0.0/8'],
      [2, '172.16.0.0/22'],
      [3, '11.0.0.0/8'],
    ] as const) {
      set.merge(carried(ended(number, prefix), 0), 0)
    }
    assert.deepEqual([set.fences, set.fenceOf(prefixOf('11.0.0.0/8'))], [2, 0])
    set.merge(carried(ended(4, '172.16.4.0/22'), 0), 0)
    assert.equal(set.fences, 2)
    assert.equal(set.fenceOf(prefixOf('172.16.0.0/22')), 1)
    assert.equal(set.fenceOf(prefixOf('172.16.4.0/22')), 1)
    assert.equal(set.fenceOf(prefixOf('10.0.0.0/8')), 0)
    set.merge(carried(ended(5, '172.16.8.0/22'), 0), 0)
    assert.equal(set.fences, 2)
  })
})
