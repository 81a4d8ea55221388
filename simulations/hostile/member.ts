/** One identity that speaks the protocol of agents as well as they do, and sends whatever an attack wants. */

import { randomBytes } from 'node:crypto'
import type { Connection, Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { createNode, type Node, startNode } from '../../src/adapters/libp2p/node.ts'
import { decodeBeat, encodeBeat, readFrames } from '../../src/adapters/libp2p/sync-stream.ts'
import type { Entry, NodeId, NodeRecord } from '../../src/core/claim/record.ts'
import { syncLimits } from '../../src/core/gossip/message.ts'
import { decodeMessage, encodeMessage } from '../../src/wire/codec.ts'
import { certifyBy, parseToken } from '../../src/wire/paper.ts'
import { type KeyPair, keyPairFromSeed } from '../../src/wire/signature.ts'
import type { Facts } from './facts.ts'

type Frames = ReturnType<typeof lpStream>

const patienceMs = 10_000

/** What the operator's token makes of this identity. */
export function membershipOf({ token }: Facts, { id }: KeyPair) {
  const grant = token ? parseToken(token) : undefined
  if (!grant) return undefined
  const name = 'member'
  return { node: id, name, certificate: certifyBy(grant, id, name) }
}

export const newKeys = (): KeyPair => keyPairFromSeed(randomBytes(32))

export class Member {
  readonly keys: KeyPair
  readonly node: Node
  readonly facts: Facts
  readonly connections: Connection[] = []
  /** What agents told by comparing, by origin: the newest of each. */
  readonly heard = new Map<NodeId, Entry>()
  /** Off: it neither reads nor answers, and its peers' words pile up. */
  reads = true
  #told = 0
  readonly #out = new Map<Connection, Promise<Frames>>()

  private constructor(keys: KeyPair, node: Node, facts: Facts) {
    this.keys = keys
    this.node = node
    this.facts = facts
  }

  static async start(facts: Facts, keys: KeyPair = newKeys()): Promise<Member> {
    const membership = membershipOf(facts, keys)
    const credentials =
      facts.token === undefined
        ? {}
        : {
            credentials: {
              required: true,
              own: () => membership?.certificate,
              refusal: () => '',
            },
          }
    const options = {
      ...credentials,
      keys,
      clusterKeys: facts.clusterKey === undefined ? [] : [Buffer.from(facts.clusterKey, 'hex')],
      listen: [],
      port: 0,
      topic: topicOf(facts),
      gater: {},
      reached: () => undefined,
      refused: () => undefined,
    }
    const node = await createNode(options)
    const member = new Member(keys, node, facts)
    await node.handle(syncProtocolOf(facts), (stream, connection) =>
      member.#listen(stream, connection),
    )
    await startNode(node, options)
    node.services.gossip.subscribe(topicOf(facts))
    return member
  }

  /** Another connection to that victim, also where there is one. */
  async connect(victim: string): Promise<Connection> {
    const address = multiaddr(`/ip4/${victim}/tcp/${this.facts.port}`)
    const signal = AbortSignal.timeout(patienceMs)
    const connection = await this.node.dial(address, { signal, force: true })
    this.connections.push(connection)
    return connection
  }

  stream(connection: Connection): Promise<Stream> {
    return connection.newStream(syncProtocolOf(this.facts), {
      signal: AbortSignal.timeout(patienceMs),
    })
  }

  /** One frame on the sync stream to that victim, whatever it holds. */
  async send(connection: Connection, frame: Uint8Array): Promise<void> {
    let out = this.#out.get(connection)
    if (!out) {
      out = this.stream(connection).then((stream) => lpStream(stream))
      this.#out.set(connection, out)
    }
    await (await out).write(frame, { signal: AbortSignal.timeout(patienceMs) })
  }

  /** Entries as the answer to a comparison that nobody asked for, in as many messages as it takes. */
  async tell(
    connection: Connection,
    entries: Iterable<Entry>,
    remainMs = 3_600_000,
  ): Promise<void> {
    let part: Entry[] = []
    let bytes = 0
    const flush = async () => {
      const carried = part.map((entry) => ({
        entry,
        remainMs: entry.body.kind === 'record' ? Number.POSITIVE_INFINITY : remainMs,
      }))
      await this.send(connection, encodeMessage({ type: 'delta', carried, want: [], last: true }))
      part = []
      bytes = 0
    }
    for (const entry of entries) {
      const weight = entry.envelope.length + 32
      if (bytes + weight > syncLimits.targetBytes || part.length >= syncLimits.stamps) await flush()
      part.push(entry)
      bytes += weight
    }
    if (part.length > 0) await flush()
  }

  /** By gossip, to all that are connected. */
  async publish(bytes: Uint8Array): Promise<void> {
    await this.#subscribed()
    await this.node.services.gossip.publish(topicOf(this.facts), bytes)
  }

  /** The records of all nodes that the victim knows. */
  async learn(connection: Connection): Promise<NodeRecord[]> {
    const before = this.#told
    const buckets = Array.from({ length: syncLimits.buckets }, (_, index) => index)
    const message = { type: 'summary', buckets, stamps: [], last: true } as const
    await this.send(connection, encodeMessage(message))
    const end = performance.now() + patienceMs
    while (this.#told === before && performance.now() < end) await pause(20)
    return [...this.heard.values()].flatMap(({ body }) => (body.kind === 'record' ? [body] : []))
  }

  async stop(): Promise<void> {
    await this.node.stop()
  }

  /** Gossip attaches to a connection a moment after it opened. Nobody needs to wait for it who was thrown out. */
  async #subscribed(): Promise<void> {
    const end = performance.now() + patienceMs
    const { gossip } = this.node.services
    const isAwaited = () =>
      gossip.getSubscribers(topicOf(this.facts)).length === 0 &&
      this.node.getConnections().length > 0
    while (isAwaited() && performance.now() < end) await pause(20)
  }

  #listen(stream: Stream, connection: Connection): void {
    if (!this.reads) return stream.pause()
    void readFrames(stream, (frame) => {
      const beat = decodeBeat(frame)
      if (beat?.asks) {
        // Who is gone needs no answer.
        this.send(connection, encodeBeat({ asks: false, root: beat.root })).catch(() => undefined)
      }
      const decoded = decodeMessage(frame)
      if (!decoded.ok || decoded.value.type !== 'delta') return
      for (const { entry } of decoded.value.carried) this.heard.set(entry.body.origin, entry)
      if (decoded.value.last) this.#told += 1
    })
  }
}

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms))

export const syncProtocolOf = ({ cluster }: Facts): string => `/starling/${cluster}/sync/1.0.0`
export const callProtocolOf = ({ cluster }: Facts): string => `/starling/${cluster}/call/1.0.0`
export const topicOf = ({ cluster }: Facts): string => `/starling/${cluster}/records/1`
