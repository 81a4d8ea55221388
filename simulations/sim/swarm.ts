/** A number of hosts on one network, watched by every checker: what a scenario plays with. */

import { type Entry, isRecord, type NodeId, type NodeRecord } from '../../src/core/claim/record.ts'
import type { CoreTiming } from '../../src/core/config.ts'
import type { CommandResult } from '../../src/core/effect.ts'
import type { Command } from '../../src/core/event.ts'
import { invariant } from '../../src/core/invariant.ts'
import type { Address } from '../../src/core/ip/address.ts'
import type { Pool } from '../../src/core/ip/pool.ts'
import type { Prefix } from '../../src/core/ip/prefix.ts'
import type { Lease } from '../../src/core/ipam/lease.ts'
import type { Note } from '../../src/core/note.ts'
import type { Millis } from '../../src/core/rng.ts'
import type { KernelRoute, RouteChange } from '../../src/core/routing/route.ts'
import { Allocations } from './allocations.ts'
import {
  type Activity,
  Authenticity,
  agreement,
  aliensUntouched,
  claiming,
  convergence,
  fewConnections,
  inSyncGate,
  noTheft,
  quiet,
  undisturbed,
  uniqueness,
  Versions,
} from './checkers.ts'
import { Expectation } from './expectation.ts'
import type { Host, Watcher } from './host.ts'
import { Insider } from './insider.ts'
import { uplinkIndex } from './kernel.ts'
import { leasesLive } from './lease-checkers.ts'
import type { Ledger } from './ledger.ts'
import { Ledgers } from './ledgers.ts'
import { type Likeness, makeHost, placeOf } from './make-host.ts'
import { Network, type NetworkFaults } from './network.ts'
import type { Island, Observed, Violation } from './observed.ts'
import { type Phase, PhaseInProgress, sum, type Work } from './phase.ts'
import { keyText } from './route-table.ts'
import { type Mark, type Sample, sampleOf } from './sampling.ts'
import type { World } from './world.ts'

export interface SwarmOptions {
  readonly world: World
  readonly nodes: number
  readonly faults: NetworkFaults
  readonly pool: Pool
  /** Indices of the hosts that every host has as its seeds. */
  readonly seeds: readonly number[]
  readonly timing?: Partial<CoreTiming>
  /** How often it is looked at for a report; undefined: never. */
  readonly sampleMs?: Millis
}

export interface Sizes {
  readonly known: number
  readonly tombstones: number
  readonly fences: number
  /** Of the entries that are stored. */
  readonly bytes: number
}

/** Ends a scenario: nothing that follows would mean anything. */
export class NotSettled extends Error {}

const pollMs = 100
const answerMsMax = 10_000
/** Gossip that is still under way when the last kernel is complete has this long to end. */
const drainMs = 10_000
const quietMs = 60_000
/** How often what must always hold is looked at. */
const lookMs = 500

export class Swarm implements Watcher {
  readonly world: World
  readonly network: Network
  readonly hosts: Host[]
  readonly phases: Phase[] = []
  readonly violations: Violation[] = []
  readonly remarks: string[] = []
  /** How the swarm fared, once in each `sampleMs` where that is set. */
  readonly samples: Sample[] = []
  /** What was done to it, by when. */
  readonly marks: Mark[] = []
  onNote: (note: Note) => void = () => undefined
  readonly #make: (index: number, likeness?: Likeness) => Host
  readonly #planted = new Map<Host, Map<string, KernelRoute>>()
  readonly #inSync = new Set<Host>()
  /** Hosts whose agent must be running. */
  readonly #wanted = new Set<Host>()
  #laggard: NodeId | undefined
  readonly #ledgers = new Ledgers()
  readonly #versions = new Versions()
  readonly #authenticity = new Authenticity()
  readonly #allocations = new Allocations()
  /** Of every host that there ever was. */
  readonly #nodes = new Set<NodeId>()
  readonly #insiders: Insider[] = []
  /** Of processes that have published nothing yet. */
  readonly #bootedWith = new Map<Host, Entry>()
  readonly #pool: Pool
  #published = 0
  #moves = 0
  #phase: PhaseInProgress

