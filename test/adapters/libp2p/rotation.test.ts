/** Cluster keys, several at once: who offers what, and who takes it. */

import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { ascendingKeys, node, type TestNode } from './cluster.ts'

const [before, after, foreign] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
]
// The lower one dials.
const [low, high] = ascendingKeys(2) as [
  ReturnType<typeof ascendingKeys>[0],
  ReturnType<typeof ascendingKeys>[0],
]

async function pair(
  t: TestContext,
  dialler: readonly Uint8Array[],
  listener: readonly Uint8Array[],
): Promise<[TestNode, TestNode]> {
  const b = await node(t, high, { clusterKeys: listener })
  const a = await node(t, low, { clusterKeys: dialler, seeds: [`127.0.0.1:${b.port}`] })
  return [a, b]
}

describe('two nodes', () => {
  for (const [name, dialler, listener] of [
    ['one that accepts the new key dials one that knows the old alone', [before, after], [before]],
    ['one that knows the old key alone dials one that accepts the new', [before], [before, after]],
    ['one that offers the new key dials one that accepts it', [after, before], [before, after]],
    ['one that offers the old key dials one that accepts it', [before, after], [after, before]],
    ['one that accepts the old key dials one that knows the new alone', [after, before], [after]],
    ['one that knows the new key alone dials one that accepts the old', [after], [after, before]],
    ['one that offers the new key dials one that knows the old alone', [after, before], [before]],
    ['one that offers the old key dials one that knows the new alone', [before, after], [after]],
    ['one with a third key', [foreign, after, before], [before]],
  ] as const) {
    it(`connect: ${name}`, async (t) => {
      const [a, b] = await pair(t, dialler, listener)
      await Promise.all([a.connected(b), b.connected(a)])
    })
  }

  it('do not connect without a common key, and the one that dials says so', async (t) => {
    const [a, b] = await pair(t, [before], [after, foreign])
    const { trouble } = await a.event('trouble-reported')
    assert.equal(trouble.code, 'handshake-failed')
    assert.deepEqual([...a.of('peer-connected'), ...b.of('peer-connected')], [])
  })
})
