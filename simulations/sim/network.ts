/** Who can talk to whom and what gets lost on the way: the network that all agents of a swarm share. */

import type { Entry, NodeId } from '../../src/core/claim/record.ts'
import { defaultTiming } from '../../src/core/config.ts'
import type { SyncMessage } from '../../src/core/gossip/message.ts'
import type { ProbeAnswer } from '../../src/core/liveness/watch.ts'
import type { Millis } from '../../src/core/rng.ts'
import { encodeMessage } from '../../src/wire/codec.ts'
import type { Connection } from './connection.ts'
import { Lines } from './lines.ts'
import type { Random } from './random.ts'
import { type Attachment, Station } from './station.ts'
import type { World } from './world.ts'

export interface NetworkFaults {
  /** Least and greatest delay of one message; its spread reorders gossip. */
  readonly latencyMs: readonly [Millis, Millis]
  readonly lossRate: number
  readonly duplicateRate: number
}

/** A line on which signs of life get lost like datagrams; a connection that carries them would mend that. */
export interface Strain {
  readonly lossRate: number
  readonly until: Millis
}

/** A connection at the end of who watches the other one. */
interface Watching {
  readonly station: Station
  readonly connection: Connection<Station>
}

export interface Traffic {
  gossipMessages: number
  syncMessages: number
  bytes: number
  /** Anti-entropy exchanges begun. */
  probes: number
}

/** A gossipsub node forwards to the neighbours of its mesh, not to all that it is connected to. */
const meshDegree = 6
/** Of `watchMs`: when a silent cut is noticed by those who watch, when by those whom they alarm, and what a dial takes then. */
const watchedShare: readonly [number, number] = [2.2, 2.7]
const alarmedShare: readonly [number, number] = [4.4, 5.4]
const silentShare = 1.2
/** A connection that nobody watches is given up after this. */
const forgottenMs: readonly [Millis, Millis] = [25_000, 26_000]
const dialTimeoutMs = 5_000
/** An agent that does not speak is given up so long after its host took the connection. */
const handshakeMs = 5_000
const { watchMs } = defaultTiming

export class Network {
  readonly traffic = new Map<NodeId, Traffic>()
  /** What the strain did. */
  readonly strained = { overdue: 0, silent: 0 }
  #strain: Strain | undefined
  readonly #world: World
  readonly #random: Random
  readonly #faults: NetworkFaults
  readonly #stations = new Map<string, Station>()
  /** Addresses that a host had, and none has now. */
  readonly #vacant = new Set<string>()
  /** The first address of each node that ever listened. */
  readonly #homes = new Map<NodeId, string>()
  readonly #lines = new Lines()

  constructor(world: World, faults: NetworkFaults) {
    this.#world = world
    this.#random = world.random.fork()
    this.#faults = faults
  }

  /** A process starts to listen and to dial. */
  attach(attachment: Attachment): Station {
    const station = new Station(attachment, {
      dial: (address) => this.#dial(station, address),
      after: (delayMs, action) => this.#world.after(delayMs, action),
      jitter: () => this.#random.between(0.8, 1.2),
    })
    const [home] = attachment.addresses
    if (home !== undefined) this.#homes.set(attachment.id, home)
    for (const address of attachment.addresses) this.#stations.set(address, station)
    station.start()
    return station
  }

