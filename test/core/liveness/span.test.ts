/** Whom a node watches. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { NodeId } from '../../../src/core/claim/record.ts'
import { spanOf } from '../../../src/core/liveness/span.ts'
import { nodesInOrder } from '../specimens.ts'

const ids = nodesInOrder(64).map(({ id }) => id)

/** A ring of which some stand. */
const ring = fc
  .subarray(ids, { minLength: 1 })
  .chain((members) => fc.tuple(fc.constant(members), fc.subarray(members, { minLength: 1 })))
  .map(([members, standing]) => ({ members, standing: new Set(standing) }))

describe('the span of a node', () => {
  it('has the two neighbours that stand on each side, and all that do not before them', () => {
    fc.assert(
      fc.property(ring, ({ members, standing }) => {
        for (const self of standing) {
          const span = spanOf(self, members, (node) => standing.has(node))
          assert.ok(!span.has(self))
          const found = [...span].filter((node) => standing.has(node))
          assert.equal(found.length, Math.min(4, standing.size - 1))
        }
      }),
    )
  })

  it('is mutual among those that stand: who watches is watched', () => {
    fc.assert(
      fc.property(ring, ({ members, standing }) => {
        const stands = (node: NodeId) => standing.has(node)
        for (const self of standing) {
          for (const other of spanOf(self, members, stands)) {
            if (stands(other)) assert.ok(spanOf(other, members, stands).has(self))
          }
        }
      }),
    )
  })

  it('leaves nobody that is gone without watchers: four, or all that are left', () => {
    fc.assert(
      fc.property(ring, ({ members, standing }) => {
        const stands = (node: NodeId) => standing.has(node)
        for (const gone of members.filter((node) => !stands(node))) {
          const watchers = [...standing].filter((self) => spanOf(self, members, stands).has(gone))
          assert.ok(watchers.length >= Math.min(4, standing.size), `${watchers.length}`)
        }
      }),
    )
  })

  it('is known to a node that is not on the ring yet', () => {
    const [self, ...members] = ids
    assert.ok(self)
    assert.deepEqual(
      [...spanOf(self, members, () => true)].sort(),
      [...spanOf(self, ids, () => true)].sort(),
    )
  })

  it('does not grow with the ring', () => {
    for (const self of ids) assert.equal(spanOf(self, ids, () => true).size, 4)
  })
})
