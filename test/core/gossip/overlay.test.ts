/** Whom nodes connect to, judged by the graph that results. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NodeId } from '../../../src/core/claim/record.ts'
import { fullMeshMax, neighbours } from '../../../src/core/gossip/overlay.ts'
import { nodesInOrder } from '../specimens.ts'

const idsOf = (count: number): NodeId[] => nodesInOrder(count).map(({ id }) => id)

type Graph = ReadonlyMap<NodeId, ReadonlySet<NodeId>>

const graphOf = (members: readonly NodeId[]): Graph =>
  new Map(members.map((self) => [self, new Set(neighbours(self, members))]))

/** Steps from the first member to each that can be reached. */
function distances(graph: Graph): Map<NodeId, number> {
  const [start] = graph.keys()
  assert.ok(start)
  const found = new Map([[start, 0]])
  // A Map is walked in order of insertion, also what is inserted on the way.
  for (const [node, distance] of found) {
    for (const next of graph.get(node) ?? []) if (!found.has(next)) found.set(next, distance + 1)
  }
  return found
}

const degrees = (graph: Graph): number[] => [...graph.values()].map(({ size }) => size)

describe('the overlay', () => {
  it(`connects everybody to everybody up to ${fullMeshMax} nodes`, () => {
    for (const count of [1, 2, 3, fullMeshMax]) {
      const members = idsOf(count)
      for (const self of members) {
        assert.deepEqual(
          neighbours(self, members),
          members.filter((id) => id !== self),
        )
      }
    }
  })

  for (const count of [fullMeshMax + 1, 100, 1_000]) {
    const members = idsOf(count)
    const graph = graphOf(members)

    it(`of ${count} nodes is symmetric and has no loops`, () => {
      for (const [self, others] of graph) {
        assert.ok(!others.has(self))
        for (const other of others) assert.ok(graph.get(other)?.has(self), `${self} ${other}`)
      }
    })

    it(`of ${count} nodes is connected, in few steps`, () => {
      const found = distances(graph)
      assert.equal(found.size, count)
      assert.ok(Math.max(...found.values()) <= 8)
    })

    it(`of ${count} nodes gives every node watchers, and none too many`, () => {
      const all = degrees(graph)
      assert.ok(Math.min(...all) >= 4)
      assert.ok(Math.max(...all) <= 24, `${Math.max(...all)}`)
    })
  }

  it('does not depend on the order of the list, nor on whether a node lists itself', () => {
    const members = idsOf(100)
    const [self] = members
    assert.ok(self)
    const expected = neighbours(self, members)
    assert.deepEqual(neighbours(self, [...members].reverse()), expected)
    assert.deepEqual(neighbours(self, [...members.slice(1), ...members.slice(1)]), expected)
  })

  it('moves few connections when one of 1000 nodes comes or goes', () => {
    const members = idsOf(1_000)
    const newcomer = members[500]
    assert.ok(newcomer)
    const without = graphOf(members.filter((id) => id !== newcomer))
    const all = graphOf(members)
    let moved = 0
    for (const [self, before] of without) {
      const after = all.get(self) ?? new Set()
      moved += [...before].filter((id) => !after.has(id)).length
      moved += [...after].filter((id) => id !== newcomer && !before.has(id)).length
    }
    // Two neighbours on each side drift apart by one place: three pairs, seen from both ends.
    assert.ok(moved <= 6, `${moved}`)
    assert.ok((all.get(newcomer)?.size ?? 0) <= 24)
  })
})