  /** A process is gone: its kernel closes its connections, and the peers are told. */
  detach(station: Station): void {
    station.stop()
    // Of a host and its copy the one that is left is where its node is.
    const left = this.#running().find(({ id }) => id === station.id)
    const [home] = left?.addresses ?? []
    if (home !== undefined) this.#homes.set(station.id, home)
    for (const connection of station.connections()) {
      const peer = connection.other(station)
      this.#end(station, connection)
      if (!this.#reaches(station, peer)) this.#silence(peer, connection)
    }
  }

  /** A host loses its power, or has it again. Its process is to be ended beside. */
  power(id: NodeId, isOn: boolean): void {
    this.#lines.power(id, isOn)
    this.#cut()
  }

  isDark(id: NodeId): boolean {
    return this.#lines.isDark(id)
  }

  /** What the senders say does not reach the receivers; what these say arrives. Nobody can open a connection. */
  mute(senders: readonly NodeId[], receivers: readonly NodeId[]): void {
    this.#lines.mute(senders, receivers)
    this.#cut()
  }

  unmute(): void {
    this.#lines.unmute()
    this.#restore()
  }

  clog(id: NodeId, extraMs: Millis): void {
    this.#lines.clog(id, extraMs)
  }

  /** The host is reached at other addresses from here on. What was connected to the old ones falls silent. */
  move(station: Station, addresses: readonly string[]): void {
    for (const address of station.addresses) {
      if (this.#stations.get(address) !== station) continue
      this.#stations.delete(address)
      this.#vacant.add(address)
    }
    station.addresses = addresses
    const [home] = addresses
    if (home !== undefined) this.#homes.set(station.id, home)
    for (const address of addresses) {
      this.#stations.set(address, station)
      this.#vacant.delete(address)
    }
    for (const connection of station.connections()) {
      const peer = connection.other(station)
      // Its own kernel resets what had the address that is gone.
      connection.close(station)
      if (peer.isRunning && connection.fallsSilent(peer)) this.#silence(peer, connection)
    }
  }

  /** Connections that come later are spared. */
  set strain(strain: Strain | undefined) {
    this.#strain = strain
    if (strain) this.#miss(strain, this.#watching())
  }

  #watching(): Watching[] {
    return this.#running().flatMap((station) =>
      station
        .connections()
        .filter((connection) => station.watches(connection.other(station).id))
        .map((connection) => ({ station, connection })),
    )
  }

  /** Of two asks one after the other each lost its question or its answer. */
  #miss(strain: Strain, watching: readonly Watching[]): void {
    const rate = (watching.length * lostTwice(strain.lossRate)) / watchMs
    const waitMs = -Math.log(1 - this.#random.next()) / rate
    if (this.#world.now + waitMs > strain.until) return
    this.#world.after(waitMs, () => {
      const { station, connection } = watching[this.#random.below(watching.length)] ?? {}
      if (station && connection?.isOpen(station)) {
        this.strained.overdue += 1
        connection.fallsSilent(station)
        station.deliver({ type: 'peer-overdue', peer: connection.other(station).id })
        this.#hearAgain(station, connection)
      }
      this.#miss(strain, watching)
    })
  }

  /** Whether nothing of the host is reached from that group of nodes, or another one is where it was. */
  isGone(id: NodeId, group: number): boolean {
    const there = this.#homes.get(id)
    const isReplaced = there !== undefined && this.#stations.get(there)?.id !== id
    return this.isDark(id) || this.groupOf(id) !== group || isReplaced
  }

  /** Its agent says nothing from here on, though its kernel holds its connections. */
  freeze(station: Station): void {
    station.isFrozen = true
    for (const connection of station.connections()) {
      const peer = connection.other(station)
      if (connection.fallsSilent(peer)) this.#silence(peer, connection)
    }
  }

  thaw(station: Station): void {
    station.isFrozen = false
    for (const connection of station.connections()) {
      this.#hearAgain(connection.other(station), connection)
    }
  }

  /** Splits the network: nodes in different groups cannot reach each other. Nodes that are not named are in group 0. */
  partition(groups: ReadonlyMap<NodeId, number>): void {
    this.#lines.partition(groups)
    this.#cut()
  }

  heal(): void {
    this.#lines.heal()
    this.#restore()
  }

  /** What is reached again is heard again. */
  #restore(): void {
    for (const station of this.#running()) {
      for (const connection of station.connections()) {
        const peer = connection.other(station)
        if (this.#reaches(station, peer)) this.#hearAgain(station, connection)
      }
    }
  }

