/** What a problem is shown under. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NodeId } from '../../src/core/claim/record.ts'
import type { Problem, ProblemCode } from '../../src/core/problem.ts'
import { causesOf, follows } from '../../src/core/problem-causes.ts'

const [h1, h2] = ['h1', 'h2'] as unknown as [NodeId, NodeId]
const addressesOf = (node: NodeId) => (node === h1 ? ['/ip4/10.0.1.71/tcp/7871'] : [])
const causes = (...problems: Problem[]) => causesOf(problems, addressesOf)

const uplink: Problem = { code: 'uplink-missing', lack: { type: 'none' } }
const down = (node: NodeId, name: string): Problem => ({
  ...{ code: 'node-down', node, name, state: 'host-down', by: ['h3'] },
})
const seed = (subject: string): Problem => ({ code: 'seed-unreachable', subject, reason: '' })
const alone: Problem = { code: 'joined-alone', waitedMs: 30_000 }

describe('the causes of problems', () => {
  it('make a chain, whatever the order in which they are listed', () => {
    assert.deepEqual(causes(alone, seed('h9'), uplink), [1, 2, undefined])
    assert.deepEqual(causes(uplink, { code: 'route-dead', prefix: '172.16.4.0/22' }), [
      undefined,
      0,
    ])
  })

  it('leave alone what nothing explains', () => {
    assert.deepEqual(causes(seed('h9'), { code: 'clock-unset', node: h1, name: 'h1' }), [
      undefined,
      undefined,
    ])
  })

  it('join a seed to its own node that is down, by host and by host and port', () => {
    for (const subject of ['10.0.1.71', '10.0.1.71:7871']) {
      assert.deepEqual(causes(down(h2, 'h2'), down(h1, 'h1'), seed(subject)), [
        undefined,
        undefined,
        1,
      ])
    }
    assert.deepEqual(causes(down(h2, 'h2'), seed('10.0.1.71')), [undefined, undefined])
    assert.deepEqual(causes(down(h1, 'h1'), seed('10.0.1.7')), [undefined, undefined])
  })

  it('join a refused route to the other pool of its node, and to no other reason', () => {
    const pool: Problem = { code: 'pool-mismatch', node: h2, name: 'h2', theirs: 'x', ours: 'y' }
    const refused = {
      code: 'route-refused',
      prefix: '10.4.0.0/22',
      origin: h2,
      kind: 'claim',
    } as const
    assert.deepEqual(causes(pool, { ...refused, why: 'other-pool' }), [undefined, 0])
    assert.deepEqual(causes(pool, { ...refused, why: 'own-address' }), [undefined, undefined])
    assert.deepEqual(causes(pool, { ...refused, origin: h1, why: 'other-pool' }), [
      undefined,
      undefined,
    ])
  })

  it('never go round in a circle', () => {
    const reached = (code: ProblemCode, seen: readonly ProblemCode[]): void => {
      assert.ok(!seen.includes(code), [...seen, code].join(' -> '))
      for (const { from, to } of follows) {
        if (from === code) for (const next of to) reached(next, [...seen, code])
      }
    }
    for (const { from } of follows) reached(from, [])
  })
})
