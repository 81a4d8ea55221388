/** Attacks by well-formed words of a member: what a compromised host could say of itself and of others. */

import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import type { Entry, NodeRecord } from '../../src/core/claim/record.ts'
import { bitsOf } from '../../src/core/ip/address.ts'
import type { Prefix } from '../../src/core/ip/prefix.ts'
import { nodeIdOf } from '../../src/wire/signature.ts'
import { addressOf, prefixOf } from '../literal.ts'
import { type Facts, hitLine } from './facts.ts'
import { claimOf, farSubnet, recordOf, tombstoneOf } from './forge.ts'
import { Member, newKeys } from './member.ts'

export type Attack = (facts: Facts) => Promise<void>

const numberMax = Number.MAX_SAFE_INTEGER

export const attacksByRecord: Readonly<Record<string, Attack>> = {
  'extra-inside-another': told(({ facts, member, victims }) => [
    recordOf(facts, member.keys, {
      claims: [claimOf(farSubnet(0))],
      extras: victims.flatMap(({ claims }) => claims.map(({ prefix }) => narrower(prefix, 24))),
    }),
  ]),
  'backdated-claim': told(({ facts, victims }) =>
    victims.map(({ claims }) => {
      const [held] = claims
      if (!held) throw new Error('a victim holds nothing')
      const claim = { ...held, confirmedAtMs: 1, used: true, state: 'confirmed' } as const
      return recordOf(facts, newKeys(), { claims: [claim] })
    }),
  ),
  'eviction-at-the-end': told(({ facts, member, victims }) =>
    ended(victims).map((victim) => evict(facts, member, victim, numberMax, 1)),
  ),
  'high-fences': told(({ facts, member, victims }) =>
    ended(victims).map((victim) => evict(facts, member, victim, 1_000, 2 ** 32)),
  ),
  'next-hop-inside-another': told(({ facts, member, victims }) => [
    recordOf(facts, member.keys, {
      nextHops: victims
        .flatMap(({ claims }) => claims.map(({ prefix }) => inside(prefix, 5)))
        .slice(1, 2),
      claims: [claimOf(farSubnet(0))],
    }),
  ]),
  'broad-pool': told(({ facts, member }) => {
    const pool = { prefix: prefixOf('128.0.0.0/1'), subnetLength: 1 }
    const claim = claimOf('128.0.0.0/1', { confirmedAtMs: 1 })
    return [recordOf(facts, member.keys, { pools: [pool], claims: [claim] })]
  }),
  'fences-over-everything': told(({ facts, member }) => [
    tombstoneOf(facts, member.keys, {
      origin: member.keys.id,
      version: { incarnation: 1, seqno: 2 },
      reason: 'left',
      fences: [{ prefix: prefixOf('0.0.0.0/0'), fence: 2 ** 32 }],
    }),
  ]),
  'many-tombstones': told(function* ({ facts, member }) {
    for (let index = 0; index < 120_000; index += 1) {
      yield tombstoneOf(facts, member.keys, {
        origin: nodeIdOf(randomBytes(32)),
        version: { incarnation: 1, seqno: 1 },
        reason: 'evicted',
        fences: [],
      })
    }
  }),
  'pool-excluded': told(({ facts }) =>
    ['172.16.0.0/13', '172.24.0.0/13'].map((half, index) =>
      recordOf(facts, newKeys(), {
        claims: [claimOf(farSubnet(index))],
        exclusions: [prefixOf(half)],
      }),
    ),
  ),
  'many-identities': told(function* ({ facts }) {
    for (let index = 0; index < 3_000; index += 1) {
      const far = farSubnet(index % 1_000)
      yield recordOf(facts, newKeys(), {
        claims: [claimOf(far, { confirmedAtMs: 1 })],
        extras: Array.from({ length: 8 }, (_, at) =>
          prefixOf(
            `10.${100 + (index >> 7)}.${((index & 127) << 1) + (at >> 2)}.${(at & 3) << 6}/26`,
          ),
        ),
      })
    }
  }),
  'strange-names': told(({ facts, member }) => [
    recordOf(facts, member.keys, {
      name: '\u001b]0;owned\u0007\u202egnp\u200b',
      software: '\u001b[2J\u0000',
      claims: [claimOf(farSubnet(0))],
    }),
  ]),
  'addresses-of-a-victim': told(({ facts }) => {
    const [, sink = ''] = facts.addresses
    for (const port of [facts.port, 80]) sinkPort(sink, port)
    return Array.from({ length: 60 }, (_, index) =>
      recordOf(facts, newKeys(), {
        addresses: [
          `/ip4/${sink}/tcp/${facts.port}`,
          `/ip4/${sink}/tcp/80`,
          `/dns4/victim.example/tcp/80`,
        ],
        claims: [claimOf(farSubnet(index))],
      }),
    )
  }),
  'replayed-records': replayed,
}

