/** A node's Ed25519 key pair (RFC 8032): the one that libp2p authenticates it by also signs what it says. */

import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'
import { base58btc } from 'multiformats/bases/base58'
import type { Body, Entry, NodeId, Seal } from '../core/claim/record.ts'
import { encodeBody, encodeEnvelope } from './body.ts'

export interface KeyPair {
  readonly id: NodeId
  readonly privateKey: KeyObject
  /** 32 bytes; libp2p derives the same key pair from it. */
  readonly seed: Uint8Array
  /** 32 bytes. */
  readonly publicKey: Uint8Array
}

// RFC 8410: the fixed DER that stands before the 32 raw bytes of an Ed25519 key.
const pkcs8Header = Buffer.from('302e020100300506032b657004220420', 'hex')
const spkiHeader = Buffer.from('302a300506032b6570032100', 'hex')
// libp2p peer id: identity multihash of the protobuf {Type: Ed25519, Data: 32 bytes}.
const peerIdHeader = Buffer.from('002408011220', 'hex')

export function keyPairFromSeed(seed: Uint8Array): KeyPair {
  const der = Buffer.concat([pkcs8Header, seed])
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  const publicKey = new Uint8Array(spki.subarray(spkiHeader.length))
  return { id: nodeIdOf(publicKey), privateKey, seed: new Uint8Array(seed), publicKey }
}

/** The peer id of a raw 32-byte public key. */
export function nodeIdOf(publicKey: Uint8Array): NodeId {
  return base58btc.baseEncode(Buffer.concat([peerIdHeader, publicKey])) as NodeId
}

/** Whether the text is the peer id of an Ed25519 key. */
export function isNodeId(written: string): written is NodeId {
  try {
    const bytes = base58btc.baseDecode(written)
    return bytes.length === peerIdHeader.length + 32 && nodeIdOf(bytes.slice(-32)) === written
  } catch {
    // Characters outside of base58.
    return false
  }
}

export function sealer(keys: KeyPair): Seal {
  return <B extends Body>(body: B): Entry<B> => {
    const payload = encodeBody(body)
    const signature = sign(null, payload, keys.privateKey)
    const envelope = encodeEnvelope({ payload, publicKey: keys.publicKey, signature })
    return { body, envelope, hash: hashOf(envelope) }
  }
}

/** Who signs with a raw 32-byte public key. */
export class Author {
  readonly id: NodeId
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  #key: KeyObject | undefined

  constructor(publicKey: Uint8Array) {
    this.id = nodeIdOf(publicKey)
    this.publicKey = publicKey
  }

  /** Made when it is asked for: it costs more than reading what was signed, and memory that no heap counts. */
  get key(): KeyObject {
    this.#key ??= createPublicKey({
      key: Buffer.concat([spkiHeader, this.publicKey]),
      format: 'der',
      type: 'spki',
    })
    return this.#key
  }
}

export const isSigned = (payload: Uint8Array, author: Author, signature: Uint8Array): boolean =>
  verify(null, payload, author.key, signature)

export const hashOf = (envelope: Uint8Array): string => hash('sha256', envelope, 'hex')
