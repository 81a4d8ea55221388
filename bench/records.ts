/** Records of made-up nodes. */

import { addressOf, prefixOf } from '../simulations/literal.ts'
import type { Entry, NodeId, NodeRecord } from '../src/core/claim/record.ts'
import type { Pool } from '../src/core/ip/pool.ts'

export const cluster = 'starling'
export const pools: readonly Pool[] = [{ prefix: prefixOf('172.16.0.0/12'), subnetLength: 24 }]

/** Node number `index`, at 10.0.x.y. */
export function recordOf(index: number, more: Partial<NodeRecord> = {}): NodeRecord {
  const nextHop = addressOf(`10.0.${1 + (index >> 8)}.${index & 255}`)
  return {
    kind: 'record',
    origin: originOf(index),
    cluster,
    version: { incarnation: 1, seqno: 1 },
    name: `node-${index}`,
    bootedAtMs: 1_000,
    nextHops: [nextHop],
    addresses: [`/ip4/${nextHop.text}/tcp/7871`],
    pools,
    claims: [claimOf(index)],
    extras: [],
    exclusions: [],
    witnessed: [],
    observed: [],
    kept: [],
    awarded: [],
    draining: false,
    software: 'bench',
    ...more,
  }
}

/** Not signed: that costs more than what the core does with it. */
export function unsigned(body: NodeRecord): Entry<NodeRecord> {
  const seed = hashOf(`${body.origin} ${body.version.incarnation} ${body.version.seqno}`)
  return { body, envelope: new Uint8Array(), hash: seed.toString(16).padStart(64, '7') }
}

const claimOf = (index: number) => ({
  prefix: prefixOf(`172.${16 + (index >> 8)}.${index & 255}.0/24`),
  fence: 0,
  state: 'confirmed' as const,
  used: true,
  confirmedAtMs: 2_000,
})

/** As long as a real one, and as well spread. */
const originOf = (index: number): NodeId =>
  `12D3KooW${hashOf(String(index)).toString(36).padStart(44, 'x')}` as NodeId

/** FNV-1a. */
function hashOf(text: string): number {
  let value = 2_166_136_261
  for (let at = 0; at < text.length; at += 1) {
    value = Math.imul(value ^ text.charCodeAt(at), 16_777_619)
  }
  return value >>> 0
}
