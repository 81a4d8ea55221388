/** Attacks by well-formed words of a member: what a compromised host could say of itself and of others. */

import { createServer } from 'node:net'
import {
  type Body,
  type Claim,
  type Entry,
  isRecord,
  type NodeRecord,
  versionLimits,
} from '../../src/core/claim/record.ts'
import { clockSetMs } from '../../src/core/claim/resolve.ts'
import { bitsOf } from '../../src/core/ip/address.ts'
import type { Prefix } from '../../src/core/ip/prefix.ts'
import { addressOf, prefixOf } from '../literal.ts'
import { type Facts, hitLine } from './facts.ts'
import { claimOf, ended, endedFalsely, farSubnet, recordOf } from './forge.ts'
import { Member, newKeys } from './member.ts'

export type Attack = (facts: Facts) => Promise<void>

export const attacksByRecord: Readonly<Record<string, Attack>> = {
  'extra-inside-another': told(({ facts, member, victims }) => [
    recordOf(facts, member.keys, {
      claims: [claimOf(farSubnet(0))],
      extras: victims.flatMap(({ claims }) => claims.map(({ prefix }) => narrower(prefix, 24))),
    }),
  ]),
  'backdated-claim': told(({ facts, victims }) =>
    victims.map((victim) => recordOf(facts, newKeys(), { claims: [earlier(victim)] })),
  ),
  'backdated-with-witnesses': told(({ facts, victims }) => {
    const [victim] = victims
    if (!victim) return []
    const thief = newKeys()
    const claim = earlier(victim)
    const witnessed = [{ prefix: claim.prefix, holder: thief.id }]
    return [
      recordOf(facts, newKeys(), { witnessed }),
      recordOf(facts, thief, { claims: [claim], witnessed }),
    ]
  }),
  'fenced-and-taken': told(({ facts, victims }) =>
    absentAmong(victims).flatMap((victim) => {
      const fenced = raised(facts, victim, 3)
      const fence = Math.max(...fenced.flatMap(({ body }) => fencesOf(body)))
      return [...fenced, recordOf(facts, newKeys(), { claims: [{ ...earlier(victim), fence }] })]
    }),
  ),
  'false-eviction': told(({ member, victims }) =>
    absentAmong(victims).map((victim) =>
      endedFalsely(member.keys, {
        ...victim,
        version: { incarnation: versionLimits.version, seqno: versionLimits.version },
      }),
    ),
  ),
  'eviction-of-the-absent': told(({ member, victims }) =>
    absentAmong(victims).flatMap(({ origin }) => {
      const record = member.heard.get(origin)
      return record && isRecord(record) ? [ended(member.keys, record)] : []
    }),
  ),
  'high-fences': told(({ facts, victims }) =>
    absentAmong(victims).flatMap((victim) => raised(facts, victim, versionLimits.fenceJump - 1)),
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
  'fences-over-everything': told(({ facts, member }) => {
    const pools = [{ prefix: prefixOf('0.0.0.0/0'), subnetLength: 0 }]
    const claims = [claimOf('0.0.0.0/0', { fence: versionLimits.fenceJump - 1 })]
    return [ended(member.keys, recordOf(facts, member.keys, { pools, claims }), 'left')]
  }),
  'many-tombstones': told(function* ({ facts, member }) {
    for (let index = 0; index < 30_000; index += 1) {
      const far = farSubnet(index % 1_000)
      yield ended(member.keys, recordOf(facts, newKeys(), { claims: [claimOf(far)] }))
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

/** Used, and confirmed before anybody else's clock was set. */
function earlier({ claims }: NodeRecord): Claim {
  const [held] = claims
  if (!held) throw new Error('a victim holds nothing')
  return { ...held, confirmedAtMs: clockSetMs + 1, used: true, state: 'confirmed' }
}

/** Raises the fence of what the victim holds, step by step, as the highest that is believed is `step` above the last. */
function raised(facts: Facts, victim: NodeRecord, step: number): Entry[] {
  return Array.from({ length: 40 }, (_, index) => {
    const keys = newKeys()
    const claims = [{ ...earlier(victim), fence: (index + 1) * step }]
    return ended(keys, recordOf(facts, keys, { claims }), 'left')
  })
}

const fencesOf = (body: Body): number[] =>
  body.kind === 'tombstone' ? body.fences.map(({ fence }) => fence) : []

/** The last victim is the one that is down. */
const absentAmong = (victims: readonly NodeRecord[]): readonly NodeRecord[] => victims.slice(-1)

function narrower(prefix: Prefix, length: number): Prefix {
  const [address] = prefix.text.split('/')
  return prefixOf(`${address}/${Math.min(length, bitsOf(prefix.family))}`)
}

function inside(prefix: Prefix, offset: number) {
  const [address = ''] = prefix.text.split('/')
  return addressOf(address.replace(/[0-9]+$/, String(offset)))
}
