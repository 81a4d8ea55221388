/** Connections of nodes that need a certificate. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Credentials } from '../../../src/adapters/libp2p/certified.ts'
import { ascendingKeys, gossipReady, node } from './cluster.ts'

const pass = new Uint8Array([1, 2, 3])

const credentials = (
  own: Uint8Array | undefined,
  required: boolean,
  more: Partial<Credentials> = {},
): { credentials: Credentials } => ({
  credentials: {
    required,
    own: () => own,
    refusal: (_peer, shown) =>
      !required || Buffer.compare(shown, pass) === 0 ? '' : 'it has no certificate',
    ...more,
  },
})

const [low, high] = ascendingKeys(2) as [
  ReturnType<typeof ascendingKeys>[0],
  ReturnType<typeof ascendingKeys>[0],
]

describe('a node that needs certificates', () => {
  it('connects to one that has one, and both speak', async (t) => {
    const b = await node(t, high, credentials(pass, true))
    const a = await node(t, low, {
      ...credentials(pass, true),
      seeds: [`127.0.0.1:${b.port}`],
    })
    await Promise.all([a.connected(b), b.connected(a)])
    await gossipReady(a, b)
  })

  for (const [who, dials] of [
    ['that comes to it', false],
    ['that it comes to', true],
  ] as const) {
    it(`connects to one ${who} and needs none itself, where that one has one`, async (t) => {
      const b = await node(t, high, credentials(pass, !dials))
      const a = await node(t, low, {
        ...credentials(pass, dials),
        seeds: [`127.0.0.1:${b.port}`],
      })
      await Promise.all([a.connected(b), b.connected(a)])
    })
  }

  it('refuses one that has none, which hears why, and no word passes between them', async (t) => {
    const b = await node(t, high, credentials(pass, true))
    const a = await node(t, low, {
      ...credentials(undefined, false),
      seeds: [`127.0.0.1:${b.port}`],
    })
    const { trouble } = await a.event('trouble-reported')
    assert.deepEqual([trouble.code, trouble.reason], ['not-admitted', 'it has no certificate'])
    const refused = await b.event('peer-refused')
    assert.equal(refused.peer, a.id)
    assert.match(refused.address, /^127\.0\.0\.1:[0-9]+$/)
    assert.equal(refused.certificate.length, 0)
    assert.deepEqual([...a.of('peer-connected'), ...b.of('peer-connected')], [])
  })

  it('refuses one that knows nothing of certificates', async (t) => {
    const b = await node(t, high, credentials(pass, true))
    const a = await node(t, low, { seeds: [`127.0.0.1:${b.port}`] })
    await a.event('trouble-reported')
    assert.deepEqual([...a.of('peer-connected'), ...b.of('peer-connected')], [])
  })

  it('lets one in that gets its certificate later', async (t) => {
    let own: Uint8Array | undefined
    const b = await node(t, high, credentials(pass, true))
    const a = await node(t, low, {
      ...credentials(undefined, true, { own: () => own }),
      seeds: [`127.0.0.1:${b.port}`],
    })
    await b.event('peer-refused')
    own = pass
    await Promise.all([a.connected(b), b.connected(a)])
  })

  it('puts one out that is not admitted any more', async (t) => {
    let admits = true
    const refusal = () => (admits ? '' : 'the operator revoked it')
    const b = await node(t, high, credentials(pass, true, { refusal }))
    const a = await node(t, low, {
      ...credentials(pass, true),
      seeds: [`127.0.0.1:${b.port}`],
    })
    await Promise.all([a.connected(b), b.connected(a)])
    admits = false
    b.transport.disconnect(a.id)
    await Promise.all([a.disconnected(b), b.disconnected(a)])
    await b.event('peer-refused')
    assert.equal(b.of('peer-connected').length, 1)
  })
})
