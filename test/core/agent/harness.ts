/** Agents at a table: each with a fake kernel, all with one clock that moves only when told to. */

import assert from 'node:assert/strict'
import { FakeKernel } from '../../../simulations/sim/kernel.ts'
import { LeaseTable } from '../../../simulations/sim/lease-table.ts'
import { Random } from '../../../simulations/sim/random.ts'
import { Agent } from '../../../src/core/agent.ts'
import type { Entry, NodeId } from '../../../src/core/claim/record.ts'
import {
  type CoreConfig,
  type CoreLimits,
  type CoreTiming,
  defaultLimits,
  defaultTiming,
} from '../../../src/core/config.ts'
import type { CommandResult, Effect, Snapshot } from '../../../src/core/effect.ts'
import type { Command, Event } from '../../../src/core/event.ts'
import type { ProbeAnswer } from '../../../src/core/liveness/watch.ts'
import type { Note } from '../../../src/core/note.ts'
import type { Millis } from '../../../src/core/rng.ts'
import type { FirewallAnswer } from '../../../src/core/routing/host-firewall.ts'
import type { KernelChange, RouteChange } from '../../../src/core/routing/route.ts'
import { decodeMessage, encodeMessage } from '../../../src/wire/codec.ts'
import { cluster, defaultPool, nodeOf, prefixOf, type Specimen } from '../specimens.ts'
import { Contract } from './contract.ts'

/** More steps without time passing than any scene here needs: something goes round in circles. */
const stepsMax = 20_000

const nothing: Snapshot = {
  own: { entry: undefined, incarnation: 0, announced: [], gateways: [] },
  known: [],
  leases: { leases: [], resting: [] },
}

export interface HostOptions
  extends Partial<Omit<CoreConfig, 'self' | 'seal' | 'timing' | 'limits'>> {
  readonly timing?: Partial<CoreTiming>
  readonly limits?: Partial<CoreLimits>
  readonly snapshot?: Snapshot
  readonly kernel?: FakeKernel
}

/** How the events of one moment reach an agent: one by one as they came, or otherwise. */
export interface Disorder {
  /** What would arrive together is stepped together. */
  readonly squash?: boolean
  /** Word of others arrives twice. */
  readonly duplicate?: boolean
  /** Word of others arrives in any order. */
  readonly shuffle?: boolean
}

export interface Step {
  readonly at: Millis
  readonly event: Event
  readonly effects: readonly Effect[]
}

export class Host {
  /** Two hosts may run with one identity: this tells them apart. */
  readonly number: number
  readonly node: Specimen
  readonly kernel: FakeKernel
  readonly #table: Table
  readonly #options: HostOptions
  readonly #unjudged = new Map<number, { entry: Entry; from: NodeId }>()
  #agent: Agent
  #contract: Contract
  #inbox: Event[] = []
  #kernelWork: (() => Event)[] = []
  /** Notifications that the kernel has not delivered. */
  #news: (() => void)[] = []
  #ids = 0
  stored: Snapshot
  readonly leaseTable = new LeaseTable()
  /** Everything that was asked for, in order. */
  readonly effects: Effect[] = []
  readonly steps: Step[] = []
  readonly replies = new Map<number, CommandResult>()
  exitCode: number | undefined
  /** While it is true, nothing that the kernel is asked for gets done. */
  kernelIsSlow = false
  firewallAnswer: FirewallAnswer = { restored: [], failed: [] }
  disorder: Disorder = {}

  constructor(table: Table, node: Specimen, options: HostOptions) {
    this.number = table.nextNumber()
    this.#table = table
    this.#options = options
    this.node = node
    this.stored = options.snapshot ?? nothing
    this.#contract = new Contract(this.node.id, this.stored.own)
    this.kernel = options.kernel ?? this.#makeKernel()
    this.#agent = this.#makeAgent()
  }

  get agent(): Agent {
    return this.#agent
  }

  get isIdle(): boolean {
    const hasWork = this.#kernelWork.length > 0 && !this.kernelIsSlow
    return this.#inbox.length === 0 && this.#news.length === 0 && !hasWork
  }

  start(): this {
    this.kernel.watch((event) => this.push(event))
    return this.push({ type: 'started' })
  }

