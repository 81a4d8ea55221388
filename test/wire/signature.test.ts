/** Keys, ids and signatures are those of libp2p. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import fc from 'fast-check'
import { encodeBody } from '../../src/wire/body.ts'
import { Author, isSigned, keyPairFromSeed, nodeIdOf, sealer } from '../../src/wire/signature.ts'
import { nodeOf, recordOf } from '../core/specimens.ts'

const seed = fc.uint8Array({ minLength: 32, maxLength: 32 })

describe('a key pair from a seed', () => {
  it('has the peer id and the public key that libp2p derives', async () => {
    await fc.assert(
      fc.asyncProperty(seed, async (bytes) => {
        const ours = keyPairFromSeed(bytes)
        const theirs = await generateKeyPairFromSeed('Ed25519', bytes)
        // An Ed25519 key prints as the peer id that is made of it.
        assert.equal(ours.id, theirs.publicKey.toString())
        assert.deepEqual(ours.publicKey, new Uint8Array(theirs.publicKey.raw))
        assert.deepEqual(ours.seed, bytes)
      }),
      { numRuns: 30 },
    )
  })

  it('signs what libp2p verifies, and verifies what libp2p signed', async () => {
    await fc.assert(
      fc.asyncProperty(seed, fc.uint8Array({ maxLength: 100 }), async (bytes, payload) => {
        const ours = keyPairFromSeed(bytes)
        const theirs = await generateKeyPairFromSeed('Ed25519', bytes)
        const signature = await theirs.sign(payload)
        assert.ok(isSigned(payload, new Author(ours.publicKey), signature))
        const other = new Uint8Array([...payload, 0])
        assert.ok(!isSigned(other, new Author(ours.publicKey), signature))
      }),
      { numRuns: 20 },
    )
  })

  it('seals with a signature that libp2p accepts', async () => {
    const node = nodeOf(1)
    const record = recordOf(node)
    const { envelope } = sealer(node.keys)(record)
    const theirs = await generateKeyPairFromSeed('Ed25519', node.keys.seed)
    const payload = encodeBody(record)
    const signature = envelope.subarray(envelope.length - 64)
    assert.ok(await theirs.publicKey.verify(payload, signature))
  })

  it('has an id from which its order among nodes follows', () => {
    assert.equal(nodeIdOf(nodeOf(1).keys.publicKey), nodeOf(1).id)
    assert.match(nodeOf(1).id, /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/)
  })
})
