/** Real transports in one process on loopback, each with a log of its events that a test can wait on. */

import type { TestContext } from 'node:test'
import type { Libp2pOptions } from '../../../src/adapters/libp2p/options.ts'
import { libp2pTransport } from '../../../src/adapters/libp2p/transport.ts'
import type { Entry, NodeId, NodeRecord } from '../../../src/core/claim/record.ts'
import type { Verdict, WantedPeer } from '../../../src/core/effect.ts'
import { noTraffic } from '../../../src/ports/traffic.ts'
import type { Transport, TransportEvent } from '../../../src/ports/transport.ts'
import { systemClock } from '../../../src/runtime/system-clock.ts'
import { type KeyPair, keyPairFromSeed, sealer } from '../../../src/wire/signature.ts'
import { prefixOf } from '../../core/specimens.ts'
import { freePort } from '../free-port.ts'

export type EventOf<T extends TransportEvent['type']> = Extract<TransportEvent, { type: T }>

/** Generous: the machine is shared. */
export const deadlineMs = 30_000

/** The n-th key pair: tests are the same in every run. */
export const keysOf = (n: number): KeyPair => keyPairFromSeed(new Uint8Array(32).fill(n + 1))

/** Key pairs with ascending node ids: the first one dials all others. */
export const ascendingKeys = (count: number): KeyPair[] =>
  Array.from({ length: count }, (_, n) => keysOf(n)).sort((a, b) => (a.id < b.id ? -1 : 1))

export class TestNode {
  readonly keys: KeyPair
  readonly port: number
  readonly events: TransportEvent[] = []
  readonly transport: Transport
  readonly traffic = noTraffic()
  /** What the core would answer. */
  judge: (event: EventOf<'gossip-received'>) => Verdict | undefined = () => 'accept'
  readonly #waiting = new Set<() => void>()

  constructor(keys: KeyPair, port: number, options: Partial<Libp2pOptions> = {}) {
    this.keys = keys
    this.port = port
    this.transport = libp2pTransport({
      keys,
      cluster: 'test',
      clusterKeys: [],
      listen: ['127.0.0.1'],
      port,
      seeds: [],
      defaultPort: 7871,
      dialNetworks: [prefixOf('127.0.0.0/8')],
      knows: () => false,
      watchMs: 1_000,
      hasMember: () => false,
      joins: () => false,
      nodesMax: 4_096,
      clock: systemClock,
      rng: Math.random,
      traffic: this.traffic,
      ...options,
    })
  }

  get id(): NodeId {
    return this.keys.id
  }

  /** As its record would say. */
  get wanted(): WantedPeer {
    return { id: this.id, addresses: [`/ip4/127.0.0.1/tcp/${this.port}`], watched: true }
  }

  async start(): Promise<this> {
    await this.transport.start((event) => {
      this.events.push(event)
      if (event.type === 'gossip-received') {
        const verdict = this.judge(event)
        if (verdict) this.transport.judge(event.id, verdict)
      }
      for (const check of this.#waiting) check()
    })
    return this
  }

  of<T extends TransportEvent['type']>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type)
  }

  /** The n-th event of this type that fits, waited for. */
  async event<T extends TransportEvent['type']>(
    type: T,
    fits: (event: EventOf<T>) => boolean = () => true,
    n = 1,
  ): Promise<EventOf<T>> {
    const found = () => this.of(type).filter(fits)[n - 1]
    await this.until(() => found() !== undefined, `${n}. ${type}`)
    return found() as EventOf<T>
  }

  connected(peer: TestNode, n = 1): Promise<EventOf<'peer-connected'>> {
    return this.event('peer-connected', (event) => event.peer === peer.id, n)
  }

  disconnected(peer: TestNode, n = 1): Promise<EventOf<'peer-disconnected'>> {
    return this.event('peer-disconnected', (event) => event.peer === peer.id, n)
  }

  /** Checked at every event. */
  until(holds: () => boolean, what: string): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(check)
        const seen = this.events
          .slice(-20)
          .map((event) => JSON.stringify(event, shorten).slice(0, 200))
          .join('\n  ')
        reject(new Error(`${this.port}: no ${what} within ${deadlineMs} ms; seen:\n  ${seen}`))
      }, deadlineMs)
      const check = () => {
        if (!holds()) return
        clearTimeout(timer)
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
    })
  }

  entry(seqno: number, name = 'node'): Entry {
    return sealer(this.keys)(recordOf(this.id, seqno, name))
  }
}

/** Every node stops at the end of the test, whatever its outcome. */
export async function node(
  t: TestContext,
  keys: KeyPair,
  options: Partial<Libp2pOptions> = {},
): Promise<TestNode> {
  const made = new TestNode(keys, options.port ?? (await freePort()), options)
  t.after(() => made.transport.stop())
  return made.start()
}

/**
 * Publishes ever new entries until `other` has received one: gossip attaches to a connection a moment after it opened.
 */
export async function gossipReady(from: TestNode, ...others: TestNode[]): Promise<void> {
  let seqno = 1_000_000
  const reached = (other: TestNode) =>
    other
      .of('gossip-received')
      .some(({ entry }) => entry.body.origin === from.id && entry.body.version.seqno > 1_000_000)
  const publish = () => {
    seqno += 1
    from.transport.publish(from.entry(seqno))
  }
  const timer = setInterval(publish, 100)
  publish()
  try {
    await Promise.all(
      others.map((other) => other.until(() => reached(other), `gossip from ${from.port}`)),
    )
  } finally {
    clearInterval(timer)
  }
}

export function recordOf(origin: NodeId, seqno: number, name: string): NodeRecord {
  return {
    kind: 'record',
    origin,
    cluster: 'test',
    version: { incarnation: 1, seqno },
    name,
    bootedAtMs: 0,
    nextHops: [],
    addresses: [],
    pools: [],
    claims: [],
    extras: [],
    exclusions: [],
    witnessed: [],
    observed: [],
    kept: [],
    awarded: [],
    draining: false,
    software: 'test',
  }
}

function shorten(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return value instanceof Uint8Array ? `${value.length} bytes` : value
}
