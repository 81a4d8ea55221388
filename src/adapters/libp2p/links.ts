/** Who is connected: one `peer-connected` and one `peer-disconnected` per peer, however many connections it has. */

import type { Connection, Stream } from '@libp2p/interface'
import type { NodeId } from '../../core/claim/record.ts'
import type { WantedPeer } from '../../core/effect.ts'
import type { Millis } from '../../core/rng.ts'
import type { Clock } from '../../ports/clock.ts'
import { count, type SyncWord, type Traffic } from '../../ports/traffic.ts'
import type { TransportEvent } from '../../ports/transport.ts'
import { decodeMessage } from '../../wire/codec.ts'
import type { Verified } from '../../wire/verified.ts'
import type { Account } from './accounts.ts'
import { remoteAddress } from './remote-address.ts'
import { beatBytes, decodeBeat, Outbox, readFrames } from './sync-stream.ts'

export interface LinksHost {
  readonly clock: Clock
  /** How often a watched peer is asked for a sign of life. */
  readonly watchMs: Millis
  readonly syncProtocol: string
  readonly verified: Verified
  readonly deliver: (event: TransportEvent) => void
  readonly lost: (peer: NodeId, livedMs: number) => void
  /** Whether gossip flows both ways between us and the peer of these connections. */
  readonly gossips: (peer: NodeId, connections: Iterable<Connection>) => boolean
  readonly account: (connection: Connection) => Account
  readonly traffic: Traffic
}

interface Link {
  readonly peer: NodeId
  /** One per connection, oldest first: pings take all. */
  readonly lanes: Map<Connection, Lane>
  /**
   * Where its last message came from, and answers go to. It matters where two agents run with one identity: each
   * hears the answer to what it asked, and so hears of the other.
   */
  spokenOn: Lane | undefined
  readonly openedAt: Millis
  readonly proof: PromiseWithResolvers<string>
  /** It spoke a protocol of this cluster, and the core knows of it. */
  met: boolean
}

interface Lane {
  readonly connection: Connection
  readonly outbox: Outbox
  heard: boolean
  /** It was asked, and did not answer in time. */
  overdue: boolean
  /** Silence counts from here. */
  heardAt: Millis
  askedAt: Millis
}

/**
 * Pings are frames on the sync stream, not libp2p's connection monitor: that opens a stream per ping (2 ms of CPU each
 * at both ends), and aborts healthy connections after our own event loop stalled. Of `watchMs`: a watched peer is asked
 * when it was not heard for the first, again whenever the second has passed, and after the third it is overdue. What is
 * due within the last is done at one waking.
 */
const askShare = 1.3
const againShare = 0.5
const overdueShare = 2.3
const slackShare = 0.1
/** While one is overdue, the others are asked too: it may be this host that hears nobody. */
const alarmShare = 4
/** The others are asked where they would not be heard otherwise, and given up after the second. */
const ofOthers = { askMs: 18_000, silenceMs: 25_000 }
/** A peer that just connected has streams to open before it can be heard. */
const settlingMs = 5_000
/** Of `watchMs`: the waking itself came this late, and it was us who did not listen. */
const stallShare = 0.5
/** How long gossipsub may take to attach to a connection, or to come back, on a starved host. */
const gossipMsMax = 30_000
/** Looking whether gossip reaches everybody costs as much as a ping. */
const gossipLookMs = 10_000
const openStreamMsMax = 5_000

/** Of a record set without any record. */
const emptyRoot = '0'.repeat(16)

export class Links {
  readonly #host: LinksHost
  readonly #links = new Map<NodeId, Link>()
  #watched: ReadonlySet<NodeId> = new Set()
  #alarmUntil: Millis = 0
  #wakeAt: Millis = Number.POSITIVE_INFINITY
  #cancelWaking: (() => void) | undefined
  #gossipLookAt: Millis = 0
  #stopped = false
  #root = emptyRoot

  constructor(host: LinksHost) {
    this.#host = host
  }

  start(): void {
    this.#wakeWhenDue()
  }

