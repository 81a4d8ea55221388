/** What an agent of a later version writes: all that this one does, and fields that this one does not know. */

import { sign } from 'node:crypto'
import type { Body, Entry, Seal } from '../../src/core/claim/record.ts'
import { encodeBody, encodeEnvelope } from '../../src/wire/body.ts'
import { pack, unpack } from '../../src/wire/packing.ts'
import { hashOf, type KeyPair } from '../../src/wire/signature.ts'

export const laterSealer =
  (keys: KeyPair): Seal =>
  <B extends Body>(body: B): Entry<B> => {
    const fields = unpack(encodeBody(body)) as Record<string, unknown>
    const payload = pack({ ...fields, protocol: 2, shoeSize: [38, { half: true }] })
    const signature = sign(null, payload, keys.privateKey)
    const envelope = encodeEnvelope({ payload, publicKey: keys.publicKey, signature })
    return { body, envelope, hash: hashOf(envelope) }
  }
