/**
 * What an agent of a later version writes: all that this one does, and fields that this one does not know. Others know
 * of it what this version's decoder makes of it.
 */

import { sign } from 'node:crypto'
import type { Body, Entry, Seal } from '../../src/core/claim/record.ts'
import { invariant } from '../../src/core/invariant.ts'
import { encodeBody, encodeEnvelope } from '../../src/wire/body.ts'
import { decodeEntry } from '../../src/wire/codec.ts'
import { pack, unpack } from '../../src/wire/packing.ts'
import type { KeyPair } from '../../src/wire/signature.ts'

export const laterSealer =
  (keys: KeyPair): Seal =>
  <B extends Body>(body: B): Entry<B> => {
    const fields = unpack(encodeBody(body)) as Record<string, unknown>
    const payload = pack({ ...fields, protocol: 2, shoeSize: [38, { half: true }] })
    const signature = sign(null, payload, keys.privateKey)
    const decoded = decodeEntry(encodeEnvelope({ payload, publicKey: keys.publicKey, signature }))
    invariant(decoded.ok, 'a later version is read')
    return decoded.value as Entry<B>
  }
