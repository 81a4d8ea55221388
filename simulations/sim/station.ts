/** One process's side of the network: whom it dials, to whom it is connected, and which gossip it has seen. */

import type { Entry, NodeId } from '../../src/core/claim/record.ts'
import type { Verdict, WantedPeer } from '../../src/core/effect.ts'
import type { Millis } from '../../src/core/rng.ts'
import type { TransportEvent } from '../../src/ports/transport.ts'
import { Connection } from './connection.ts'

/** One process on the network. */
export interface Attachment {
  readonly id: NodeId
  /** Multiaddrs that reach its host. */
  readonly addresses: readonly string[]
  /** Multiaddrs of its seeds. */
  readonly seeds: readonly string[]
  /** Whether that node is a member, as its agent knows it. */
  readonly hasMember: (node: NodeId) => boolean
  readonly deliver: (event: TransportEvent) => void
}

export interface Dialler {
  /** Answered by `dialled`. */
  dial(address: string): void
  after(delayMs: Millis, action: () => void): void
  jitter(): number
}

export interface Gossip {
  readonly entry: Entry
  readonly from: NodeId
}

interface Target {
  readonly address: string
  backoffMs: Millis
  state: 'idle' | 'dialling' | 'waiting' | 'self'
}

const backoffMsMin = 250
const backoffMsMax = 10_000
/** gossipsub forgets a message id after this time. */
const seenMs = 120_000

export class Station {
  readonly id: NodeId
  /** Multiaddrs that reach its host now. */
  addresses: readonly string[]
  readonly deliver: (event: TransportEvent) => void
  readonly #dialler: Dialler
  readonly #seeds: readonly string[]
  readonly #hasMember: (node: NodeId) => boolean
  /** Who answered at which address. */
  readonly #found = new Map<string, NodeId>()
  #mine: ReadonlySet<string> = new Set()
  readonly #targets = new Map<string, Target>()
  readonly #connections = new Map<NodeId, Connection<Station>>()
  readonly #seen = new Map<string, Millis>()
  readonly #unjudged = new Map<number, Gossip>()
  #gossipIds = 0
  #running = true
  #watched: ReadonlySet<NodeId> = new Set()
  /** What its signs of life say. */
  root = '0'.repeat(16)
  /** It does not run, and its kernel goes on. */
  isFrozen = false
  #toldSelf = false