  /** Nothing is delivered afterwards. */
  stop(): void {
    this.#stopped = true
    this.#cancelWaking?.()
    for (const { proof } of this.#links.values()) proof.resolve('stopped')
    this.#links.clear()
  }

  /** What signs of life say from here on. */
  set root(root: string) {
    this.#root = root
  }

  /** The whole list of the overlay. */
  watch(peers: readonly WantedPeer[]): void {
    const now = this.#host.clock.now()
    const before = this.#watched
    this.#watched = new Set(peers.flatMap(({ id, watched }) => (watched ? [id] : [])))
    for (const id of this.#watched) if (!before.has(id)) this.#askSoon(id, now)
    this.#wakeWhenDue()
  }

  /**
   * A fresh connection to an overdue peer succeeded. Where the peer has not spoken on the old one meanwhile, that one is
   * dead, and all goes by the new one from here on; otherwise the new one is not needed.
   */
  refreshed(peer: NodeId): void {
    const link = this.#links.get(peer)
    const [first, ...others] = link?.lanes.values() ?? []
    const fresh = others.at(-1)
    if (!link || !first || !fresh) return
    if (first.overdue) return this.#drop(link, 'the peer answers on another connection alone')
    link.lanes.delete(fresh.connection)
    if (link.spokenOn === fresh) link.spokenOn = undefined
    abort(fresh.connection, 'the peer answers on the old connection')
  }

  has(peer: NodeId): boolean {
    return this.#links.has(peer)
  }

  get any(): boolean {
    return this.#links.size > 0
  }

  /** Undefined where it is not connected. */
  connection(peer: NodeId): Connection | undefined {
    return this.#links.get(peer)?.lanes.keys().next().value
  }

  /** Empty once the peer spoke a protocol of this cluster; why, where it is gone before that. */
  async prove(peer: NodeId): Promise<string> {
    return (await this.#links.get(peer)?.proof.promise) ?? 'the connection was closed at once'
  }

  opened(connection: Connection): void {
    if (this.#stopped || connection.status !== 'open') return
    const peer = connection.remotePeer.toString() as NodeId
    const link = this.#links.get(peer) ?? this.#begin(peer)
    const lane: Lane = {
      connection,
      outbox: new Outbox((reason) => this.#lose(link, lane, reason)),
      heard: false,
      overdue: false,
      heardAt: this.#host.clock.now() + settlingMs,
      askedAt: Number.NEGATIVE_INFINITY,
    }
    // Two peers that dial each other at once have two connections, and both stand. Where the peer lost its end of the
    // first one and came anew, that one falls silent.
    link.lanes.set(connection, lane)
    this.#wakeWhenDue()
    void this.#openStream(link, lane)
  }

  closed(connection: Connection): void {
    const link = this.#links.get(connection.remotePeer.toString() as NodeId)
    const lane = link?.lanes.get(connection)
    if (link && lane) this.#lose(link, lane, 'the connection was closed')
  }

  /** The peer spoke a protocol of this cluster. False where it is not connected. */
  met(peer: NodeId): boolean {
    const link = this.#links.get(peer)
    if (!link) return false
    if (link.met) return true
    link.met = true
    link.proof.resolve('')
    const [connection] = link.lanes.keys()
    this.#host.deliver({ type: 'peer-connected', peer, address: remoteAddress(connection) })
    return true
  }

  /** It may come again, and is judged anew. */
  disconnect(peer: NodeId): void {
    const link = this.#links.get(peer)
    if (link) this.#drop(link, 'this node gives it up')
  }

  send(peer: NodeId, word: SyncWord, frame: Uint8Array): void {
    const link = this.#links.get(peer)
    const [oldest] = link?.lanes.values() ?? []
    const lane = link?.spokenOn ?? oldest
    if (lane?.outbox.push(frame)) count(this.#host.traffic.sync.sent[word], frame.length)
  }

  /** A sync stream that the peer opened. */
  read(stream: Stream, connection: Connection): void {
    void readFrames(stream, (frame) => this.#received(connection, frame))
  }

  #begin(peer: NodeId): Link {
    const openedAt = this.#host.clock.now()
    const link: Link = {
      peer,
      lanes: new Map(),
      spokenOn: undefined,
      openedAt,
      proof: Promise.withResolvers<string>(),
      met: false,
    }
    this.#links.set(peer, link)
    return link
  }

  #received(connection: Connection, frame: Uint8Array): void {
    const peer = connection.remotePeer.toString() as NodeId
    const link = this.#links.get(peer)
    const lane = link?.lanes.get(connection)
    if (!link || !lane || !this.met(peer)) return
    lane.heard = true
    this.#hear(lane, this.#host.clock.now())
    const beat = decodeBeat(frame)
    const { received } = this.#host.traffic.sync
    if (beat) {
      count(received.beat, frame.length)
      if (beat.asks) this.#beat(lane, 'answer')
      return this.#host.deliver({ type: 'digest-heard', peer, root: beat.root })
    }
    link.spokenOn = lane
    const account = this.#host.account(connection)
    const decoded = decodeMessage(frame, this.#host.verified, account)
    count(received[decoded.ok ? decoded.value.type : 'broken'], frame.length)
    if (account.isDisgraced) return this.#drop(link, 'the peer forges')
    if (!decoded.ok) return
    const message = decoded.value
    // The core checks their signatures; what is dropped here is offered again at the next comparison.
    if (message.type === 'papers' && !account.mayBringSigned(message.papers.length)) return
    this.#host.deliver({ type: 'sync-received', peer, message })
  }

  async #openStream(link: Link, lane: Lane): Promise<void> {
    try {
      const stream = await lane.connection.newStream(this.#host.syncProtocol, {
        signal: AbortSignal.timeout(openStreamMsMax),
      })
      if (this.#links.get(link.peer)?.lanes.get(lane.connection) !== lane) return
      lane.outbox.opened(stream)
      this.met(link.peer)
    } catch (thrown) {
      const foreign = thrown instanceof Error && thrown.name === 'UnsupportedProtocolError'
      this.#lose(link, lane, foreign ? 'it is an agent of another cluster' : String(thrown))
    }
  }

  /** A waking that comes before anything is due sets the next one. */
  #wakeWhenDue(): void {
    const { clock, watchMs } = this.#host
    const at = this.#nextDue(clock.now())
    if (this.#stopped || at >= this.#wakeAt) return
    this.#cancelWaking?.()
    this.#wakeAt = at
    this.#cancelWaking = clock.schedule(at, () => {
      this.#wakeAt = Number.POSITIVE_INFINITY
      this.#attendAll(clock.now() - at > watchMs * stallShare)
      this.#wakeWhenDue()
    })
  }

  #nextDue(now: Millis): Millis {
    let next = this.#gossipLookAt
    for (const link of this.#links.values()) {
      for (const lane of link.lanes.values()) {
        const { askAt, overdueAt, endAt } = this.#timesOf(link, lane, now)
        next = Math.min(next, askAt, overdueAt, endAt)
      }
    }
    return Math.max(now, next)
  }

  #timesOf({ peer }: Link, { heardAt, askedAt, overdue }: Lane, now: Millis) {
    const { watchMs } = this.#host
    const isWatched = this.#watched.has(peer) || now < this.#alarmUntil
    const askMs = isWatched ? watchMs * askShare : ofOthers.askMs
    const isJudged = isWatched && !overdue
    return {
      askAt: Math.max(heardAt + askMs, askedAt + watchMs * againShare),
      overdueAt: isJudged ? heardAt + watchMs * overdueShare : Number.POSITIVE_INFINITY,
      endAt: heardAt + ofOthers.silenceMs,
    }
  }

  #attendAll(stalled: boolean): void {
    const now = this.#host.clock.now()
    const looks = now >= this.#gossipLookAt
    if (looks) this.#gossipLookAt = now + gossipLookMs
    for (const link of this.#links.values()) {
      for (const lane of link.lanes.values()) {
        if (stalled) this.#hear(lane, now)
        this.#attend(link, lane, now)
      }
      // gossipsub drops a peer whose stream broke, without closing the connection, and never comes back to it.
      if (
        looks &&
        now - link.openedAt > gossipMsMax &&
        !this.#host.gossips(link.peer, link.lanes.keys())
      )
        this.#drop(link, 'gossip does not reach the peer')
    }
  }

