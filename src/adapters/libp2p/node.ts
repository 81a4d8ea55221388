/** The libp2p node: TCP, the cluster's pre-shared key, Noise, yamux; every limit set on purpose. */

import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { ConnectionGater } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import type { KeyPair } from '../../wire/signature.ts'
import { type Credentials, encrypters, type Refused } from './certified.ts'
import { gossipProtocol, gossipService } from './gossip.ts'
import { introduction } from './introduction.ts'
import { thriftyYamux } from './muxer.ts'
import { clusterKeyProtector } from './protector.ts'
import { addressOf } from './seeds.ts'
import { silence } from './silence.ts'

export interface NodeOptions {
  readonly keys: KeyPair
  /** 32 bytes each, the first is offered. Who has none of them gets no further than TCP. Empty: anybody may connect. */
  readonly clusterKeys: readonly Uint8Array[]
  /** Absent: certificates are neither shown nor wanted. */
  readonly credentials?: Credentials
  /** Addresses of this host, 0.0.0.0 and :: included. */
  readonly listen: readonly string[]
  readonly port: number
  readonly topic: string
  readonly gater: ConnectionGater
  /** Called when a dialled TCP connection is up and its handshake begins; with a cluster key only. */
  readonly reached: (address: Multiaddr) => void
  /** Called when a peer is refused for its certificate. */
  readonly refused: (refused: Refused) => void
}

export class ListenError extends Error {
  readonly code = 'listen-failed'
}

export type Node = Awaited<ReturnType<typeof createNode>>

/** A handshake takes tens of ms; a whole cluster that starts on two cores makes it seconds. */
const handshakeMsMax = 5_000

/** Not started yet. */
export function createNode(options: NodeOptions) {
  const { keys, clusterKeys } = options
  return createLibp2p({
    start: false,
    privateKey: privateKeyFromRaw(Buffer.concat([keys.seed, keys.publicKey])),
    logger: silence,
    addresses: {
      listen: options.listen.map((ip) => addressOf(ip, options.port).toString()),
      // Records say where nodes are.
      announceFilter: () => [],
    },
    transports: [tcp({ backlog: 1_024 })],
    ...(clusterKeys.length > 0 && {
      connectionProtector: clusterKeyProtector(clusterKeys, options.reached),
    }),
    connectionEncrypters: encrypters(options.credentials, options.refused),
    streamMuxers: [
      thriftyYamux({
        // It would notice nothing; our own pings keep the connection busy.
        enableKeepAlive: false,
        // A connection carries two gossip and two sync streams.
        maxInboundStreams: 32,
        maxOutboundStreams: 32,
        // Below what `readFrames` buffers, so that a burst between two turns of the event loop fits.
        streamOptions: { maxStreamWindowSize: 2 ** 20 },
      }),
    ],
    connectionGater: options.gater,
    connectionManager: {
      // `Gate` shares these out by address, and lets known nodes in before strangers: libp2p's own bounds are out of its way.
      inboundConnectionThreshold: 100_000,
      maxIncomingPendingConnections: 100_000,
      // With `Gate`'s bound on strangers this leaves room for every node that a seed of a large cluster is dialled by.
      maxConnections: 8_192,
      // `Redial` does it, for ever: libp2p would give up after five times.
      reconnectRetries: 0,
      // `Dialler` has a lower bound of its own.
      maxParallelDials: 32,
      maxDialQueueLength: 1_024,
      maxPeerAddrsToDial: 16,
      addressDialTimeout: handshakeMsMax,
      dialTimeout: 30_000,
      inboundUpgradeTimeout: handshakeMsMax,
      inboundStreamProtocolNegotiationTimeout: handshakeMsMax,
      outboundStreamProtocolNegotiationTimeout: handshakeMsMax,
    },
    // `Links` has cheaper and safer pings.
    connectionMonitor: { enabled: false },
    services: {
      introduction: introduction(gossipProtocol),
      gossip: gossipService(options.topic),
    },
  })
}

/** Rejects with a ListenError. A host without IPv6 listens on IPv4 alone. */
export async function startNode(node: Node, { listen, port }: NodeOptions): Promise<void> {
  try {
    await node.start()
  } catch (thrown) {
    const text = thrown instanceof Error ? thrown.message : String(thrown)
    throw new ListenError(listenFailure(text, `${listen.join(' and ')}, port ${port}`), {
      cause: thrown,
    })
  }
}

function listenFailure(text: string, place: string): string {
  if (text.includes('EADDRINUSE')) {
    return `cannot listen on ${place}: the port is taken; stop the other agent or choose another port`
  }
  if (text.includes('EACCES')) {
    return `cannot listen on ${place}: not permitted; choose a port above 1023`
  }
  if (text.includes('EADDRNOTAVAIL')) {
    return `cannot listen on ${place}: this host has no such address; listen on 0.0.0.0 or one it has`
  }
  return `cannot listen on ${place}: ${text}`
}
