/** Who may come in: half-open connections, handshakes and strangers are shared out by address; known nodes always may. */

import type { Socket } from 'node:net'
import type { ConnectionGater, MultiaddrConnection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import QuickLRU from 'quick-lru'
import type { NodeId } from '../../core/claim/record.ts'
import { parseAddress, address as toText } from '../../core/ip/address.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Accounts } from './accounts.ts'
import { Bucket, type Rate } from './bucket.ts'
import { Shares, type SharesLimits } from './shares.ts'

export interface GateLimits {
  /** Connections whose handshake is not over. A handshake takes tens of ms: whoever waits longest is least likely one. */
  readonly halfOpen: SharesLimits
  /** Connections of nodes without a record here: the newest lose, so that nobody drives out who came before. */
  readonly strangers: SharesLimits
  /** Of one address: what a handshake costs us, in tries. */
  readonly handshakes: Rate
  /** Connections of one node. Two that dial each other have two, and one that was cut off comes anew. */
  readonly ofPeer: number
  /** Before the handshake is over. */
  readonly handshakeBytes: number
  /** Afterwards, by connection. Beyond it the connection is read no faster. */
  readonly bytes: Rate
}

export const gateLimits: GateLimits = {
  halfOpen: { most: 512, mostEach: 64, loser: 'first' },
  strangers: { most: 1_024, mostEach: 256, loser: 'last' },
  // A cluster behind one address that starts at once dials its seed at once.
  handshakes: { burst: 512, perMinute: 1_200 },
  ofPeer: 8,
  handshakeBytes: 65_536,
  // The records of four thousand nodes at once, and half a MiB each second.
  bytes: { burst: 32 * 2 ** 20, perMinute: 30 * 2 ** 20 },
}

export interface GateHost {
  readonly clock: Clock
  readonly accounts: Accounts
  /** Whether this node has a record of that one. */
  readonly knows: (node: NodeId) => boolean
}

interface Visitor {
  readonly connection: MultiaddrConnection
  readonly address: string
  readonly bytes: Bucket
  handshakeBytes: number
  /** Undefined until the handshake revealed it. */
  peer: NodeId | undefined
}

/** Addresses whose handshakes are counted; beyond it the one that was quiet longest is forgotten. */
const addressesMax = 4_096

type Gates = Required<
  Pick<
    ConnectionGater,
    | 'denyInboundConnection'
    | 'denyInboundEncryptedConnection'
    | 'denyInboundUpgradedConnection'
    | 'denyOutboundConnection'
  >
>

export class Gate implements Gates {
  readonly #host: GateHost
  readonly #limits: GateLimits
  readonly #halfOpen: Shares<Visitor>
  readonly #strangers: Shares<Visitor>
  readonly #handshakes = new QuickLRU<string, Bucket>({ maxSize: addressesMax })
  readonly #visitors = new Map<MultiaddrConnection, Visitor>()
  readonly #connections = new Map<NodeId, number>()

  constructor(host: GateHost, limits: GateLimits = gateLimits) {
    this.#host = host
    this.#limits = limits
    this.#halfOpen = new Shares(limits.halfOpen)
    this.#strangers = new Shares(limits.strangers)
  }

  readonly denyInboundConnection = (connection: MultiaddrConnection): boolean => {
    const address = addressKey(connection.remoteAddr)
    const now = this.#host.clock.now()
    if (!this.#handshakesOf(address).use(1, now)) return true
    const bytes = new Bucket(this.#limits.bytes, now)
    const visitor: Visitor = { connection, address, bytes, handshakeBytes: 0, peer: undefined }
    const { admitted, displaced } = this.#halfOpen.take(address, visitor)
    displaced?.connection.abort(new Error('too many connections without a handshake'))
    if (!admitted) return true
    this.#visitors.set(connection, visitor)
    connection.addEventListener('close', () => this.#closed(visitor))
    this.#weigh(visitor)
    return false
  }

  readonly denyInboundEncryptedConnection = (
    peer: { toString(): string },
    connection: MultiaddrConnection,
  ): boolean => {
    const visitor = this.#visitors.get(connection)
    if (!visitor) return true
    const id = peer.toString() as NodeId
    if (this.#host.accounts.of(id, visitor.address).isDisgraced) return true
    const others = this.#connections.get(id) ?? 0
    if (others >= this.#limits.ofPeer) return true
    visitor.peer = id
    this.#connections.set(id, others + 1)
    return false
  }

  readonly denyInboundUpgradedConnection = (
    _peer: unknown,
    connection: MultiaddrConnection,
  ): boolean => {
    const visitor = this.#visitors.get(connection)
    if (!visitor?.peer) return true
    this.#halfOpen.free(visitor)
    if (this.#host.knows(visitor.peer)) return false
    this.#forgetKnown()
    const { admitted, displaced } = this.#strangers.take(visitor.address, visitor)
    displaced?.connection.abort(new Error('too many strangers'))
    return !admitted
  }

  readonly denyOutboundConnection = (
    peer: { toString(): string },
    { remoteAddr }: MultiaddrConnection,
  ): boolean =>
    this.#host.accounts.of(peer.toString() as NodeId, addressKey(remoteAddr)).isDisgraced

  /** Strangers that became known need no place among strangers. */
  #forgetKnown(): void {
    if (this.#strangers.size < this.#limits.strangers.mostEach) return
    for (const visitor of [...this.#strangers.holders()]) {
      if (visitor.peer && this.#host.knows(visitor.peer)) this.#strangers.free(visitor)
    }
  }

  #closed(visitor: Visitor): void {
    this.#visitors.delete(visitor.connection)
    this.#halfOpen.free(visitor)
    this.#strangers.free(visitor)
    if (!visitor.peer) return
    const others = (this.#connections.get(visitor.peer) ?? 1) - 1
    if (others > 0) this.#connections.set(visitor.peer, others)
    else this.#connections.delete(visitor.peer)
  }

  #handshakesOf(address: string): Bucket {
    const known = this.#handshakes.get(address)
    if (known) return known
    const bucket = new Bucket(this.#limits.handshakes, this.#host.clock.now())
    this.#handshakes.set(address, bucket)
    return bucket
  }

  /** By its socket, which no layer above resumes unless it paused it: what is not read stays with its sender. */
  #weigh(visitor: Visitor): void {
    const { connection, bytes } = visitor
    const { socket } = connection as unknown as { socket?: Socket }
    socket?.on('data', ({ length }: Buffer) => {
      if (visitor.peer === undefined) {
        visitor.handshakeBytes += length
        if (visitor.handshakeBytes > this.#limits.handshakeBytes)
          connection.abort(new Error('too much without a handshake'))
        return
      }
      const now = this.#host.clock.now()
      const waitMs = bytes.owe(length, now)
      if (waitMs === 0 || socket.isPaused()) return
      socket.pause()
      this.#host.clock.schedule(now + waitMs, () => socket.resume())
    })
  }
}

/** Of IPv6 the /64: one host has as many addresses as it wants in it. */
export function addressKey(address: Multiaddr): string {
  const parts = address.getComponents()
  const part = (name: string) => parts.find((each) => each.name === name)?.value
  const v4 = part('ip4')
  if (v4 !== undefined) return v4
  const { value } = parseAddress(part('ip6') ?? '') ?? { value: 0n }
  // A socket for both families shows an IPv4 address so.
  return value >> 32n === 0xffffn
    ? toText(4, value & 0xffff_ffffn).text
    : toText(6, (value >> 64n) << 64n).text
}