  disconnect(from: Station, peer: NodeId): void {
    const connection = from.connection(peer)
    if (connection) this.#end(from, connection)
  }

  /** Dials afresh where the peer says it is. */
  probe(from: Station, peer: NodeId, addresses: readonly string[]): void {
    const [address] = addresses
    const answer = (what: ProbeAnswer['type'], afterMs: Millis) =>
      this.#world.after(afterMs, () => {
        if (!from.isRunning) return
        const connection = from.connection(peer)
        if (what !== 'connected' && what !== 'unknown' && connection) this.#end(from, connection)
        from.deliver({ type: 'peer-probed', peer, answer: { type: what } })
      })
    const roundTripMs = this.#latency(from) + this.#latency(from)
    const to = address === undefined ? undefined : this.#stations.get(address)
    if (address === undefined) return answer('unknown', 0)
    if (!to && this.#vacant.has(address)) return answer('silent', watchMs * silentShare)
    // A host on which no agent ever ran.
    if (!to) return answer('refused', roundTripMs)
    if (!this.#reaches(from, to)) return answer('silent', watchMs * silentShare)
    if (to === from || (to.isRunning && to.id !== peer)) return answer('displaced', roundTripMs)
    if (!to.isRunning) return answer('refused', roundTripMs)
    if (to.isFrozen) return answer('hung', handshakeMs)
    if (this.#strain && this.#random.chance(lostTwice(this.#strain.lossRate))) {
      this.strained.silent += 1
      return answer('silent', watchMs * silentShare)
    }
    this.#world.after(roundTripMs, () => {
      if (from.isRunning && to.isRunning && !from.connection(peer)) from.connect(to, address)
    })
    answer('connected', roundTripMs)
  }

  groupOf(id: NodeId): number {
    return this.#lines.groupOf(id)
  }

  publish(from: Station, entry: Entry): void {
    if (!from.remember(entry.hash, this.#world.now)) return
    for (const connection of from.connections()) this.#gossip(from, connection.other(from), entry)
  }

  /** Only what the core of the receiver accepted is forwarded. */
  forward(from: Station, gossip: { readonly entry: Entry; readonly from: NodeId }): void {
    const others = from.connections().filter(({ other }) => other(from).id !== gossip.from)
    for (const connection of this.#random.sample(others, meshDegree)) {
      this.#gossip(from, connection.other(from), gossip.entry)
    }
  }

  send(from: Station, to: NodeId, message: SyncMessage): void {
    const connection = from.connection(to)
    if (!connection) return
    const peer = connection.other(from)
    const traffic = this.#count(from, encodeMessage(message).length)
    traffic.syncMessages += 1
    if (message.type === 'probe') traffic.probes += 1
    if (!this.#hears(from, peer)) return
    // The peer's kernel knows nothing of a connection that was closed there meanwhile.
    if (!connection.isOpen(peer)) {
      if (!this.#reaches(from, peer)) return
      return this.#world.after(this.#latency(from, peer), () => connection.close(from))
    }
    if (this.#random.chance(this.#faults.lossRate)) return
    // One stream per peer keeps its order.
    const at = connection.inOrder(peer, this.#world.now + this.#latency(from, peer))
    this.#world.plan(at, () => {
      if (connection.isOpen(peer)) {
        peer.deliver({ type: 'sync-received', peer: from.id, message })
      }
    })
  }

  #gossip(from: Station, to: Station, entry: Entry): void {
    this.#count(from, entry.envelope.length + 40).gossipMessages += 1
    const connection = from.connection(to.id)
    if (!connection || !this.#hears(from, to) || this.#random.chance(this.#faults.lossRate)) {
      return
    }
    const arrive = (again: boolean) => () => {
      if (connection.isOpen(to)) to.receive({ entry, from: from.id, again }, this.#world.now)
    }
    const at = this.#world.now + this.#latency(from, to)
    this.#world.plan(at, arrive(false))
    if (this.#random.chance(this.#faults.duplicateRate)) {
      this.#world.plan(at + this.#latency(from, to), arrive(true))
    }
  }

  /** One end is closed, and the other one is told where it is reached. */
  #end(station: Station, connection: Connection<Station>): void {
    const peer = connection.other(station)
    connection.close(station)
    if (this.#reaches(station, peer)) {
      this.#world.after(this.#latency(station, peer), () => connection.close(peer))
    }
  }

  #running(): Station[] {
    return [...new Set(this.#stations.values())].filter(({ isRunning }) => isRunning)
  }

  /** What was cut just now falls silent, at both ends. */
  #cut(): void {
    for (const station of this.#running()) {
      for (const connection of station.connections()) {
        if (this.#reaches(station, connection.other(station))) continue
        if (connection.fallsSilent(station)) this.#silence(station, connection)
      }
    }
  }

  /** Signs of life stop to come: whoever watches notices first, and asks the others. */
  #silence(station: Station, connection: Connection<Station>): void {
    const peer = connection.other(station)
    const isStill = () =>
      station.isRunning &&
      connection.isOpen(station) &&
      !(peer.isRunning && !peer.isFrozen && this.#reaches(station, peer))
    const share = station.watches(peer.id) ? watchedShare : alarmedShare
    this.#world.after(this.#random.between(...share) * watchMs, () => {
      if (isStill()) station.deliver({ type: 'peer-overdue', peer: peer.id })
    })
    this.#world.after(this.#random.between(...forgottenMs), () => {
      if (isStill()) this.#end(station, connection)
    })
  }

  /** The first sign of life after a silence, or word that nobody holds the other end. */
  #hearAgain(station: Station, connection: Connection<Station>): void {
    if (!connection.isSilent(station)) return
    const peer = connection.other(station)
    const laterMs = this.#random.between(0, watchMs / 2) + this.#latency(station, peer)
    this.#world.after(laterMs, () => {
      if (!connection.isOpen(station) || !this.#reaches(station, peer)) return
      if (!connection.isOpen(peer)) return connection.close(station)
      connection.speaks(station)
      station.deliver({ type: 'digest-heard', peer: peer.id, root: peer.root })
    })
  }

  #dial(from: Station, address: string): void {
    const to = this.#stations.get(address)
    const roundTripMs = this.#latency(from, to) + this.#latency(from, to)
    if (to === from) {
      this.#world.after(roundTripMs, () => from.dialled(address, 'self'))
    } else if (to && !this.#reaches(from, to)) {
      this.#world.after(dialTimeoutMs, () => from.dialled(address, 'failed'))
    } else {
      this.#world.after(roundTripMs, () => this.#answer(from, address))
    }
  }

  #answer(from: Station, address: string): void {
    const to = this.#stations.get(address)
    if (!to?.isRunning || to.isFrozen || !from.isRunning || !this.#reaches(from, to)) {
      from.dialled(address, 'failed')
      return
    }
    if (!from.connection(to.id)) from.connect(to, address)
    from.dialled(address, 'connected')
  }

  #count(from: Station, bytes: number): Traffic {
    const fresh = { gossipMessages: 0, syncMessages: 0, bytes: 0, probes: 0 }
    const traffic = this.traffic.get(from.id) ?? fresh
    this.traffic.set(from.id, traffic)
    traffic.bytes += bytes
    return traffic
  }

  #reaches(a: Station, b: Station): boolean {
    return this.#lines.reaches(a.id, b.id)
  }

  #hears(from: Station, to: Station): boolean {
    return this.#lines.hears(from.id, to.id)
  }

  #latency(...ends: readonly (Station | undefined)[]): Millis {
    let extraMs = 0
    for (const end of ends) extraMs += end ? this.#lines.extraMs(end.id) : 0
    return this.#random.between(...this.#faults.latencyMs) + extraMs
  }
}

/** Of two tries each lost its question or its answer. */
const lostTwice = (lossRate: number): number => (1 - (1 - lossRate) ** 2) ** 2
