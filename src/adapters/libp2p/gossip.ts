/** Entries over gossipsub: published at once to all, forwarded only after the core's verdict. */

import { hash } from 'node:crypto'
import {
  type GossipSub,
  gossipsub,
  multicodec,
  TopicValidatorResult,
} from '@chainsafe/libp2p-gossipsub'
import type { Connection } from '@libp2p/interface'
import { type Entry, type NodeId, recordLimits } from '../../core/claim/record.ts'
import type { Verdict } from '../../core/effect.ts'
import type { Millis } from '../../core/rng.ts'
import type { Clock } from '../../ports/clock.ts'
import { count, type Traffic } from '../../ports/traffic.ts'
import type { TransportEvent } from '../../ports/transport.ts'
import { decodeEntry } from '../../wire/codec.ts'
import type { Bearer, Verified } from '../../wire/verified.ts'

/** What nodes of one version speak with each other. */
export const gossipProtocol = multicodec

/** gossipsub, with every limit that would silence a cluster set on purpose. */
export const gossipService = (topic: string) =>
  gossipsub({
    // Entries carry their author's signature. Without gossipsub's own a message costs a third less, and needs an id
    // by content: equal bytes are one message for two minutes (`seenTTL`).
    globalSignaturePolicy: 'StrictNoSign',
    msgIdFn: ({ data }) => hash('sha256', data, 'buffer').subarray(0, 20),
    ignoreDuplicatePublishError: true,
    // A node that is alone publishes too; whoever comes later learns by anti-entropy.
    allowPublishToZeroTopicPeers: true,
    // To every connected peer in one hop: up to 32 nodes everybody is connected to everybody.
    floodPublish: true,
    // Encoded once for all peers.
    batchPublish: true,
    fallbackToFloodsub: false,
    // Beyond the full mesh: how many forward at once. Each more costs every node one more copy of every message.
    D: 4,
    Dlo: 3,
    Dhi: 5,
    Dout: 1,
    Dscore: 2,
    Dlazy: 3,
    // Peers are grafted when they subscribe; the heartbeat only mends the mesh and offers what was missed, which
    // anti-entropy finds too.
    heartbeatInterval: 2_000,
    allowedTopics: [topic],
    // Bounds one RPC, not one message (`decodeEntry` does that): the answer to a lagging peer holds hundreds of
    // messages. A longer one makes gossipsub forget the peer; `Links` then closes the connection.
    maxInboundDataLength: 4 * 2 ** 20,
    // A peer that reads slower loses its gossip stream; `Links` then closes the connection.
    maxOutboundBufferSize: 8 * 2 ** 20,
    maxInboundStreams: 4,
    maxOutboundStreams: 4,
    decodeRpcLimits: {
      maxSubscriptions: 16,
      maxMessages: 512,
      maxIhaveMessageIDs: 5_000,
      maxIwantMessageIDs: 512,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 64,
      maxPeerInfos: 16,
    },
    doPX: false,
    tagMeshPeers: false,
    scoreParams: {
      // Pods, test hosts and NAT put many nodes on one address; by default 13 of them graylist each other.
      IPColocationFactorWeight: 0,
      // A starved host breaks promises; silencing it would not help it.
      behaviourPenaltyWeight: 0,
      // A standing credit: a few rejected messages, as between different versions, cost nothing.
      appSpecificScore: () => 1,
      appSpecificWeight: 10,
      retainScore: 60_000,
      // Only rejected messages count, by their square, halved every second: 4 in a second take a peer out of the mesh,
      // 10 graylist it for seconds.
      topics: {
        [topic]: {
          topicWeight: 1,
          timeInMeshWeight: 0,
          timeInMeshQuantum: 1_000,
          timeInMeshCap: 1,
          firstMessageDeliveriesWeight: 0,
          firstMessageDeliveriesDecay: 0.5,
          firstMessageDeliveriesCap: 1,
          meshMessageDeliveriesWeight: 0,
          meshMessageDeliveriesDecay: 0.5,
          meshMessageDeliveriesCap: 1,
          meshMessageDeliveriesThreshold: 1,
          meshMessageDeliveriesWindow: 10,
          meshMessageDeliveriesActivation: 1_000,
          meshFailurePenaltyWeight: 0,
          meshFailurePenaltyDecay: 0.5,
          invalidMessageDeliveriesWeight: -1,
          invalidMessageDeliveriesDecay: 0.5,
        },
      },
    },
    // Above the credit: addresses that peers offer are never dialled, records say where nodes are.
    scoreThresholds: { acceptPXThreshold: 1_000, opportunisticGraftThreshold: 0 },
  })