  /** The process ends, as by kill -9, and begins anew with what was stored. The kernel stays as it is. */
  restart(changed: Partial<HostOptions> = {}): this {
    for (const peer of [...this.#table.peersOf(this)]) this.#table.close(this, peer)
    this.#inbox = []
    this.#news = []
    this.#kernelWork = []
    this.exitCode = undefined
    this.#contract = new Contract(this.node.id, this.stored.own)
    this.#agent = this.#makeAgent(changed)
    return this.start()
  }

  push(event: Event): this {
    this.#inbox.push(event)
    return this
  }

  /** Word of another node, by gossip. */
  hear(...entries: readonly Entry[]): this {
    for (const entry of entries) this.gossip(entry, nodeOf(999).id)
    return this
  }

  gossip(entry: Entry, from: NodeId): void {
    this.#ids += 1
    this.#unjudged.set(this.#ids, { entry, from })
    this.push({ type: 'gossip-received', id: this.#ids, from, entry })
  }

  kernelTells(...changes: readonly KernelChange[]): this {
    return this.push({ type: 'kernel-changed', changes })
  }

  /** The id, under which its reply will be found. */
  command(command: Command): number {
    this.#ids += 1
    this.push({ type: 'command', id: this.#ids, command })
    return this.#ids
  }

  /** All that waits at this moment; what follows from it waits for the next turn. */
  turn(): void {
    if (this.exitCode !== undefined) {
      this.#inbox = []
      return
    }
    for (const deliver of this.#news.splice(0)) deliver()
    const events = this.#arranged(this.#inbox)
    this.#inbox = []
    for (const batch of this.disorder.squash ? [events] : events.map((event) => [event])) {
      this.#perform(batch.flatMap((event) => this.#step(event)))
    }
    this.#perform(this.#deadlines())
    if (this.kernelIsSlow) return
    for (const work of this.#kernelWork.splice(0)) this.push(work())
  }

  notes<C extends Note['code']>(code: C): Extract<Note, { code: C }>[] {
    return this.effects
      .flatMap((effect) => (effect.type === 'note' ? [effect.note] : []))
      .filter((note) => note.code === code) as Extract<Note, { code: C }>[]
  }

  of<T extends Effect['type']>(type: T): Extract<Effect, { type: T }>[] {
    return this.effects.filter((effect) => effect.type === type) as Extract<Effect, { type: T }>[]
  }

  get writes(): RouteChange[] {
    return this.of('apply-routes').flatMap(({ changes }) => changes)
  }

  /** Owned routes in the kernel, as `ip route` would list them. */
  get routes(): string[] {
    return this.kernel.routes
      .filter(({ owned }) => owned)
      .map(({ prefix, target }) =>
        target.type === 'via' ? `${prefix.text} via ${target.nextHop.text}` : prefix.text,
      )
      .sort()
  }

  get claims(): string[] {
    return this.#agent
      .view()
      .own.claims.map(({ prefix, state }) =>
        state === 'confirmed' ? prefix.text : `(${prefix.text})`,
      )
  }

  #step(event: Event): Effect[] {
    const effects = this.#agent.step(event, this.#table.now)
    this.#contract.observe(event, effects)
    this.steps.push({ at: this.#table.now, event, effects })
    return effects
  }

  /** A deadline that is still due after it was stepped a few times would keep a shell busy for ever. */
  #deadlines(): Effect[] {
    const effects: Effect[] = []
    for (let steps = 0; this.#agent.nextDeadline().at <= this.#table.now; steps += 1) {
      assert.ok(steps < 5, `no end of deadlines: ${this.#agent.nextDeadline().reason}`)
      effects.push(...this.#step({ type: 'deadline' }))
    }
    return effects
  }

  #perform(effects: readonly Effect[]): void {
    this.effects.push(...effects)
    for (const effect of effects) {
      switch (effect.type) {
        case 'persist-own':
          this.stored = { ...this.stored, own: effect.own }
          break
        case 'persist-known':
          this.stored = { ...this.stored, known: effect.known }
          break
        case 'persist-leases':
          this.leaseTable.apply(effect.changes)
          this.stored = { ...this.stored, leases: this.leaseTable.stored() }
          this.push({ type: 'leases-persisted', error: '' })
          break
        case 'publish':
          for (const peer of this.#table.peersOf(this)) peer.gossip(effect.entry, this.node.id)
          break
        case 'verdict':
          this.#judge(effect)
          break
        case 'send': {
          const decoded = decodeMessage(encodeMessage(effect.message))
          assert.ok(decoded.ok, decoded.ok ? '' : decoded.reason)
          const peer = this.#table.peersOf(this).find(({ node }) => node.id === effect.peer)
          peer?.push({ type: 'sync-received', peer: this.node.id, message: decoded.value })
          break
        }
        case 'probe-peer': {
          const answer = { type: this.#table.answers(this, effect.peer) }
          this.push({ type: 'peer-probed', peer: effect.peer, answer })
          break
        }
        case 'reply':
          assert.ok(!this.replies.has(effect.id), `command ${effect.id} is answered twice`)
          this.replies.set(effect.id, effect.result)
          break
        case 'stop':
          this.exitCode = effect.exitCode
          break
        default:
          this.#askKernel(effect)
      }
    }
  }

  #askKernel(effect: Effect): void {
    const { kernel } = this
    const work = this.#kernelWork
    switch (effect.type) {
      case 'apply-routes':
        work.push(() => ({ type: 'routes-applied', results: kernel.apply(effect.changes) }))
        break
      case 'dump-kernel':
        work.push(() => ({ type: 'kernel-dumped', dump: kernel.dump() }))
        break
      case 'look-up-next-hops':
        work.push(() => ({
          type: 'next-hops-looked-up',
          answers: kernel.lookUpNextHops(effect.questions),
        }))
        break
      case 'look-up-usage':
        work.push(() => ({
          type: 'usage-looked-up',
          answers: kernel.lookUpUsage(effect.questions),
        }))
        break
      case 'locate-uplink':
        work.push(() => ({ type: 'uplink-located', uplink: kernel.locateUplink() }))
        break
      case 'configure-bridge':
        work.push(() => ({ type: 'bridge-configured', error: kernel.configureBridge(effect) }))
        break
      case 'configure-firewall':
        work.push(() => ({ type: 'firewall-configured', answer: this.firewallAnswer }))
        break
      case 'check-forwarding':
        work.push(() => ({ type: 'forwarding-checked', answer: kernel.checkForwarding() }))
        break
    }
  }

  #judge({ id, verdict }: Extract<Effect, { type: 'verdict' }>): void {
    const judged = this.#unjudged.get(id)
    assert.ok(judged, 'a verdict on gossip that was judged before, or never came')
    this.#unjudged.delete(id)
    if (verdict !== 'accept') return
    for (const peer of this.#table.peersOf(this)) {
      if (peer.node.id !== judged.from) peer.gossip(judged.entry, this.node.id)
    }
  }

  #arranged(events: readonly Event[]): Event[] {
    const { duplicate, shuffle } = this.disorder
    if (!duplicate && !shuffle) return [...events]
    const isWord = ({ type }: Event) => type === 'gossip-received' || type === 'sync-received'
    const word = events.filter(isWord)
    const rest = events.filter((event) => !isWord(event))
    const again = duplicate ? word.map((event) => this.#again(event)) : []
    const all = [...word, ...again]
    return [...rest, ...(shuffle ? this.#table.random.shuffled(all) : all)]
  }

  /** A repetition is a message of its own, with its own verdict. */
  #again(event: Event): Event {
    if (event.type !== 'gossip-received') return event
    this.#ids += 1
    this.#unjudged.set(this.#ids, event)
    return { ...event, id: this.#ids }
  }

  #makeAgent(changed: Partial<HostOptions> = {}): Agent {
    const { timing, limits, snapshot: _, kernel: __, ...core } = { ...this.#options, ...changed }
    const config: CoreConfig = {
      self: this.node.id,
      name: this.node.name,
      cluster,
      software: 'test',
      seal: this.node.seal,
      wallOffsetMs: 1_700_000_000_000,
      pools: [defaultPool],
      accept: ['172.16.0.0/12', '10.0.0.0/8', '192.168.0.0/16', 'fd00::/8'].map(prefixOf),
      announce: [],
      reserve: [],
      bootId: 'boot',
      bridge: 'starling0',
      metric: { 4: 0, 6: 1024 },
      port: 7946,
      seeded: false,
      ...core,
      timing: { ...defaultTiming, ...timing },
      limits: { ...defaultLimits, ...limits },
    }
    const random = this.#table.random.fork()
    return new Agent(config, this.stored, () => random.next(), this.#table.now)
  }

  #makeKernel(): FakeKernel {
    const pools = this.#options.pools ?? [defaultPool]
    return new FakeKernel({
      scope: { table: 254, protocol: 83, interest: pools.map((pool) => pool.prefix) },
      addresses: [{ address: this.node.nextHop, length: 16 }],
      later: (deliver) => this.#news.push(deliver),
    })
  }
}

export class Table {
  readonly random: Random
  readonly #hosts: Host[] = []
  readonly #connections = new Set<string>()
  readonly #cut = new Set<string>()
  #numbers = 0
  now: Millis = 1_000

  constructor(seed = 1) {
    this.random = new Random(seed)
  }

  nextNumber(): number {
    this.#numbers += 1
    return this.#numbers
  }

  host(node: Specimen, options: HostOptions = {}): Host {
    const host = new Host(this, node, options)
    this.#hosts.push(host)
    return host
  }

  /** A host that is started and has settled. */
  running(node: Specimen, options: HostOptions = {}): Host {
    const host = this.host(node, options).start()
    this.settle()
    return host
  }

  connect(a: Host, b: Host): void {
    if (this.#connections.has(pairOf(a, b))) return
    this.#connections.add(pairOf(a, b))
    this.#cut.delete(pairOf(a, b))
    a.push({ type: 'peer-connected', peer: b.node.id, address: b.node.nextHop.text })
    b.push({ type: 'peer-connected', peer: a.node.id, address: a.node.nextHop.text })
  }

  cut(a: Host, b: Host): void {
    this.close(a, b)
    this.#cut.add(pairOf(a, b))
  }

  /** Their connection ends, and nothing is between them. */
  close(a: Host, b: Host): void {
    if (!this.#connections.delete(pairOf(a, b))) return
    a.push({ type: 'peer-disconnected', peer: b.node.id })
    b.push({ type: 'peer-disconnected', peer: a.node.id })
  }

  connectAll(): void {
    for (const a of this.#hosts) for (const b of this.#hosts) if (a !== b) this.connect(a, b)
  }

  /** What a dial finds. Hosts that were cut apart do not hear each other; where nobody ever was, nobody listens. */
  answers(host: Host, peer: NodeId): ProbeAnswer['type'] {
    if (this.peersOf(host).some(({ node }) => node.id === peer)) return 'connected'
    const there = this.#hosts.find(
      ({ node, exitCode }) => node.id === peer && exitCode === undefined,
    )
    if (!there) return 'refused'
    return this.#cut.has(pairOf(host, there)) ? 'silent' : 'unknown'
  }

  peersOf(host: Host): Host[] {
    return this.#hosts.filter(
      (other) => other.exitCode === undefined && this.#connections.has(pairOf(host, other)),
    )
  }

  /** Until nothing is under way; no time passes. */
  settle(): void {
    for (let turns = 0; ; turns += 1) {
      assert.ok(turns < stepsMax, 'the agents do not come to rest')
      for (const host of this.#hosts) host.turn()
      if (this.#hosts.every((host) => host.isIdle || host.exitCode !== undefined)) return
    }
  }

  pass(ms: Millis): void {
    const until = this.now + ms
    this.settle()
    for (let turns = 0; ; turns += 1) {
      assert.ok(turns < stepsMax, 'the deadlines follow each other too fast')
      const running = this.#hosts.filter(({ exitCode }) => exitCode === undefined)
      const next = Math.min(...running.map(({ agent }) => agent.nextDeadline().at))
      this.now = Math.min(Math.max(next, this.now), until)
      this.settle()
      if (next > until) return
    }
  }
}

const pairOf = (a: Host, b: Host): string => [a.number, b.number].sort((x, y) => x - y).join('-')