  #attend(link: Link, lane: Lane, now: Millis): void {
    const { watchMs, deliver } = this.#host
    const { askAt, overdueAt, endAt } = this.#timesOf(link, lane, now)
    if (endAt <= now) return this.#drop(link, 'the peer is silent')
    if (askAt <= now + watchMs * slackShare) {
      lane.askedAt = now
      this.#beat(lane, 'question')
    }
    if (overdueAt > now) return
    lane.overdue = true
    if (link.met) deliver({ type: 'peer-overdue', peer: link.peer })
    this.#raiseAlarm(now)
  }

  #raiseAlarm(now: Millis): void {
    const { watchMs } = this.#host
    const isNew = now >= this.#alarmUntil
    this.#alarmUntil = now + watchMs * alarmShare
    if (isNew) for (const peer of this.#links.keys()) this.#askSoon(peer, now)
  }

  /** Who was not asked until now is not late yet. */
  #askSoon(peer: NodeId, now: Millis): void {
    const askedMs = this.#host.watchMs * askShare
    for (const lane of this.#links.get(peer)?.lanes.values() ?? []) {
      if (!lane.overdue) lane.heardAt = Math.max(lane.heardAt, now - askedMs)
    }
  }

  #beat({ outbox }: Lane, kind: 'question' | 'answer'): void {
    const isSent = outbox.beat({ asks: kind === 'question', root: this.#root })
    if (isSent) count(this.#host.traffic.sync.sent.beat, beatBytes)
  }

  #hear(lane: Lane, now: Millis): void {
    lane.heardAt = Math.max(lane.heardAt, now)
    lane.overdue = false
  }

  /**
   * gossipsub and we have our streams on one of a peer's connections and do not move them to another: with one
   * connection gone the others are closed too, and the peer is dialled afresh. Except for one that never carried
   * anything: the peer found while it dialled that we are connected already, and denied it.
   */
  #lose(link: Link, lane: Lane, reason: string): void {
    const [first] = link.lanes.values()
    if (lane === first || lane.heard) return this.#drop(link, reason)
    link.lanes.delete(lane.connection)
    if (link.spokenOn === lane) link.spokenOn = undefined
    abort(lane.connection, reason)
  }

  #drop(link: Link, reason: string): void {
    if (this.#links.get(link.peer) !== link) return
    this.#links.delete(link.peer)
    link.proof.resolve(reason)
    for (const connection of link.lanes.keys()) abort(connection, reason)
    if (link.met) this.#host.deliver({ type: 'peer-disconnected', peer: link.peer })
    this.#host.lost(link.peer, this.#host.clock.now() - link.openedAt)
  }
}

function abort(connection: Connection, reason: string): void {
  try {
    connection.abort(new Error(reason))
  } catch {
    // libp2p says goodbye on a connection whose end is under way, and fails at it.
  }
}
