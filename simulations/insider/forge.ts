/** Records and tombstones that are well signed, whatever they say. */

import { base58btc } from 'multiformats/bases/base58'
import type { Claim, Entry, NodeId, NodeRecord, Tombstone } from '../../src/core/claim/record.ts'
import { tombstoneOf } from '../../src/core/claim/tombstone.ts'
import type { Pool } from '../../src/core/ip/pool.ts'
import { encodeBody, encodeEnvelope } from '../../src/wire/body.ts'
import { type KeyPair, keyPairFromSeed, sealer } from '../../src/wire/signature.ts'
import { addressOf, prefixOf } from '../literal.ts'

/** Where an attacker stands. */
export interface Ground {
  readonly cluster: string
  readonly port: number
  /** Of its host. */
  readonly address: string
  readonly pool: Pool
  /** The one identity that the operator admitted. */
  readonly membership?: {
    readonly node: NodeId
    readonly name: string
    readonly certificate: Uint8Array
  }
  bytes(count: number): Uint8Array
  wallMs(): number
}

export class Forge {
  readonly ground: Ground
  #seqno = 0

  constructor(ground: Ground) {
    this.ground = ground
  }

  newKeys(): KeyPair {
    return keyPairFromSeed(this.ground.bytes(32))
  }

  /** A plain record with a next hop of the attacker's host, but for `more`. */
  record(keys: KeyPair, more: Partial<NodeRecord> = {}): Entry<NodeRecord> {
    this.#seqno += 1
    const { cluster, address, port, pool, membership } = this.ground
    const name = membership?.node === keys.id ? membership.name : `x-${keys.id.slice(-6)}`
    return sealer(keys)({
      kind: 'record',
      origin: keys.id,
      cluster,
      // Newer than all that it said before.
      version: { incarnation: 1, seqno: this.#seqno },
      name,
      bootedAtMs: this.ground.wallMs(),
      nextHops: [addressOf(address)],
      addresses: [`/ip4/${address}/tcp/${port}`],
      pools: [pool],
      claims: [],
      extras: [],
      exclusions: [],
      witnessed: [],
      observed: [],
      kept: [],
      awarded: [],
      draining: false,
      software: 'hostile',
      ...this.#certificateOf(keys),
      ...more,
    })
  }

  /** Ends a record, by whoever has `keys`. */
  end(keys: KeyPair, record: Entry<NodeRecord>, reason: Tombstone['reason'] = 'evicted'): Entry {
    return sealer(keys)(
      tombstoneOf(record, { reason, author: keys.id, ...this.#certificateOf(keys) }),
    )
  }

  /** Ends a record that its node never signed. */
  endFalsely(keys: KeyPair, record: NodeRecord): Entry {
    const signature = Buffer.alloc(64, 1)
    const publicKey = base58btc.baseDecode(record.origin).slice(-32)
    const envelope = encodeEnvelope({ payload: encodeBody(record), publicKey, signature })
    return this.end(keys, { body: record, envelope, hash: '' })
  }

  #certificateOf({ id }: KeyPair): { certificate?: Uint8Array } {
    const { membership } = this.ground
    return membership?.node === id ? { certificate: membership.certificate } : {}
  }

  claim(prefix: string, more: Partial<Claim> = {}): Claim {
    return {
      prefix: prefixOf(prefix),
      fence: 0,
      state: 'confirmed',
      used: true,
      confirmedAtMs: this.ground.wallMs(),
      ...more,
    }
  }
}

/** The n-th subnet of the usual pool, from its end: where no honest host of a test is. */
export function farSubnet(n: number): string {
  const at = 1_023 - n
  return `172.${16 + (at >> 6)}.${(at & 63) << 2}.0/22`
}

/** Signed by nobody: its signature is another one's bytes. */
export function forged(forge: Forge, keys: KeyPair, salt: number): Uint8Array {
  const { body } = forge.record(keys, { version: { incarnation: 2, seqno: salt } })
  const signature = Buffer.alloc(64, salt & 255)
  return encodeEnvelope({ payload: encodeBody(body), publicKey: keys.publicKey, signature })
}
