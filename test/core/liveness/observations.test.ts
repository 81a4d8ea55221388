/** What follows from what nodes say of each other. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Failing, NodeId, Observed } from '../../../src/core/claim/record.ts'
import { type Liveness, Observations } from '../../../src/core/liveness/observations.ts'
import { nodesInOrder } from '../specimens.ts'

const [a, b, c, d, x, y] = nodesInOrder(6).map(({ id }) => id) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
  NodeId,
  NodeId,
]
const everybody = [a, b, c, d, x, y]

/** A cluster in which every node has incarnation 1 until it refutes. */
class Cluster {
  readonly incarnations = new Map<NodeId, number>(everybody.map((node) => [node, 1]))
  readonly said = new Map<NodeId, Observed[]>()
  readonly observations = new Observations((node) => this.incarnations.get(node))

  says(author: NodeId, state: Failing, ...nodes: readonly NodeId[]): this {
    const words = nodes.map((node) => ({
      node,
      incarnation: this.incarnations.get(node) ?? 0,
      observer: this.incarnations.get(author) ?? 0,
      state,
    }))
    const kept = (this.said.get(author) ?? []).filter(({ node }) => !nodes.includes(node))
    this.said.set(author, [...kept, ...words])
    this.observations.update(author, this.said.get(author) ?? [])
    return this
  }

  refutes(node: NodeId): this {
    this.incarnations.set(node, (this.incarnations.get(node) ?? 0) + 1)
    this.observations.update(node, this.said.get(node) ?? [])
    return this
  }

  state(node: NodeId, loner?: NodeId): Liveness {
    return this.observations.state(node, loner)
  }
}

describe('what nodes say of each other', () => {
  it('needs two of them', () => {
    const cluster = new Cluster().says(a, 'host-down', x)
    assert.equal(cluster.state(x), 'suspect')
    assert.equal(cluster.says(b, 'host-down', x).state(x), 'host-down')
  })

  it('says that a host is silent only where most of them find it so', () => {
    const cluster = new Cluster().says(a, 'host-down', x).says(b, 'agent-down', x)
    assert.equal(cluster.state(x), 'agent-down')
    assert.equal(cluster.says(c, 'displaced', x).state(x), 'host-down')
    assert.equal(cluster.says(d, 'displaced', x).says(b, 'displaced', x).state(x), 'displaced')
  })

  it('is refuted by a higher incarnation, until it is said of that one', () => {
    const cluster = new Cluster().says(a, 'host-down', x).says(b, 'host-down', x).refutes(x)
    assert.equal(cluster.state(x), 'alive')
    cluster.says(a, 'host-down', x).says(b, 'host-down', x)
    assert.equal(cluster.state(x), 'host-down')
  })

  it('of an incarnation that nobody has heard of is nothing', () => {
    const cluster = new Cluster()
    const word = {
      node: x,
      incarnation: 2 ** 52,
      observer: 1,
      state: 'host-down',
    } as const
    cluster.observations.update(a, [word])
    cluster.observations.update(b, [word])
    assert.equal(cluster.state(x), 'alive')
  })

  it('turns no route away by the word of one, whatever it says and however often', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.constantFrom<Failing>('host-down', 'displaced', 'agent-down'),
            fc.subarray(everybody),
          ),
        ),
        (words) => {
          const cluster = new Cluster()
          for (const [state, nodes] of words) {
            cluster.says(a, state, ...nodes)
            for (const node of everybody) {
              assert.ok(['alive', 'suspect'].includes(cluster.state(node)))
            }
          }
        },
      ),
    )
  })

  it('is believed by a loner alone', () => {
    const cluster = new Cluster().says(a, 'host-down', b, c, d, x, y)
    assert.equal(cluster.state(x), 'suspect')
    assert.equal(cluster.state(x, a), 'host-down')
  })

  it('is judged alike whatever the order in which it is heard', () => {
    const words = [
      [a, 'host-down', x],
      [b, 'displaced', x],
      [c, 'host-down', x],
      [x, 'host-down', a],
      [y, 'host-down', a],
      [b, 'agent-down', y],
      [d, 'host-down', y],
    ] as const
    const judge = (order: readonly (readonly [NodeId, Failing, NodeId])[]) => {
      const cluster = new Cluster()
      for (const [author, state, node] of order) cluster.says(author, state, node)
      return everybody.map((node) => cluster.state(node))
    }
    const expected = judge(words)
    fc.assert(
      fc.property(fc.shuffledSubarray([...words], { minLength: words.length }), (order) => {
        assert.deepEqual(judge(order), expected)
      }),
    )
  })

  it('names every node that is judged otherwise', () => {
    const anyWord = fc.record({
      author: fc.constantFrom(...everybody),
      nodes: fc.subarray(everybody),
      refutes: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(anyWord, { maxLength: 20 }), (steps) => {
        const cluster = new Cluster()
        for (const { author, nodes, refutes } of steps) {
          const before = new Map(everybody.map((node) => [node, cluster.state(node)]))
          if (refutes) {
            const incarnation = (cluster.incarnations.get(author) ?? 0) + 1
            cluster.incarnations.set(author, incarnation)
          }
          const words = nodes.map((node) => ({
            node,
            incarnation: cluster.incarnations.get(node) ?? 0,
            observer: cluster.incarnations.get(author) ?? 0,
            state: 'host-down' as const,
          }))
          const touched = cluster.observations.update(author, words)
          for (const node of everybody) {
            if (cluster.state(node) !== before.get(node)) assert.ok(touched.has(node))
          }
        }
      }),
    )
  })
})

describe('two halves that missed each other', () => {
  const left = [a, b, c]
  const right = [d, x, y]
  const parted = (): Cluster => {
    const cluster = new Cluster()
    for (const author of left) cluster.says(author, 'host-down', ...right)
    for (const author of right) cluster.says(author, 'host-down', ...left)
    return cluster
  }

  it('miss nobody once they hear of each other', () => {
    const cluster = parted()
    for (const node of everybody) assert.equal(cluster.state(node), 'alive')
  })

  it('miss nobody while they refute it, in whatever order', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(everybody, { minLength: everybody.length }), (order) => {
        const cluster = parted()
        for (const refuter of order) {
          cluster.refutes(refuter)
          for (const node of everybody) {
            assert.ok(['alive', 'suspect'].includes(cluster.state(node)), cluster.state(node))
          }
        }
      }),
    )
  })

  it('miss whom both have missed once they have looked again', () => {
    const cluster = new Cluster()
    for (const author of [a, b]) cluster.says(author, 'host-down', c, d, x)
    for (const author of [c, d]) cluster.says(author, 'host-down', a, b, x)
    assert.equal(cluster.state(x), 'alive', 'for a moment nobody knows')
    for (const node of [a, b, c, d]) cluster.refutes(node)
    for (const node of [a, d]) cluster.says(node, 'host-down', x)
    assert.equal(cluster.state(x), 'host-down')
  })
})