export interface GossipHost {
  readonly clock: Clock
  readonly topic: string
  readonly verified: Verified
  readonly deliver: (event: TransportEvent) => void
  /** False where the peer is not connected (any more). */
  readonly met: (peer: NodeId) => boolean
  /** What the peer may cost; undefined where it is not connected. */
  readonly bearer: (peer: NodeId) => Bearer | undefined
  readonly traffic: Traffic
}

interface Pending {
  readonly settle: (verdict: Verdict) => void
  readonly since: Millis
}

/** The core answers within one batch of its loop. Beyond this, messages are ignored and left to anti-entropy. */
const pendingMax = 1_024
const pendingMsMax = 10_000

const resultOf: Record<Verdict, TopicValidatorResult> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

export class Gossip {
  readonly #router: GossipSub
  readonly #host: GossipHost
  /** In order of arrival. */
  readonly #pending = new Map<number, Pending>()
  #lastId = 0

  constructor(router: GossipSub, host: GossipHost) {
    this.#router = router
    this.#host = host
    router.topicValidators.set(host.topic, (peer, message) =>
      this.#judged(peer.toString() as NodeId, message.data),
    )
  }

  start(): void {
    this.#router.subscribe(this.#host.topic)
  }

  stop(): void {
    for (const { settle } of this.#pending.values()) settle('ignore')
    this.#pending.clear()
  }

  publish(entry: Entry): void {
    if (entry.envelope.length > recordLimits.envelopeBytes) return
    const { sent } = this.#host.traffic.gossip
    this.#router.publish(this.#host.topic, entry.envelope).then(
      ({ recipients }) => {
        count(sent, recipients.length * entry.envelope.length, recipients.length)
      },
      // Whom it did not reach learns by anti-entropy.
      () => undefined,
    )
  }

  judge(id: number, verdict: Verdict): void {
    this.#settle(id, verdict)
  }

  /** Whether entries flow both ways over these connections. */
  reaches(peer: NodeId, connections: Iterable<Connection>): boolean {
    const directions = new Set<string>()
    for (const { streams } of connections) {
      for (const { protocol, direction } of streams) {
        if (protocol.startsWith('/meshsub/')) directions.add(direction)
      }
    }
    const subscribers = this.#router.getSubscribers(this.#host.topic)
    return directions.size === 2 && subscribers.some((id) => id.toString() === peer)
  }

  async #judged(from: NodeId, data: Uint8Array): Promise<TopicValidatorResult> {
    const { gossip, verdicts } = this.#host.traffic
    count(gossip.received, data.length)
    const verdict = await this.#validate(from, data)
    verdicts[verdict] += 1
    return resultOf[verdict]
  }

  #validate(from: NodeId, data: Uint8Array): Verdict | Promise<Verdict> {
    this.#expire()
    const decoded = decodeEntry(data, this.#host.verified, this.#host.bearer(from))
    if (!decoded.ok) {
      return decoded.code === 'unsupported' || decoded.code === 'overdrawn' ? 'ignore' : 'reject'
    }
    if (this.#pending.size >= pendingMax || !this.#host.met(from)) return 'ignore'
    const { promise, resolve } = Promise.withResolvers<Verdict>()
    this.#lastId += 1
    const id = this.#lastId
    this.#pending.set(id, { settle: resolve, since: this.#host.clock.now() })
    this.#host.deliver({ type: 'gossip-received', id, from, entry: decoded.value })
    return promise
  }

  #expire(): void {
    const now = this.#host.clock.now()
    for (const [id, { since }] of this.#pending) {
      if (now - since < pendingMsMax) return
      this.#settle(id, 'ignore')
    }
  }

  #settle(id: number, verdict: Verdict): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    pending?.settle(verdict)
  }
}
