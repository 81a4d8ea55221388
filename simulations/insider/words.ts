/** What a compromised member could say of itself and of others: each attack by well-formed words, wherever it is said. */

import {
  type Body,
  type Claim,
  type Entry,
  isRecord,
  type NodeId,
  type NodeRecord,
  recordLimits,
  versionLimits,
} from '../../src/core/claim/record.ts'
import { clockSetMs } from '../../src/core/claim/resolve.ts'
import { address, bitsOf } from '../../src/core/ip/address.ts'
import { type AddressList, packAddresses } from '../../src/core/ip/address-list.ts'
import type { Prefix } from '../../src/core/ip/prefix.ts'
import type { KeyPair } from '../../src/wire/signature.ts'
import { addressOf, prefixOf } from '../literal.ts'
import { type Forge, farSubnet } from './forge.ts'

export interface Scene {
  readonly forge: Forge
  /** The identity that it speaks with. Others are as good as it makes them. */
  readonly self: KeyPair
  /** Records of its victims as others know them. The last one may be down. */
  readonly victims: readonly NodeRecord[]
  /** What it heard of a node, as that one signed it. */
  heard(node: NodeId): Entry | undefined
  /** How often it does what is worse the more often it is done. */
  readonly many: number
}

export type Words = (scene: Scene) => Iterable<Entry>

export const words: Readonly<Record<string, Words>> = {
  'extra-inside-another': ({ forge, self, victims }) => [
    forge.record(self, {
      claims: [forge.claim(farSubnet(0))],
      extras: victims.flatMap(({ claims }) => claims.map(({ prefix }) => narrower(prefix, 24))),
    }),
  ],
  // Used addresses among them, and by its own word.
  'addresses-of-others': ({ forge, self, victims }) => [
    forge.record(self, {
      claims: [forge.claim(farSubnet(0))],
      kept: victims.slice(0, recordLimits.kept).flatMap(({ claims }) => claims.map(firstOf)),
      awarded: victims.flatMap(({ claims }) =>
        claims.map((claim) => ({ node: self.id, ...firstOf(claim) })),
      ),
    }),
  ],
  'backdated-claim': ({ forge, victims }) =>
    victims.map((victim) => forge.record(forge.newKeys(), { claims: [earlier(victim)] })),
  'backdated-by-itself'({ forge, self, victims }) {
    const [victim] = victims
    if (!victim) return []
    const claim = earlier(victim)
    const witnessed = [{ prefix: claim.prefix, holder: self.id }]
    return [forge.record(self, { claims: [claim], witnessed })]
  },
  'backdated-with-witnesses'({ forge, victims }) {
    const [victim] = victims
    if (!victim) return []
    const thief = forge.newKeys()
    const claim = earlier(victim)
    const witnessed = [{ prefix: claim.prefix, holder: thief.id }]
    return [
      forge.record(forge.newKeys(), { witnessed }),
      forge.record(thief, { claims: [claim], witnessed }),
    ]
  },
  'fenced-and-taken': ({ forge, victims }) =>
    victims.slice(-1).flatMap((victim) => {
      const fenced = raised(forge, victim, 3)
      const fence = Math.max(...fenced.flatMap(({ body }) => fencesOf(body)))
      return [...fenced, forge.record(forge.newKeys(), { claims: [{ ...earlier(victim), fence }] })]
    }),
  'false-eviction': ({ forge, self, victims }) =>
    victims.slice(-1).map((victim) =>
      forge.endFalsely(self, {
        ...victim,
        version: { incarnation: versionLimits.version, seqno: versionLimits.version },
      }),
    ),
  'eviction-of-the-absent': ({ forge, self, victims, heard }) =>
    victims.slice(-1).flatMap(({ origin }) => {
      const record = heard(origin)
      return record && isRecord(record) ? [forge.end(self, record)] : []
    }),
  'eviction-of-all': ({ forge, self, victims, heard }) =>
    victims.flatMap(({ origin }) => {
      const record = heard(origin)
      return record && isRecord(record) ? [forge.end(self, record)] : []
    }),
  'high-fences': ({ forge, victims }) =>
    victims
      .slice(-1)
      .flatMap((victim) => raised(forge, victim, Math.ceil(versionLimits.fence / 39))),
  'next-hop-inside-another': ({ forge, self, victims }) => [
    forge.record(self, {
      nextHops: victims
        .flatMap(({ claims }) => claims.map(({ prefix }) => inside(prefix, 5)))
        .slice(1, 2),
      claims: [forge.claim(farSubnet(0))],
    }),
  ],
  'broad-pool'({ forge, self }) {
    const pool = { prefix: prefixOf('128.0.0.0/1'), subnetLength: 1 }
    const claim = forge.claim('128.0.0.0/1', { confirmedAtMs: 1 })
    return [forge.record(self, { pools: [pool], claims: [claim] })]
  },
  'fences-over-everything'({ forge, self }) {
    const pools = [{ prefix: prefixOf('0.0.0.0/0'), subnetLength: 0 }]
    const claims = [forge.claim('0.0.0.0/0', { fence: versionLimits.fence })]
    return [forge.end(self, forge.record(self, { pools, claims }), 'left')]
  },
  *'many-tombstones'({ forge, self, many }) {
    for (let index = 0; index < 6 * many; index += 1) {
      const claims = [forge.claim(farSubnet(index % 1_000))]
      yield forge.end(self, forge.record(forge.newKeys(), { claims }))
    }
  },
  'pool-excluded': ({ forge }) =>
    ['172.16.0.0/13', '172.24.0.0/13'].map((half, index) =>
      forge.record(forge.newKeys(), {
        claims: [forge.claim(farSubnet(index))],
        exclusions: [prefixOf(half)],
      }),
    ),
  *'many-identities'({ forge, many }) {
    for (let index = 0; index < many; index += 1) {
      yield forge.record(forge.newKeys(), {
        claims: [forge.claim(farSubnet(index % 1_000), { confirmedAtMs: 1 })],
        extras: Array.from({ length: 8 }, (_, at) =>
          prefixOf(
            `10.${100 + (index >> 7)}.${((index & 127) << 1) + (at >> 2)}.${(at & 3) << 6}/26`,
          ),
        ),
      })
    }
  },
  'strange-names': ({ forge, self }) => [
    forge.record(self, {
      name: '\u001b]0;owned\u0007\u202egnp\u200b',
      software: '\u001b[2J\u0000',
      claims: [forge.claim(farSubnet(0))],
    }),
  ],
}