  constructor(options: SwarmOptions) {
    this.world = options.world
    this.#pool = options.pool
    this.network = new Network(options.world, options.faults)
    const around = { timing: {}, ...options, network: this.network, watcher: this }
    this.#make = (index, likeness) => {
      const host = makeHost(index, around, likeness)
      this.#planted.set(host, new Map())
      this.#nodes.add(host.config.self)
      return host
    }
    this.hosts = Array.from({ length: options.nodes }, (_, index) => this.#make(index))
    this.#phase = this.#newPhase()
    if (options.sampleMs !== undefined) this.#sampleEvery(options.sampleMs)
  }

  mark(what: string): void {
    this.marks.push({ atMs: this.world.now, what })
  }

  #sampleEvery(everyMs: Millis): void {
    const sample = sampleOf(this.running, this.#islands(), this.#work())
    this.samples.push({ atMs: this.world.now, ...sample })
    this.world.after(everyMs, () => this.#sampleEvery(everyMs))
  }

  host(index: number): Host {
    const host = this.hosts[index]
    invariant(host !== undefined, 'a scenario names hosts that exist')
    return host
  }

  get running(): Host[] {
    return this.hosts.filter((host) => host.isRunning)
  }

  /** Starts hosts at random moments within `spreadMs`. */
  start(hosts: readonly Host[], spreadMs: Millis): void {
    for (const host of hosts) {
      this.#wanted.add(host)
      this.world.after(this.world.random.between(0, spreadMs), () => this.#boot(host))
    }
  }

  /** Like kill -9. */
  crash(host: Host): void {
    this.mark(`crash ${host.name}`)
    this.#wanted.delete(host)
    host.crash()
  }

  /** Nobody reaches the host from here on, and nobody is told. */
  powerOff(host: Host): void {
    this.mark(`power off ${host.name}`)
    this.network.power(host.config.self, false)
    this.crash(host)
  }

  powerOn(host: Host): void {
    this.mark(`power on ${host.name}`)
    this.network.power(host.config.self, true)
    this.start([host], 0)
  }

  /** Another host where this one was: with its addresses, and nothing of what it had stored. */
  setUpAnew(host: Host): Host {
    this.mark(`${host.name} set up anew`)
    const index = this.hosts.indexOf(host)
    this.crash(host)
    this.#allocations.grants.forget(host)
    const anew = this.#make(index, { place: host.place })
    this.hosts[index] = anew
    this.start([anew], 0)
    return anew
  }

  /** Whether another host has stored what this one wrote last: otherwise all may forget it, once its own state is gone. */
  isHeard(host: Host): boolean {
    const hash = ownEntry(host)?.hash
    return this.hosts.some(
      (other) =>
        other !== host && other.store.load().known.some(({ entry }) => entry.hash === hash),
    )
  }

  /** A new host in place of one that has left for good. */
  replace(host: Host): Host {
    const index = this.hosts.indexOf(host)
    const fresh = this.#make(index)
    this.hosts[index] = fresh
    return fresh
  }

  /** Another host that was started from a copy of this one's disk. None of those that must run. */
  copy(host: Host): Host {
    this.#moves += 1
    const index = this.hosts.length + this.#moves
    const twin = this.#make(index, { place: placeOf(index + 4_096), keys: host.keys })
    twin.store.copy(host.store.load())
    this.#versions.exempt(host.config.self)
    this.#boot(twin)
    return twin
  }

  /** What a host knows and stores. */
  sizeOf(host: Host): Sizes {
    const view = host.agent?.view()
    return {
      known: view?.nodes.length ?? 0,
      tombstones: view?.tombstones ?? 0,
      fences: view?.fences ?? 0,
      bytes: sum(storedBy(host), ({ envelope }) => envelope.length),
    }
  }

  /** Told at the end, beside what is measured of each phase. */
  remark(text: string): void {
    this.remarks.push(text)
  }

  /** The host has addresses from here on that nobody had before. */
  readdress(host: Host): void {
    this.mark(`${host.name} has other addresses`)
    this.#moves += 1
    host.readdress(placeOf(this.hosts.length + 4_096 + this.#moves))
  }

  /** Runs until the host's agent has left and ended. */
  leave(host: Host): void {
    this.#wanted.delete(host)
    host.command({ type: 'leave' })
    this.world.runUntil(() => !host.isRunning, { withinMs: answerMsMax, everyMs: 10 })
    this.expect(host.exitCode === 0, `the leaver ended with ${host.exitCode}`, host.name)
  }

  /** Runs until the command is answered. */
  command(host: Host, command: Command): void {
    this.#await(host, host.command(command), command.type)
  }

  #await(host: Host, id: number, what: string): void {
    this.world.runUntil(() => host.replyTo(id) !== undefined, {
      withinMs: answerMsMax,
      everyMs: 10,
    })
    const result = host.replyTo(id)
    this.expect(result?.ok === true, result?.message ?? `${what}: no answer`, host.name)
  }

  /** Grants so many addresses to as many new containers. */
  allocate(host: Host, containers: number): void {
    for (let count = 0; count < containers; count += 1) {
      this.#await(host, this.#allocations.ask(host), 'allocate')
    }
  }

  /** Grants one address to a new container that asks for it. */
  allocateAt(host: Host, address: Address): void {
    this.#await(host, this.#allocations.ask(host, [address]), 'allocate')
  }

  /** As `allocate` of a few, without waiting for an answer. */
  tryAllocate(host: Host): void {
    for (let count = 0; count < 3 && host.isRunning; count += 1) this.#allocations.ask(host)
  }

  /** Ends the containers whose leases are among those. */
  release(host: Host, leases: readonly Lease[]): void {
    for (const { attachment } of leases) {
      this.#allocations.grants.mayBeReleased(host, attachment.id)
      this.command(host, { type: 'release', attachment, address: undefined })
    }
  }

  /** No agent runs: what is on no disk was never said. */
  forgetUnstored(): void {
    this.#ledgers.reduce((group) =>
      this.#hostsIn(group, this.hosts)
        .flatMap(storedBy)
        .filter(({ body }) => this.#nodes.has(body.origin)),
    )
  }

  partition(groups: readonly (readonly Host[])[]): void {
    this.mark('partition')
    const groupOf = new Map(
      groups.flatMap((hosts, group) => hosts.map((host) => [host.config.self, group] as const)),
    )
    this.#ledgers.part(groups.length)
    this.network.partition(groupOf)
    this.world.trace.add(`${this.world.now} partition ${groups.map((g) => g.length).join(' ')}`)
  }

  heal(): void {
    this.mark('heal')
    this.#ledgers.join()
    this.network.heal()
    this.world.trace.add(`${this.world.now} heal`)
  }

  /** Puts an alien route into a kernel; it replaces what has its key. */
  plant(host: Host, route: Omit<KernelRoute, 'owned'>): void {
    const alien = { ...route, owned: false }
    this.#planted.get(host)?.set(keyText(route), alien)
    host.kernel.putRoute(alien)
  }

  unplant(host: Host, route: Omit<KernelRoute, 'owned'>): void {
    this.#planted.get(host)?.delete(keyText(route))
    host.kernel.removeRoute(route)
  }

  /** Runs until every checker is content, within the bound; otherwise reports what is wrong and ends the scenario. */
  settle(name: string, withinMs: Millis = 90_000): void {
    const isSettled = this.world.runUntil(() => this.#isSettled(), {
      withinMs,
      everyMs: pollMs,
    })
    if (!isSettled) {
      for (const found of this.#discontent()) {
        this.violations.push({ ...found, what: `${found.what} (${name}, after ${withinMs} ms)` })
      }
      throw new NotSettled(name)
    }
    const end = { hosts: this.running.length, work: this.#work() }
    this.phases.push(this.#phase.end(name, end, this.world.now))
    this.mark(`settled: ${name}`)
    this.#phase = this.#newPhase()
  }

  /** Runs on; what follows is measured from then. */
  rest(forMs: Millis): void {
    this.world.runFor(forMs)
    this.#phase = this.#newPhase()
  }

  /** Runs on for a minute in which nothing may be written or gossiped. */
  stayQuiet(name: string): void {
    this.world.runFor(drainMs)
    const before = this.#activity()
    this.world.runFor(quietMs)
    this.violations.push(...fewConnections(this.running.map((host) => this.#observe(host))))
    this.violations.push(...quiet(name, before, this.#activity()), ...this.#discontent())
    this.violations.push(...this.#untruths())
    this.#phase = this.#newPhase()
  }

  /** Who is a member, and no agent. */
  insider(): Insider {
    const addresses = this.hosts.flatMap((host) => host.addresses.slice(0, 1))
    const insider = new Insider(this.world, this.network, { pool: this.#pool, addresses })
    this.#insiders.push(insider)
    return insider
  }

  /** Runs on; at every look each of the hosts that run has the subnet that it has now, and is believed. */
  endure(name: string, forMs: Millis): void {
    const held = new Map<NodeId, Prefix>()
    for (const host of this.running) {
      const [claim] = ownRecord(host)?.claims ?? []
      if (claim) held.set(host.config.self, claim.prefix)
    }
    const end = this.world.now + forMs
    while (this.world.now < end) {
      this.world.runFor(lookMs)
      const hosts = this.running.map((host) => this.#observe(host))
      const islands = this.#islands()
      const found = [
        ...undisturbed(hosts, held),
        ...islands.flatMap((island) => leasesLive(island)),
        ...this.#authenticity.violations(hosts),
      ]
      for (const each of found) this.violations.push({ ...each, what: `${each.what} (${name})` })
      if (found.length > 0) throw new NotSettled(name)
    }
    this.#phase = this.#newPhase()
  }

  /** What a host published last. */
  wordOf(host: Host): Entry<NodeRecord> | undefined {
    return ownEntry(host)
  }

  expect(condition: boolean, what: string, host = 'all'): void {
    if (!condition) this.violations.push({ checker: 'scenario', host, what })
  }

  /** The confirmed subnet of a host, as text. */
  subnetOf(host: Host): string | undefined {
    return ownRecord(host)?.claims.find(({ state }) => state === 'confirmed')?.prefix.text
  }

  /** Of a swarm that agrees every host says that it does. */
  #untruths(): Violation[] {
    return this.running
      .filter(({ agent }) => agent?.view().convergence.digestsEqual === false)
      .map(({ name }) => ({ checker: 'truth', host: name, what: 'it does not say that it agrees' }))
  }

  // What the hosts do

  wrote(_host: Host, entry: Entry): void {
    this.#authenticity.wrote(entry)
  }

  published(host: Host, entry: Entry): void {
    const ledger = this.#ledgerOf(host)
    const before = this.#durablyBefore(host, entry) ?? ledger.get(entry.body.origin)
    this.#published += 1
    this.violations.push(...this.#versions.published(host, entry))
    if (entry.body.origin === host.config.self) {
      this.violations.push(
        ...noTheft(host, { before, after: entry }, ledger.past, {
          fenceOf: (prefix) => ledger.fenceOf(prefix),
          support: (owned) => ledger.support(owned),
        }),
      )
    }
    ledger.write(entry)
  }

  applied(host: Host, changes: readonly RouteChange[]): void {
    this.#phase.applied(this.world.now)
    this.violations.push(
      ...inSyncGate(host, this.#inSync.has(host), changes),
      ...aliensUntouched([this.#observe(host)]),
    )
  }

  replied(host: Host, id: number, result: CommandResult): void {
    this.violations.push(...this.#allocations.replied(host, id, result))
  }

  noted(host: Host, note: Note): void {
    if (note.code === 'in-sync') this.#inSync.add(host)
    this.#phase.noted(note, this.world.now)
    this.onNote(note)
  }

  /** What a process began with: its word that was gossiped while it was written may be forgotten. */
  #durablyBefore(host: Host, { body }: Entry): Entry | undefined {
    if (body.origin !== host.config.self) return undefined
    const stored = this.#bootedWith.get(host)
    const isFirst = stored && body.version.incarnation > stored.body.version.incarnation
    this.#bootedWith.delete(host)
    return isFirst ? stored : undefined
  }

  #boot(host: Host): void {
    // Two faults that overlap may both want it back.
    if (host.isRunning) return
    this.#inSync.delete(host)
    const { entry } = host.store.load().own
    if (entry) this.#bootedWith.set(host, entry)
    host.start()
  }

  /** Like `discontent`, but stops at the first find: it is asked often, and mostly in vain. */
  #isSettled(): boolean {
    if ([...this.#wanted].some((host) => !host.isRunning)) return false
    for (const island of this.#islands()) {
      if (new Set(island.hosts.map((host) => host.view().root)).size > 1) return false
      if (claiming(island).length > 0) return false
      const expectation = new Expectation(island)
      // Whoever lagged behind at the last look does so at most of the next ones.
      for (const host of island.hosts.toSorted((a) => (a.id === this.#laggard ? -1 : 0))) {
        if (expectation.isMet(host)) continue
        if (convergence({ ...island, hosts: [host] }).length === 0) continue
        this.#laggard = host.id
        return false
      }
    }
    return this.#discontent().length === 0
  }

  #discontent(): Violation[] {
    const idle = [...this.#wanted].filter((host) => !host.isRunning)
    return [
      ...idle.map(({ name }) => ({ checker: 'running', host: name, what: 'no agent runs' })),
      ...aliensUntouched(this.running.map((host) => this.#observe(host))),
      ...this.#allocations.grants.kept(this.running.map((host) => this.#observe(host))),
      ...this.#islands().flatMap((island) =>
        [claiming, uniqueness, convergence, agreement, leasesLive].flatMap((check) =>
          check(island),
        ),
      ),
    ]
  }

  #islands(): Island[] {
    return [...this.#ledgers.all()].flatMap(([group, ledger]) => {
      const hosts = this.#hostsIn(group, this.running)
      for (const host of hosts) {
        const { entry } = host.store.load().own
        if (entry) ledger.write(entry)
      }
      if (hosts.length === 0) return []
      const { records } = ledger
      return [
        {
          hosts: hosts.map((host) => this.#observe(host)),
          standings: ledger.standings,
          records,
          keepers: records.filter(({ kept }) => kept.length > 0),
          recordOf: (origin: NodeId) => {
            const body = ledger.get(origin)?.body
            return body?.kind === 'record' ? body : undefined
          },
          isGone: (origin: NodeId) => this.network.isGone(origin, group),
          isStrange: ({ text }: Prefix) => this.#insiders.some(({ wanted }) => wanted.has(text)),
        },
      ]
    })
  }

  #observe(host: Host): Observed {
    return {
      name: host.name,
      id: host.config.self,
      config: host.config,
      own: ownRecord(host),
      routes: host.kernel.routes,
      uplink: uplinkIndex,
      bridge: host.kernel.linkIndex(host.config.bridge),
      leases: leasesOf(host),
      planted: [...(this.#planted.get(host)?.values() ?? [])],
      view: () => {
        const { agent } = host
        invariant(agent !== undefined, 'only running hosts are viewed')
        return agent.view()
      },
    }
  }

  #activity(): Activity {
    const { kernelWrites, gossipMessages } = this.#work()
    return { kernelWrites, published: this.#published, gossip: gossipMessages }
  }

  #newPhase(): PhaseInProgress {
    return new PhaseInProgress(this.#work(), this.world.now)
  }

  #work(): Work {
    const traffic = [...this.network.traffic.values()]
    return {
      gossipMessages: sum(traffic, (of) => of.gossipMessages),
      syncMessages: sum(traffic, (of) => of.syncMessages),
      bytes: sum(traffic, ({ bytes }) => bytes),
      probes: sum(traffic, ({ probes }) => probes),
      kernelWrites: sum(this.hosts, ({ kernel }) => kernel.writes),
    }
  }

  #ledgerOf(host: Host): Ledger {
    return this.#ledgers.of(this.network.groupOf(host.config.self))
  }

  #hostsIn(group: number, hosts: readonly Host[]): Host[] {
    return hosts.filter((host) => this.network.groupOf(host.config.self) === group)
  }
}

function ownEntry(host: Host): Entry<NodeRecord> | undefined {
  const { entry } = host.store.load().own
  return entry && isRecord(entry) ? entry : undefined
}

const ownRecord = (host: Host): NodeRecord | undefined => ownEntry(host)?.body

/** All that is on a host's disk. */
function storedBy({ store }: Host): Entry[] {
  const { known, own } = store.load()
  return [...known.map(({ entry }) => entry), ...(own.entry ? [own.entry] : [])]
}

export function leasesOf(host: Host): readonly Lease[] {
  const { leases } = host.store.load()
  return typeof leases === 'string' ? [] : leases.leases
}
