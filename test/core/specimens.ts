/** Nodes, claims, records and entries for tests, each as plain as it can be unless told otherwise. */

import assert from 'node:assert/strict'
import type {
  Body,
  Claim,
  Entry,
  NodeId,
  NodeRecord,
  Tombstone,
} from '../../src/core/claim/record.ts'
import { tombstoneOf as endOf } from '../../src/core/claim/tombstone.ts'
import { type Address, parseAddress } from '../../src/core/ip/address.ts'
import type { Pool } from '../../src/core/ip/pool.ts'
import { type Prefix, parsePrefix } from '../../src/core/ip/prefix.ts'
import { type KeyPair, keyPairFromSeed, sealer } from '../../src/wire/signature.ts'

export const cluster = 'specimens'

export function prefixOf(text: string): Prefix {
  const parsed = parsePrefix(text)
  assert.ok(parsed, `${text} is no prefix`)
  return parsed
}

export function addressOf(text: string): Address {
  const parsed = parseAddress(text)
  assert.ok(parsed, `${text} is no address`)
  return parsed
}

export const poolOf = (text: string, subnetLength: number): Pool => ({
  prefix: prefixOf(text),
  subnetLength,
})

export const defaultPool = poolOf('172.16.0.0/12', 22)

/** A node with its key, always the same for the same number. Its address is 10.0.x.y by that number. */
export interface Specimen {
  readonly keys: KeyPair
  readonly id: NodeId
  readonly name: string
  readonly nextHop: Address
  seal<B extends Body>(body: B): Entry<B>
}

const specimens = new Map<number, Specimen>()

export function nodeOf(number: number): Specimen {
  const known = specimens.get(number)
  if (known) return known
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(0, number)
  const keys = keyPairFromSeed(seed)
  const made: Specimen = {
    keys,
    id: keys.id,
    name: `node-${number}`,
    nextHop: addressOf(`10.0.${(number >>> 8) + 1}.${number & 255}`),
    seal: sealer(keys),
  }
  specimens.set(number, made)
  return made
}

/** Nodes 1 to `count` by ascending id. */
export const nodesInOrder = (count: number): Specimen[] =>
  Array.from({ length: count }, (_, index) => nodeOf(index + 1)).sort((a, b) =>
    a.id < b.id ? -1 : 1,
  )

export const claimOf = (prefix: string, more: Partial<Claim> = {}): Claim => ({
  prefix: prefixOf(prefix),
  fence: 0,
  state: 'confirmed',
  used: false,
  confirmedAtMs: more.state === 'tentative' ? 0 : 1_600_000_000_000,
  ...more,
})

export const recordOf = (node: Specimen, more: Partial<NodeRecord> = {}): NodeRecord => ({
  kind: 'record',
  origin: node.id,
  cluster,
  version: { incarnation: 1, seqno: 1 },
  name: node.name,
  bootedAtMs: 1_600_000_000_500,
  nextHops: [node.nextHop],
  addresses: [`/ip4/${node.nextHop.text}/tcp/7946`],
  pools: [defaultPool],
  claims: [],
  extras: [],
  exclusions: [],
  witnessed: [],
  observed: [],
  kept: [],
  awarded: [],
  draining: false,
  software: 'test',
  ...more,
})

/** What ends `record`: written by itself, or by `author`. */
export const tombstoneOf = (record: NodeRecord, author?: NodeId): Tombstone =>
  endOf(nodeWith(record.origin).seal(record), {
    reason: author ? 'evicted' : 'left',
    author: author ?? record.origin,
  })

/** One that was asked for before. */
export function nodeWith(id: NodeId): Specimen {
  const found = [...specimens.values()].find((known) => known.id === id)
  if (!found) throw new Error(`no specimen ${id}`)
  return found
}
