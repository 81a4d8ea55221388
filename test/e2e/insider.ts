/** A member in a network namespace of the lab: says what a line of its input asks for, and what takes it back. */

import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import type { Connection } from '@libp2p/interface'
import { Member } from '../../simulations/hostile/member.ts'
import { Forge, forged } from '../../simulations/insider/forge.ts'
import { prefixOf } from '../../simulations/literal.ts'
import type { Entry, NodeRecord } from '../../src/core/claim/record.ts'
import { clockSetMs } from '../../src/core/claim/resolve.ts'
import { pack } from '../../src/wire/packing.ts'
import type { KeyPair } from '../../src/wire/signature.ts'

/** Its first argument. */
export interface Place {
  readonly address: string
  readonly pool: string
  readonly subnetLength: number
}

/** A line of its input; answered by a line on its output once it is done. */
export interface Line {
  /** `farewell`: all nodes that it made up leave. */
  readonly say: keyof typeof sayings | 'forgeries' | 'farewell'
  readonly to: string
  /** Name of the node that it is about. */
  readonly of?: string
}

type Saying = (victim: NodeRecord | undefined) => Entry[]

const { address, pool, subnetLength } = JSON.parse(process.argv[2] ?? '') as Place
const ground = { prefix: prefixOf(pool), subnetLength }
const member = await Member.start({
  attack: '',
  cluster: 'starling',
  port: 7_871,
  clusterKey: undefined,
  token: undefined,
  addresses: [address],
  victims: [],
})
const forge = new Forge({
  cluster: 'starling',
  port: 7_871,
  address,
  pool: ground,
  bytes: randomBytes,
  wallMs: Date.now,
})
const made = new Map<string, KeyPair>()

function madeUp(more: Partial<NodeRecord> = {}, keys = forge.newKeys()): Entry<NodeRecord> {
  made.set(keys.id, keys)
  return forge.record(keys, more)
}

const sayings = {
  'it held another subnet first': (victim) => {
    const [claim] = victim?.claims ?? []
    const earlier = claim && { ...claim, confirmedAtMs: clockSetMs + 1, used: true }
    return [madeUp({ claims: earlier ? [earlier] : [] })]
  },
  'it is evicted itself': () => {
    const record = madeUp({}, member.keys)
    return [record, forge.end(forge.newKeys(), record)]
  },
  'it is still there': () => [madeUp({}, member.keys)],
  'a node is at an address of the internet': () => [
    madeUp({ addresses: ['/ip4/203.0.113.9/tcp/7871'] }),
  ],
  'two things at once, as two agents with one identity do': () => {
    const keys = forge.newKeys()
    const version = { incarnation: 1, seqno: 1 }
    return ['one', 'other'].map((software) => madeUp({ version, software }, keys))
  },
  'a claim outside of its own pool': () => [madeUp({ claims: [forge.claim('192.0.2.0/27')] })],
  'more nodes than there is room for': () => Array.from({ length: 16 }, () => madeUp()),
} as const satisfies Record<string, Saying>

const connections = new Map<string, Connection>()

createInterface({ input: process.stdin })
  .on('line', (line) => void obey(JSON.parse(line) as Line))
  .once('close', () => process.exit(0))

async function obey({ say, to, of }: Line): Promise<void> {
  const connection = connections.get(to) ?? (await member.connect(to))
  connections.set(to, connection)
  switch (say) {
    case 'forgeries': {
      const envelopes = Array.from({ length: 8 }, (_, at) => [
        forged(forge, forge.newKeys(), at),
        null,
      ])
      await member.send(connection, pack(['delta', envelopes, [], true]))
      break
    }
    case 'farewell':
      await member.tell(connection, farewells())
      break
    default: {
      const known = of === undefined ? [] : await member.learn(connection)
      await member.tell(connection, sayings[say](known.find(({ name }) => name === of)))
    }
  }
  console.log('done')
}

/** Newer than all that they said before, and without the claims whose subnets an end would fence. */
function farewells(): Entry[] {
  const version = { incarnation: 9, seqno: 1 }
  const ends = [...made.values()].flatMap((keys) => {
    const last = forge.record(keys, { version })
    return [last, forge.end(keys, last, 'left')]
  })
  made.clear()
  return ends
}