interface Scene {
  readonly facts: Facts
  readonly member: Member
  /** Records of the victims that agents know, in the order of the victims' names. */
  readonly victims: readonly NodeRecord[]
}

/** Learns what the first victim knows, and tells every victim that runs the same entries, over one connection each. */
function told(make: (scene: Scene) => Iterable<Entry>): Attack {
  return async (facts) => {
    const member = await Member.start(facts)
    const connections = await reach(facts, member)
    const [first] = connections
    if (!first) throw new Error('no victim answers')
    const known = await member.learn(first)
    const victims = facts.victims.flatMap(
      ({ name }) => known.find((record) => record.name === name) ?? [],
    )
    let last: Entry | undefined
    // Part by part: who signs for half a minute at a time is silent for so long, and thrown out for that.
    for (const part of parts(make({ facts, member, victims }))) {
      last = part.at(-1)
      for (const connection of connections) {
        // Who is thrown out in the middle has been defended against.
        await member.tell(connection, part).catch(() => undefined)
      }
    }
    if (last) await member.publish(last.envelope).catch(() => undefined)
  }
}

function* parts(entries: Iterable<Entry>): Iterable<Entry[]> {
  let part: Entry[] = []
  for (const entry of entries) {
    if (part.push(entry) < 500) continue
    yield part
    part = []
  }
  if (part.length > 0) yield part
}

async function reach(facts: Facts, member: Member) {
  const tries = await Promise.allSettled(
    facts.victims.map(({ address }) => member.connect(address)),
  )
  return tries.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
}

/** The same words of others again and again, the oldest that it heard among them. */
async function replayed(facts: Facts): Promise<void> {
  const member = await Member.start(facts)
  const connections = await reach(facts, member)
  const [first] = connections
  if (!first) throw new Error('no victim answers')
  await member.learn(first)
  const entries = [...member.heard.values()]
  for (let round = 0; round < 200; round += 1) {
    for (const connection of connections) {
      await member.tell(connection, entries).catch(() => undefined)
    }
  }
}

/** A stranger's port, which tells of everybody that connects to it. */
function sinkPort(host: string, port: number): void {
  createServer(() => console.log(hitLine)).listen(port, host)
}

/** The last victim is the one that is down. */
const ended = (victims: readonly NodeRecord[]): readonly NodeRecord[] => victims.slice(-1)

function evict(
  facts: Facts,
  member: Member,
  victim: NodeRecord,
  number: number,
  fence: number,
): Entry {
  return tombstoneOf(facts, member.keys, {
    origin: victim.origin,
    version: { incarnation: number, seqno: number },
    reason: 'evicted',
    fences: victim.claims.map(({ prefix }) => ({ prefix, fence })),
  })
}

function narrower(prefix: Prefix, length: number): Prefix {
  const [address] = prefix.text.split('/')
  return prefixOf(`${address}/${Math.min(length, bitsOf(prefix.family))}`)
}

function inside(prefix: Prefix, offset: number) {
  const [address = ''] = prefix.text.split('/')
  return addressOf(address.replace(/[0-9]+$/, String(offset)))
}
