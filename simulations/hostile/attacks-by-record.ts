/** Attacks by well-formed words, said by a member over real connections. */

import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import type { Entry } from '../../src/core/claim/record.ts'
import type { KeyPair } from '../../src/wire/signature.ts'
import { Forge, farSubnet } from '../insider/forge.ts'
import { type Words, words } from '../insider/words.ts'
import { prefixOf } from '../literal.ts'
import { type Facts, hitLine } from './facts.ts'
import { Member, membershipOf } from './member.ts'

export type Attack = (facts: Facts) => Promise<void>

const many = 1_500

export const attacksByRecord: Readonly<Record<string, Attack>> = {
  ...Object.fromEntries(Object.entries(words).map(([name, make]) => [name, told(() => make)])),
  'addresses-of-a-victim': told((facts) => {
    const [, sink = ''] = facts.addresses
    for (const port of [facts.port, 80]) sinkPort(sink, port)
    return ({ forge }) =>
      Array.from({ length: 60 }, (_, index) =>
        forge.record(forge.newKeys(), {
          addresses: [
            `/ip4/${sink}/tcp/${facts.port}`,
            `/ip4/${sink}/tcp/80`,
            `/dns4/victim.example/tcp/80`,
          ],
          claims: [forge.claim(farSubnet(index))],
        }),
      )
  }),
  'replayed-records': replayed,
}

export function forgeOf(facts: Facts, keys?: KeyPair): Forge {
  const { cluster, port } = facts
  const [address = '127.0.0.1'] = facts.addresses
  const membership = keys && membershipOf(facts, keys)
  return new Forge({
    cluster,
    port,
    address,
    ...(membership ? { membership } : {}),
    pool: { prefix: prefixOf('172.16.0.0/12'), subnetLength: 22 },
    bytes: randomBytes,
    wallMs: Date.now,
  })
}

/** Learns what the first victim knows, and tells every victim that runs the same entries, over one connection each. */
function told(wordsOf: (facts: Facts) => Words): Attack {
  return async (facts) => {
    const make = wordsOf(facts)
    const member = await Member.start(facts)
    const connections = await reach(facts, member)
    const [first] = connections
    if (!first) throw new Error('no victim answers')
    const known = await member.learn(first)
    const victims = facts.victims.flatMap(
      ({ name }) => known.find((record) => record.name === name) ?? [],
    )
    const heard: Parameters<Words>[0]['heard'] = (node) => member.heard.get(node)
    const scene = { forge: forgeOf(facts, member.keys), self: member.keys, victims, heard, many }
    let last: Entry | undefined
    // Part by part: who signs for half a minute at a time is silent for so long, and thrown out for that.
    for (const part of parts(make(scene))) {
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
  for (let round = 0; round < 40; round += 1) {
    for (const connection of connections) {
      await member.tell(connection, entries).catch(() => undefined)
    }
  }
}

/** A stranger's port, which tells of everybody that connects to it. */
function sinkPort(host: string, port: number): void {
  createServer(() => console.log(hitLine)).listen(port, host)
}
