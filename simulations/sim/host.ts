/** One simulated host: its kernel and disk, and the shell that drives its agent in virtual time. */

import { Agent } from '../../src/core/agent.ts'
import type { Entry, Seal } from '../../src/core/claim/record.ts'
import type { CoreConfig } from '../../src/core/config.ts'
import type { CommandResult, Effect, Snapshot } from '../../src/core/effect.ts'
import type { Command, Event } from '../../src/core/event.ts'
import { invariant, unreachable } from '../../src/core/invariant.ts'
import type { Address } from '../../src/core/ip/address.ts'
import type { Note } from '../../src/core/note.ts'
import type { Millis } from '../../src/core/rng.ts'
import type { KeyPair } from '../../src/wire/signature.ts'
import { HostClock } from './host-clock.ts'
import type { FakeKernel } from './kernel.ts'
import type { Network } from './network.ts'
import type { Random } from './random.ts'
import type { Station } from './station.ts'
import type { FakeStore } from './store.ts'
import { summary } from './summary.ts'
import type { World } from './world.ts'

/** What a host lets the swarm watch. */
export interface Watcher {
  /** It is about to be durable: from here on others may hear it, by gossip or by comparing. */
  wrote(host: Host, entry: Entry): void
  published(host: Host, entry: Entry): void
  applied(host: Host, changes: Extract<Effect, { type: 'apply-routes' }>['changes']): void
  /** A command was answered. */
  replied(host: Host, id: number, result: CommandResult): void
  noted(host: Host, note: Note): void
}

export interface HostOptions {
  readonly world: World
  readonly network: Network
  readonly kernel: FakeKernel
  readonly store: FakeStore
  readonly watcher: Watcher
  /** All but what each process finds out at its start. */
  readonly config: Omit<CoreConfig, 'wallOffsetMs' | 'seeded'>
  /** Of its uplink. */
  readonly place: readonly Address[]
  readonly seeds: readonly string[]
  readonly keys: KeyPair
  /** Signs as an agent of a later version does. */
  readonly laterSeal: Seal
  /** How far the host's wall clock is off. */
  readonly clockSkewMs: Millis
}

interface Process {
  readonly agent: Agent
  readonly station: Station
  readonly clock: HostClock
  durableIncarnation: number | undefined
}

// How long a healthy host takes for its calls, in ms.
const syncMs: readonly [Millis, Millis] = [0.3, 4]
const callMs: readonly [Millis, Millis] = [0.1, 1.5]
const routeMs = 0.005
const alarmMsMin = 0.001
/** Clocks run apart by this share at the most. */
const driftMax = 0.002
/** The world begins at this wall clock. */
const epochMs = 1_800_000_000_000

export class Host {
  readonly kernel: FakeKernel
  readonly store: FakeStore
  readonly config: HostOptions['config']
  readonly #options: HostOptions
  readonly #world: World
  readonly #random: Random
  readonly #replies = new Map<number, CommandResult>()
  #process: Process | undefined
  #commandIds = 0
  #exitCode: number | undefined
  #inbox: Event[] = []
  #busy = false
  #isFrozen = false
  #place: readonly Address[]
  #clockSkewMs: Millis
  /** Its agent is of a later version when it is started next. */
  isUpgraded = false
  /** How much longer its kernel takes for each call. */
  kernelDelayMs: Millis = 0
  /** When the next process ends: at so many writes to its disk from its start on, before or after one. */
  crashAt: { readonly write: number; readonly moment: 'before' | 'after' } | undefined
  #writes = 0
  #alarmAt: Millis = Number.POSITIVE_INFINITY

  constructor(options: HostOptions) {
    this.kernel = options.kernel
    this.store = options.store
    this.config = options.config
    this.#options = options
    this.#world = options.world
    this.#random = options.world.random.fork()
    this.#place = options.place
    this.#clockSkewMs = options.clockSkewMs
  }

  get name(): string {
    return this.config.name
  }

  /** Multiaddrs that reach it. */
  get addresses(): readonly string[] {
    return this.#place.map((address) => dialable(address, this.config.port))
  }

  get keys(): KeyPair {
    return this.#options.keys
  }

  /** Addresses of its uplink. */
  get place(): readonly Address[] {
    return this.#place
  }

  get isRunning(): boolean {
    return this.#process !== undefined
  }

  get agent(): Agent | undefined {
    return this.#process?.agent
  }

  /** Of the last process that ended by itself. */
  get exitCode(): number | undefined {
    return this.#exitCode
  }