/** Used, and confirmed before anybody else's clock was set. */
function earlier({ claims }: NodeRecord): Claim {
  const [held] = claims
  if (!held) throw new Error('a victim holds nothing')
  return { ...held, confirmedAtMs: clockSetMs + 1, used: true, state: 'confirmed' }
}

/** Raises the fence of what the victim holds, step by step, as the highest that is believed is `step` above the last. */
function raised(forge: Forge, victim: NodeRecord, step: number): Entry[] {
  return Array.from({ length: 40 }, (_, index) => {
    const keys = forge.newKeys()
    const fence = Math.min(versionLimits.fence, (index + 1) * step)
    const claims = [{ ...earlier(victim), fence }]
    return forge.end(keys, forge.record(keys, { claims }), 'left')
  })
}

const fencesOf = (body: Body): number[] =>
  body.kind === 'tombstone' ? body.fences.map(({ fence }) => fence) : []

/** A tenth of a subnet. */
const firstOf = ({ prefix }: Claim): AddressList =>
  packAddresses(
    prefix,
    Array.from({ length: 100 }, (_, at) => address(prefix.family, prefix.first + 2n + BigInt(at))),
  )

function narrower(prefix: Prefix, length: number): Prefix {
  const [address] = prefix.text.split('/')
  return prefixOf(`${address}/${Math.min(length, bitsOf(prefix.family))}`)
}

function inside(prefix: Prefix, offset: number) {
  const [address = ''] = prefix.text.split('/')
  return addressOf(address.replace(/[0-9]+$/, String(offset)))
}
