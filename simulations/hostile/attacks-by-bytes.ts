/** Attacks by bytes, streams and connections: what breaks the protocol, or never gets as far as it. */

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '@libp2p/interface'
import { encodeMessage } from '../../src/wire/codec.ts'
import { pack } from '../../src/wire/packing.ts'
import { farSubnet, forged } from '../insider/forge.ts'
import { type Attack, forgeOf } from './attacks-by-record.ts'
import type { Facts } from './facts.ts'
import { callProtocolOf, Member, newKeys, syncProtocolOf } from './member.ts'
import { dribble, openSockets, silentPort } from './sockets.ts'

export const attacksByBytes: Readonly<Record<string, Attack>> = {
  'forged-signatures': async (facts) => {
    for (let round = 0; round < 20; round += 1) {
      await each(facts, async (member, connection) => {
        for (let index = 0; index < 100; index += 1) {
          const envelopes = Array.from({ length: 150 }, (_, at) => [
            forged(forgeOf(facts), newKeys(), index * 150 + at),
            null,
          ])
          await member.send(connection, pack(['delta', envelopes, [], true]))
        }
      })
    }
  },
  'oversized-messages': (facts) =>
    each(facts, async (member, connection) => {
      await quietly(() => member.publish(randomBytes(3_000_000)))
      await quietly(() => member.send(connection, randomBytes(200_000)))
      const stream = await member.stream(connection)
      // A frame that announces two GiB.
      stream.send(Buffer.from('8080808008', 'hex'))
      for (let index = 0; index < 200; index += 1) {
        if (!stream.send(randomBytes(65_536))) await drained(stream)
      }
    }),
  'truncated-messages': (facts) =>
    each(facts, async (member, connection) => {
      const forge = forgeOf(facts)
      const { envelope } = forge.record(member.keys, { claims: [forge.claim(farSubnet(0))] })
      const message = pack(['delta', [[envelope, null]], [], true])
      for (let length = 1; length < message.length; length += 1) {
        await member.send(connection, message.subarray(0, length))
      }
      for (let length = 1; length < envelope.length; length += 7) {
        await member.publish(envelope.subarray(0, length))
      }
    }),
  'nested-messages': (facts) =>
    each(facts, async (member, connection) => {
      for (const byte of [0x91, 0x81, 0xdc, 0xdf, 0xc9]) {
        await member.send(connection, Buffer.alloc(60_000, byte))
        await quietly(() => member.publish(Buffer.alloc(16_000, byte)))
      }
    }),
  'random-bytes': (facts) =>
    each(facts, async (member, connection) => {
      for (let index = 0; index < 2_000; index += 1) {
        await member.send(connection, randomBytes(1 + (index % 4_000)))
      }
      const stream = await connection.newStream('/meshsub/1.2.0')
      for (let index = 0; index < 100; index += 1) stream.send(randomBytes(1_000))
    }),
  'many-connections': async (facts) => {
    const member = await Member.start(facts)
    for (const { address } of facts.victims) {
      await Promise.allSettled(Array.from({ length: 600 }, () => member.connect(address)))
    }
    const crowd = await Promise.all(Array.from({ length: 200 }, () => Member.start(facts)))
    await Promise.allSettled(
      crowd.flatMap((one) => facts.victims.map(({ address }) => one.connect(address))),
    )
  },
  'idle-sockets': (facts) => crowd(facts, 1_500, { again: true }),
  'dribbling-sockets': (facts) => crowd(facts, 1_500, { again: true, opened: dribble }),
  'socket-storm': async (facts) => {
    for (let round = 0; round < 10; round += 1) {
      await crowd(facts, 300, { opened: (socket) => setTimeout(() => socket.destroy(), 100) })
    }
  },
  'silent-seed': async ({ port, addresses: [address = ''] }) => {
    await silentPort(address, port)
  },
  'slow-reader': (facts) =>
    each(facts, async (member, connection) => {
      member.reads = false
      const buckets = Array.from({ length: 64 }, (_, index) => index)
      const ask = encodeMessage({ type: 'summary', buckets, stamps: [], last: true })
      for (let index = 0; index < 5_000; index += 1) await member.send(connection, ask)
    }),
  'endless-streams': (facts) =>
    each(facts, async (member, connection) => {
      const streams = await Promise.allSettled([
        ...Array.from({ length: 12 }, () =>
          connection.newStream(callProtocolOf(facts), impatient()),
        ),
        ...Array.from({ length: 4 }, () =>
          connection.newStream(syncProtocolOf(facts), impatient()),
        ),
      ])
      const open = streams.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      // A frame of 60,000 bytes on each, of which one comes at a time.
      for (const stream of open) stream.send(Buffer.from('e0d403', 'hex'))
      for (let index = 0; index < 50; index += 1) {
        await sleep(20)
        for (const stream of open) stream.send(Buffer.of(0))
      }
      await quietly(() => member.publish(Buffer.of(1)))
    }),
}

/** One member and its connection to each victim, told as much as it lets itself be told. */
async function each(
  facts: Facts,
  assail: (member: Member, connection: Connection) => Promise<void>,
): Promise<void> {
  const member = await Member.start(facts)
  await Promise.all(
    facts.victims.map(({ address }) =>
      quietly(async () => assail(member, await member.connect(address))),
    ),
  )
}

async function crowd(
  facts: Facts,
  count: number,
  options: Parameters<typeof openSockets>[2],
): Promise<void> {
  const [localAddress = ''] = facts.addresses
  await Promise.all(
    facts.victims.map(({ address }) =>
      openSockets({ host: address, port: facts.port, localAddress }, count, options),
    ),
  )
}

/** Whoever is thrown out has been defended against: that is no failure of the attack. */
async function quietly(attempt: () => Promise<unknown>): Promise<void> {
  await attempt().catch(() => undefined)
}

const drained = (stream: { onDrain(options: { signal: AbortSignal }): Promise<void> }) =>
  stream.onDrain(impatient())

/** Who is let wait for so long has been defended against. */
const impatient = () => ({ signal: AbortSignal.timeout(2_000) })