  /** Starts a process from what the disk holds. */
  start(): void {
    invariant(!this.#process, 'a host runs one agent')
    const snapshot = this.store.load()
    const station = this.#options.network.attach({
      id: this.config.self,
      addresses: this.addresses,
      seeds: this.#options.seeds,
      hasMember: (node) => this.#process?.agent.hasMember(node) === true,
      deliver: (event) => this.#deliver(event),
    })
    const clock = new HostClock(this.#world.now, {
      start: this.#random.below(1_000_000),
      rate: 1 + this.#random.between(-driftMax, driftMax),
    })
    const agent = this.#agentFrom(snapshot, clock)
    this.#process = { agent, station, clock, durableIncarnation: undefined }
    this.#writes = 0
    this.#exitCode = undefined
    this.#inbox = []
    this.#busy = false
    this.#alarmAt = Number.POSITIVE_INFINITY
    this.kernel.watch((event) => this.#deliver(event))
    this.#deliver({ type: 'started' })
  }

  /** Like kill -9: the kernel keeps its routes, the disk what was synced. */
  crash(): void {
    this.#trace('! crash')
    this.store.crash()
    this.#end()
  }

  /** Its agent stands still, and its kernel goes on. */
  freeze(): void {
    this.#trace('! freeze')
    this.#isFrozen = true
    if (this.#process) this.#options.network.freeze(this.#process.station)
  }

  /** What came meanwhile is heard at once. */
  thaw(): void {
    this.#trace('! thaw')
    this.#isFrozen = false
    if (!this.#process) return
    this.#options.network.thaw(this.#process.station)
    this.#deliver({ type: 'deadline' })
  }

  /** Its wall clock is set; its processes find that out when they start. */
  setClock(skewMs: Millis): void {
    this.#trace(`! clock ${skewMs}`)
    this.#clockSkewMs = skewMs
  }

  /** Its uplink has other addresses from here on, and none of the old ones. */
  readdress(place: readonly Address[]): void {
    this.#trace(`! addresses ${place.map(({ text }) => text).join(' ')}`)
    this.#place = place
    if (this.#process) this.#options.network.move(this.#process.station, this.addresses)
    this.kernel.readdress(place.map((address) => ({ address, length: lengthOf(address) })))
  }

  command(command: Command): number {
    this.#commandIds += 1
    this.#deliver({ type: 'command', id: this.#commandIds, command })
    return this.#commandIds
  }

  replyTo(id: number): CommandResult | undefined {
    return this.#replies.get(id)
  }

  #agentFrom(snapshot: Snapshot, clock: HostClock): Agent {
    const { seeds } = this.#options
    const { now } = this.#world
    const config: CoreConfig = {
      ...this.config,
      ...(this.isUpgraded ? { seal: this.#options.laterSeal, software: 'starling/later' } : {}),
      wallOffsetMs: epochMs + now + this.#clockSkewMs - clock.at(now),
      seeded: seeds.length > 0 || snapshot.known.length > 0,
    }
    const rng = this.#random.fork()
    return new Agent(config, snapshot, () => rng.next(), clock.at(now))
  }

  #end(): void {
    const ended = this.#process
    if (!ended) return
    this.#process = undefined
    this.kernel.unwatch()
    this.#options.network.detach(ended.station)
  }

  #deliver(event: Event): void {
    const process = this.#process
    if (!process) return
    this.#inbox.push(event)
    if (!this.#busy && !this.#isFrozen) this.#wake(process)
  }

  /** One turn: steps every waiting event, then performs the effects of all of them. */
  #wake(process: Process): void {
    this.#busy = true
    this.#whileAlive(process, 0, () => {
      const effects = this.#inbox.splice(0).flatMap((event) => this.#step(process, event))
      this.#perform(process, effects)
    })
  }

  #step({ agent, clock }: Process, event: Event): Effect[] {
    this.#trace(`< ${summary(event)}`)
    return agent.step(event, clock.at(this.#world.now))
  }

  /** One durable write for all effects of a turn, awaited, then the rest in order; gossip may go before it, as in the daemon. */
  #perform(process: Process, effects: readonly Effect[]): void {
    for (const effect of effects) {
      this.#trace(`> ${summary(effect)}`)
      if (effect.type === 'persist-own' && effect.own.entry) {
        this.#options.watcher.wrote(this, effect.own.entry)
      }
    }
    const newest = effects.findLast((effect) => effect.type === 'persist-own')
    const others = effects.filter((effect) => effect.type !== 'persist-own')
    const isEarly = newest !== undefined && newest.own.incarnation === process.durableIncarnation
    const isGossip = (effect: Effect): boolean => isEarly && effect.type === 'publish'
    const finish = () => {
      if (newest) process.durableIncarnation = newest.own.incarnation
      for (const effect of others) {
        if (this.#process === process && !isGossip(effect)) this.#effect(process, effect)
      }
      this.#endTurn(process)
    }
    for (const effect of others) if (isGossip(effect)) this.#effect(process, effect)
    if (!newest) finish()
    else this.#write((synced) => this.store.persistOwn(newest.own, synced), finish)
  }

  /** Ends the process on either side of it, where that is its lot. */
  #write(persist: (synced: () => void) => void, done: () => void): void {
    this.#writes += 1
    const isLast = this.#writes === this.crashAt?.write
    if (isLast && this.crashAt?.moment === 'before') return this.crash()
    persist(() => (isLast ? this.crash() : done()))
  }

  #endTurn(process: Process): void {
    if (this.#process !== process) return
    this.#busy = false
    if (this.#isFrozen) return
    if (this.#inbox.length > 0) this.#wake(process)
    else this.#arm(process)
  }

  #arm(process: Process): void {
    const at = process.clock.worldAt(process.agent.nextDeadline().at)
    if (at === Number.POSITIVE_INFINITY) return
    // An alarm that rings early finds nothing due and arms the next one.
    if (at >= this.#alarmAt && this.#alarmAt > this.#world.now) return
    // Rounding must not make an alarm ring for ever at the moment just before its deadline.
    const alarmAt = Math.max(at, this.#world.now + alarmMsMin)
    this.#alarmAt = alarmAt
    this.#world.plan(alarmAt, () => {
      if (this.#process !== process || this.#alarmAt !== alarmAt) return
      this.#alarmAt = Number.POSITIVE_INFINITY
      if (this.#isDue(process)) this.#deliver({ type: 'deadline' })
      else if (!this.#busy) this.#arm(process)
    })
  }

  /** In the agent's own clock, as it will judge itself. */
  #isDue({ agent, clock }: Process): boolean {
    return agent.nextDeadline().at <= clock.at(this.#world.now)
  }

  #effect(process: Process, effect: Exclude<Effect, { type: 'persist-own' }>): void {
    const { network, watcher } = this.#options
    const { kernel } = this
    const { station } = process
    switch (effect.type) {
      case 'persist-known':
        return this.store.persistKnown(effect.known)
      case 'persist-leases':
        return this.#write(
          (synced) => this.store.persistLeases(effect.changes, synced),
          () => this.#deliver({ type: 'leases-persisted', error: '' }),
        )
      case 'look-for-containers':
        // A simulated host shows no containers: what is not seen alive is never missed.
        return this.#call(process, 1, () => ({ type: 'containers-looked-for', answers: [] }))
      case 'probe-addresses':
        return this.#call(process, 1, () => ({ type: 'addresses-probed', silent: [] }))
      case 'publish':
        watcher.published(this, effect.entry)
        return network.publish(station, effect.entry)
      case 'verdict': {
        const gossip = station.judge(effect.id, effect.verdict)
        return gossip && network.forward(station, gossip)
      }
      case 'send':
        return network.send(station, effect.peer, effect.message)
      case 'digest':
        station.root = effect.root
        return
      case 'probe-peer':
        return network.probe(station, effect.peer, effect.addresses)
      case 'connect':
        return station.want(effect.peers)
      case 'discover':
      case 'seek':
        // Hosts of the simulator are told of each other by seeds.
        return
      case 'apply-routes': {
        const { changes } = effect
        watcher.applied(this, changes)
        return this.#call(process, changes.length * routeMs, () => ({
          type: 'routes-applied',
          results: kernel.apply(changes),
        }))
      }
      case 'dump-kernel':
        return this.#call(process, 1, () => ({ type: 'kernel-dumped', dump: kernel.dump() }))
      case 'look-up-next-hops':
        return this.#call(process, effect.questions.length * routeMs, () => ({
          type: 'next-hops-looked-up',
          answers: kernel.lookUpNextHops(effect.questions),
        }))
      case 'look-up-usage':
        return this.#call(process, effect.questions.length * routeMs, () => ({
          type: 'usage-looked-up',
          answers: kernel.lookUpUsage(effect.questions),
        }))
      case 'locate-uplink':
        return this.#call(process, 0, () => ({
          type: 'uplink-located',
          uplink: kernel.locateUplink(),
        }))
      case 'configure-bridge':
        return this.#call(process, 1, () => ({
          type: 'bridge-configured',
          error: kernel.configureBridge(effect),
        }))
      case 'configure-firewall':
        return this.#call(process, 1, () => ({
          type: 'firewall-configured',
          answer: { restored: [], failed: [] },
        }))
      case 'check-forwarding':
        return this.#call(process, 0, () => ({
          type: 'forwarding-checked',
          answer: kernel.checkForwarding(),
        }))
      case 'disconnect':
        return network.disconnect(station, effect.peer)
      case 'reply':
        this.#replies.set(effect.id, effect.result)
        return watcher.replied(this, effect.id, effect.result)
      case 'note':
        return watcher.noted(this, effect.note)
      case 'stop':
        this.#exitCode = effect.exitCode
        return this.#end()
      default:
        return unreachable(effect)
    }
  }

  /** The kernel does it and answers at one moment: what it tells of later changes comes after the answer. */
  #call(process: Process, extraMs: Millis, answer: () => Event): void {
    const delayMs = this.#random.between(...callMs) + extraMs + this.kernelDelayMs
    this.#whileAlive(process, delayMs, () => this.#deliver(answer()))
  }

  #whileAlive(process: Process, delayMs: Millis, action: () => void): void {
    this.#world.after(delayMs, () => {
      if (this.#process === process) action()
    })
  }

  #trace(what: string): void {
    this.#world.trace.add(`${this.#world.now} ${this.name} ${what}`)
  }
}

export const lengthOf = ({ family }: Address): number => (family === 4 ? 16 : 64)

export const dialable = (address: Address, port: number): string =>
  `/ip${address.family}/${address.text}/tcp/${port}`

/** How long a write of the fake disk takes. */
export const syncDelay = (random: Random): Millis => random.between(...syncMs)