  constructor(attachment: Attachment, dialler: Dialler) {
    this.id = attachment.id
    this.addresses = attachment.addresses
    this.#seeds = attachment.seeds
    this.#hasMember = attachment.hasMember
    this.#dialler = dialler
    this.deliver = (event) => {
      if (this.#running) attachment.deliver(event)
    }
  }

  get isRunning(): boolean {
    return this.#running
  }

  watches(peer: NodeId): boolean {
    return this.#watched.has(peer)
  }

  start(): void {
    this.#aimAt(this.#seeds)
  }

  stop(): void {
    this.#running = false
    this.#targets.clear()
  }

  /** In the order they were made. */
  connections(): Connection<Station>[] {
    return [...this.#connections.values()]
  }

  connection(peer: NodeId): Connection<Station> | undefined {
    return this.#connections.get(peer)
  }

  /** The whole list; of each pair the lower id dials, at the first address. Seeds are dialled by everybody, for ever. */
  want(peers: readonly WantedPeer[]): void {
    this.#watched = new Set(peers.flatMap(({ id, watched }) => (watched ? [id] : [])))
    const mine = peers
      .filter(({ id }) => this.id < id)
      .flatMap(({ addresses }) => addresses.slice(0, 1))
    this.#mine = new Set(mine)
    this.#aimAt([...this.#seeds, ...mine])
  }

  /** Opens a connection to a process that answered. */
  connect(to: Station, address: string): void {
    // The other side may still hold one that it does not know to be dead.
    to.connection(this.id)?.close(to)
    const connection = new Connection<Station>(this, to)
    to.opened(connection, `${this.addresses[0] ?? ''}`)
    this.opened(connection, address)
  }

  opened(connection: Connection<Station>, address: string): void {
    const peer = connection.other(this).id
    this.#found.set(address, peer)
    this.#connections.set(peer, connection)
    this.deliver({ type: 'peer-connected', peer, address })
  }

  /** Called by the connection, once. */
  closed(connection: Connection<Station>): void {
    const peer = connection.other(this)
    this.#connections.delete(peer.id)
    this.deliver({ type: 'peer-disconnected', peer: peer.id })
    for (const address of peer.addresses) this.#dialLater(address)
  }

  dialled(address: string, answer: 'connected' | 'failed' | 'self'): void {
    const target = this.#targets.get(address)
    if (!target) return
    target.state = answer === 'self' ? 'self' : 'idle'
    if (answer === 'connected') target.backoffMs = backoffMsMin
    if (answer === 'failed') this.#dialLater(address)
    const isAlone =
      answer === 'self' && this.#seeds.every((seed) => this.#targets.get(seed)?.state === 'self')
    if (isAlone && !this.#toldSelf) {
      this.#toldSelf = true
      this.deliver({ type: 'seeds-are-self' })
    }
  }

  /** False: it was seen lately. */
  remember(hash: string, now: Millis): boolean {
    for (const [old, at] of this.#seen) {
      if (at > now) break
      this.#seen.delete(old)
    }
    if (this.#seen.has(hash)) return false
    this.#seen.set(hash, now + seenMs)
    return true
  }

  /** `again`: a repetition that slips through, as after a restart of the cache of seen messages. */
  receive(gossip: Gossip & { readonly again: boolean }, now: Millis): void {
    if (!this.remember(gossip.entry.hash, now) && !gossip.again) return
    this.#gossipIds += 1
    this.#unjudged.set(this.#gossipIds, gossip)
    const { entry, from } = gossip
    this.deliver({ type: 'gossip-received', id: this.#gossipIds, from, entry })
  }

  /** The gossip that is to be forwarded, if the verdict lets it. */
  judge(id: number, verdict: Verdict): Gossip | undefined {
    const gossip = this.#unjudged.get(id)
    this.#unjudged.delete(id)
    return verdict === 'accept' ? gossip : undefined
  }

  #aimAt(addresses: readonly string[]): void {
    const wanted = new Set(addresses)
    for (const address of this.#targets.keys()) {
      if (!wanted.has(address)) this.#targets.delete(address)
    }
    for (const address of wanted) {
      if (this.#targets.has(address)) continue
      this.#targets.set(address, { address, backoffMs: backoffMsMin, state: 'idle' })
      this.#dial(address)
    }
  }

  #dial(address: string): void {
    const target = this.#targets.get(address)
    if (target?.state !== 'idle' || this.#isConnectedAt(address)) return
    // A member is redialled by those who watch it; looked at again later.
    if (this.#isLooseSeed(address)) return this.#dialLater(address)
    target.state = 'dialling'
    this.#dialler.dial(address)
  }

  #dialLater(address: string): void {
    const target = this.#targets.get(address)
    if (target?.state !== 'idle') return
    target.state = 'waiting'
    const delayMs = target.backoffMs * this.#dialler.jitter()
    target.backoffMs = Math.min(target.backoffMs * 2, backoffMsMax)
    this.#dialler.after(delayMs, () => {
      if (this.#targets.get(address) !== target) return
      target.state = 'idle'
      this.#dial(address)
    })
  }

  #isLooseSeed(address: string): boolean {
    const found = this.#found.get(address)
    const isMember = found !== undefined && this.#hasMember(found) && this.#connections.size > 0
    return isMember && !this.#mine.has(address)
  }

  #isConnectedAt(address: string): boolean {
    return this.connections().some((connection) =>
      connection.other(this).addresses.includes(address),
    )
  }
}
