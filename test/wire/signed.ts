/** Envelopes round any payload, signed as they should be: what a member with its own mind could send. */

import { sign } from 'node:crypto'
import { encodeEnvelope } from '../../src/wire/body.ts'
import type { Specimen } from '../core/specimens.ts'

export function signed({ keys }: Specimen, payload: Uint8Array): Uint8Array {
  const signature = sign(null, payload, keys.privateKey)
  return encodeEnvelope({ payload, publicKey: keys.publicKey, signature })
}
