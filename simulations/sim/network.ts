/** Who can talk to whom and what gets lost on the way: the network that all agents of a swarm share. */

import type { Entry, NodeId } from '../../src/core/claim/record.ts'
import type { SyncMessage } from '../../src/core/gossip/message.ts'
import type { Millis } from '../../src/core/rng.ts'
import { encodeMessage } from '../../src/wire/codec.ts'
import type { Random } from './random.ts'
import { type Attachment, Station } from './station.ts'
import type { World } from './world.ts'

export interface NetworkFaults {
  /** Least and greatest delay of one message; its spread reorders gossip. */
  readonly latencyMs: readonly [Millis, Millis]
  readonly lossRate: number
  readonly duplicateRate: number
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
/** How long a silent cut takes to be noticed: an overdue ping. */
const noticeMs: readonly [Millis, Millis] = [2_000, 4_000]
const dialTimeoutMs = 5_000

export class Network {
  readonly traffic = new Map<NodeId, Traffic>()
  readonly #world: World
  readonly #random: Random
  readonly #faults: NetworkFaults
  readonly #stations = new Map<string, Station>()
  readonly #groups = new Map<NodeId, number>()

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
    for (const address of attachment.addresses) this.#stations.set(address, station)
    station.start()
    return station
  }

  /** A process is gone: its kernel closes its connections, and the peers are told. */
  detach(station: Station): void {
    station.stop()
    for (const address of station.addresses) {
      if (this.#stations.get(address) === station) this.#stations.delete(address)
    }
    for (const connection of station.connections()) {
      const peer = connection.other(station)
      connection.close(station)
      const delayMs = this.#reaches(station, peer) ? this.#latency() : this.#notice()
      this.#world.after(delayMs, () => connection.close(peer))
    }
  }

  /** Splits the network: nodes in different groups cannot reach each other. Nodes that are not named are in group 0. */
  partition(groups: ReadonlyMap<NodeId, number>): void {
    this.#groups.clear()
    for (const [id, group] of groups) this.#groups.set(id, group)
    const cut = [...new Set(this.#stations.values())].flatMap((station) =>
      station
        .connections()
        .filter((connection) => !this.#reaches(station, connection.other(station)))
        .map((connection) => ({ station, connection })),
    )
    for (const { station, connection } of cut) {
      this.#world.after(this.#notice(), () => {
        const peer = connection.other(station)
        if (!this.#reaches(station, peer) || !connection.isOpen(peer)) connection.close(station)
      })
    }
  }

  heal(): void {
    this.#groups.clear()
  }

  groupOf(id: NodeId): number {
    return this.#groups.get(id) ?? 0
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
    if (!this.#reaches(from, peer) || this.#random.chance(this.#faults.lossRate)) return
    // One stream per peer keeps its order.
    const at = connection.inOrder(peer, this.#world.now + this.#latency())
    this.#world.plan(at, () => {
      if (connection.isOpen(peer)) {
        peer.deliver({ type: 'sync-received', peer: from.id, message })
      }
    })
  }

  #gossip(from: Station, to: Station, entry: Entry): void {
    this.#count(from, entry.envelope.length + 40).gossipMessages += 1
    const connection = from.connection(to.id)
    if (!connection || !this.#reaches(from, to) || this.#random.chance(this.#faults.lossRate)) {
      return
    }
    const arrive = (again: boolean) => () => {
      if (connection.isOpen(to)) to.receive({ entry, from: from.id, again }, this.#world.now)
    }
    const at = this.#world.now + this.#latency()
    this.#world.plan(at, arrive(false))
    if (this.#random.chance(this.#faults.duplicateRate)) {
      this.#world.plan(at + this.#latency(), arrive(true))
    }
  }

  #dial(from: Station, address: string): void {
    const roundTripMs = this.#latency() + this.#latency()
    const to = this.#stations.get(address)
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
    if (!to || !from.isRunning || !this.#reaches(from, to)) {
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
    return this.groupOf(a.id) === this.groupOf(b.id)
  }

  #latency(): Millis {
    return this.#random.between(...this.#faults.latencyMs)
  }

  #notice(): Millis {
    return this.#random.between(...noticeMs)
  }
}
