/** Keeps the kernel's owned routes equal to what the cluster announces, and knows what the kernel makes of them. */

import type { NodeId } from '../claim/record.ts'
import type { CoreConfig } from '../config.ts'
import type { Effect } from '../effect.ts'
import type { Address } from '../ip/address.ts'
import { contains, hostPrefix, type Prefix } from '../ip/prefix.ts'
import type { Note } from '../note.ts'
import type { Problem } from '../problem.ts'
import type { Millis } from '../rng.ts'
import type { RouteView } from '../view.ts'
import { causesOf, concerns, type Situation } from './causes.ts'
import { type Belief, type Cause, type Doubts, doubted } from './doubts.ts'
import { keyText } from './fib-view.ts'
import { Host } from './host.ts'
import { KernelRoutes } from './kernel-routes.ts'
import { LocalNetworks } from './local-networks.ts'
import { hopsOf, NextHops } from './next-hops.ts'
import { reconcileKey, sameTarget } from './reconcile.ts'
import { Rib } from './rib.ts'
import type {
  KernelChange,
  KernelDump,
  KernelRoute,
  Link,
  NextHopAnswer,
  RouteChange,
  RouteKey,
  RouteResult,
  UsageAnswer,
} from './route.ts'
import { leftoverView, RouteStates } from './route-states.ts'
import { routeText } from './route-text.ts'
import type { Announcements, Selected } from './select.ts'
import { Usage } from './usage.ts'
import { type RouterMode, WantedFib } from './wanted-fib.ts'

/** What is announced of a prefix, and who of those who announce is there. */
export interface RouterWorld {
  announced(prefix: Prefix): Announcements
  isGone(node: NodeId): boolean
}

/** What others did to our routes. */
interface Drift {
  readonly prefix: Prefix
  readonly by: 'removed' | 'changed'
}

export class Router {
  readonly host = new Host()
  readonly locals: LocalNetworks
  readonly #config: CoreConfig
  readonly #doubts: Doubts
  readonly #rib: Rib
  readonly #kernel = new KernelRoutes()
  readonly #nextHops = new NextHops()
  readonly #wanted: WantedFib
  readonly #usage: Usage
  readonly #states: RouteStates
  readonly #situation: Situation = {
    link: (ifindex) => this.host.link(ifindex),
    matters: (link) => this.#matters(link),
    seeksLinks: () => this.#nextHops.anyOffLink(),
    anyObstacle: () => this.#kernel.anyObstacle,
  }
  readonly #dirty = new Map<string, RouteKey>()
  readonly #unreported = new Set<string>()
  #uplink = 0
  #judgements = 0
  /** It was told that there is no room for more routes. */
  #isFull = false
  /** A route that is there came to be wanted. */
  #isFound = false

  constructor(config: CoreConfig, { announced, isGone }: RouterWorld, doubts: Doubts) {
    this.#config = config
    this.#doubts = doubts
    this.locals = new LocalNetworks(config, this.host, () => this.#kernel.fib)
    this.#rib = new Rib(config, announced, {
      guards: (prefix) =>
        this.locals.isCutOffBy(prefix) ||
        this.#nextHops.anyInUse(prefix, (hop) => this.locals.isOnNetwork(hop)),
      isLocal: (prefix) => this.locals.surrounds(prefix),
      isInNetwork: (prefix) => this.locals.isInNetwork(prefix),
      isOwnAddress: (address) => this.host.has(address),
      hasBridge: config.bridge !== '',
      isGone,
    })
    this.#wanted = new WantedFib(config, {
      rib: this.#rib,
      host: this.host,
      nextHops: this.#nextHops,
    })
    this.#usage = new Usage({
      aliensWithin: (prefix) => this.#insiders(prefix),
      isApart: (address) =>
        this.host.has(address) || this.#rib.get(hostPrefix(address)) !== undefined,
      isInPools: (prefix) => config.pools.some((pool) => contains(pool.prefix, prefix)),
    })
    this.#states = new RouteStates({
      keyOf: this.#wanted.keyOf,
      wanted: this.#wanted.of,
      owned: (key) => this.#kernel.fib.owned(key),
      alien: (key) => (this.locals.isLeaving(key.prefix) ? undefined : this.#kernel.fib.alien(key)),
      reach: (hop) => this.#nextHops.reach(hop),
      failure: (key) => this.#kernel.failure(key),
      misuse: (key) => this.#usage.misuse(key),
    })
  }

  /** Whether nothing is wanted, due or under way: every key is as it should be or known to be impossible. */
  get settled(): boolean {
    return this.#dirty.size === 0 && this.#kernel.still
  }

  /** Where link-local next hops are looked for that have no other beside them. */
  set uplink(ifindex: number) {
    this.#uplink = ifindex
    this.#nextHops.uplink = ifindex
  }

  /** Raised when what is announced outside the pools is judged again. */
  get judgements(): number {
    return this.#judgements
  }

  /** Prefixes of other nodes that this node's policy lets it route to. */
  get reachable(): Prefix[] {
    // What is kept lies in a pool.
    const isLetIn = ({ kind, outcome }: Selected) =>
      kind !== 'kept' &&
      ('hop' in outcome || ('refusal' in outcome && outcome.refusal === 'no-next-hop'))
    return this.#rib
      .all()
      .filter(isLetIn)
      .map(({ prefix }) => prefix)
  }

  get ownedCount(): number {
    return [...this.#kernel.fib.allOwned()].length
  }

  /** Names of the interfaces that routed traffic passes through, the containers' bridge included; ascending. */
  get passages(): string[] {
    const names = this.#nextHops.links().map((ifindex) => this.host.link(ifindex)?.name)
    if (this.#config.bridge && this.host.linkNamed(this.#config.bridge)) {
      names.push(this.#config.bridge)
    }
    return [...new Set(names.filter((name) => name !== undefined))].sort()
  }

  get mode(): RouterMode {
    return this.#wanted.mode
  }

  set mode(mode: RouterMode) {
    this.#wanted.mode = mode
    this.#markOwned()
    this.#touchAll()
  }

  /** Owned routes in the kernel that nobody announces, or of a former metric. */
  get leftovers(): number {
    return [...this.#kernel.fib.allOwned()].filter((route) => !this.#wanted.isSelected(route))
      .length
  }

  reselect(prefixes: Iterable<Prefix>): void {
    for (const prefix of prefixes) this.#reselect(prefix)
  }

  /** The next hops that a record names changed; routes that would take a new one are judged again. */
  nextHopsChanged(change: { before: readonly Address[]; after: readonly Address[] }): void {
    for (const hop of hopsOf(change.after)) this.#nextHops.use(hop)
    for (const hop of hopsOf(change.before)) this.#nextHops.release(hop)
    for (const address of [...change.before, ...change.after]) {
      for (const prefix of this.#rib.covering(address)) this.#reselect(prefix)
    }
  }

  wantDump(): void {
    this.#kernel.forgetTries()
    this.#kernel.needDump()
  }

  /** One of its beliefs is to be asked about; those of others are left alone. */
  ask(belief: Belief): void {
    if (belief === 'fib') this.#kernel.needDump()
    if (belief === 'next-hops') {
      this.#nextHops.doubt()
      this.#kernel.retryAll(({ outcome }) => outcome !== 'alien')
      this.#touchAll()
    }
    if (belief !== 'usage') return
    for (const key of this.#kernel.fib.allOwned())
      if (!this.#wanted.isRefusal(key)) this.#usage.doubt(key)
  }

  dumped(dump: KernelDump): void {
    this.#replaceHost(dump)
    this.#markOwned()
    this.#kernel.dumped(dump.routes)
    this.#markOwned()
    this.#markRefusals()
    this.ask('usage')
    this.#reselectAll()
    this.#kernel.giveUpBlocked((text) => this.#dirty.get(text))
  }

  dumpFailed(): void {
    this.#kernel.dumpEnded()
  }

  changed(changes: readonly KernelChange[], now: Millis): Note[] {
    const drifted: Drift[] = []
    for (const change of changes) this.#change(change, now, drifted)
    const isConcerned = changes.some(
      (change) => 'address' in change && concerns(change.address, this.#situation),
    )
    if (isConcerned) this.#reselectAll()
    return driftNotes(drifted)
  }

  applied(results: readonly RouteResult[], now: Millis): Note[] {
    const notes: Note[] = []
    let added = 0
    let removed = 0
    let uncovered = 0
    for (const result of results) {
      this.#kernel.applied(result)
      const { change, outcome } = result
      if (outcome === 'done' && change.type === 'add') {
        added += 1
        if (!this.#wanted.isRefusal(change.key)) this.#usage.doubt(change.key)
      }
      if (outcome === 'done' && change.type === 'remove') {
        removed += 1
        // One of another metric may have stood before the one that is wanted.
        const current = this.#wanted.keyOf(change.key.prefix)
        if (change.key.metric !== current.metric && this.#wanted.isSelected(current)) uncovered += 1
      }
      // What changed meanwhile is compared again; what failed waits for news.
      this.#mark(change.key)
    }
    if (added + uncovered > 0) this.#raise('written', now)
    if (added + removed > 0) notes.push({ code: 'routes-written', added, removed })
    if (results.some(({ outcome }) => outcome === 'forbidden'))
      notes.push({ code: 'kernel-forbidden' })
    return notes
  }

  lookedUp(answers: readonly NextHopAnswer[], now: Millis): void {
    const moved = answers.flatMap((answer) => this.#nextHops.answer(answer))
    this.#touchUsersOf(moved)
    for (const address of moved) this.reselect(this.#rib.covering(address))
    // Other interfaces carry the routes.
    if (moved.length > 0) this.#doubts.raise('forwarding', now)
  }

  /** Routes of a former run that nobody announced until now are not written, and yet are to be asked about. */
  doubtFound(now: Millis): void {
    if (this.#isFound) this.#doubts.raise('usage', now)
    this.#isFound = false
  }

  used(answers: readonly UsageAnswer[], now: Millis): void {
    for (const said of answers) {
      const answer = this.#asWanted(said)
      if (!this.#usage.answer(answer)) continue
      this.#unreported.add(answer.question.key.prefix.text)
      // Ours may be gone, without a word that was understood.
      if (answer.use.type === 'none') this.#doubts.raise('fib', now)
    }
  }

  /** The kernel does not say which route says no. And a bridge that no container is on has no carrier. */
  #asWanted(answer: UsageAnswer): UsageAnswer {
    const { question, use } = answer
    const wanted = this.#wanted.of(question.key)?.target.type
    const saysNo = use.type === 'none' && use.error === 'EHOSTUNREACH'
    const isOurs =
      (saysNo && wanted === 'unreachable') || (use.type === 'dead' && wanted === 'on-link')
    return isOurs ? { question, use: { type: 'ours' } } : answer
  }

  /** What must be written, read and asked, and what is to be told. */
  flush(): Effect[] {
    const effects: Effect[] = []
    const { questions, lost } = this.#nextHops.ask()
    this.#touchUsersOf(lost)
    const changes = this.#pendingChanges()
    if (changes.length > 0) effects.push({ type: 'apply-routes', changes })
    if (questions.length > 0) effects.push({ type: 'look-up-next-hops', questions })
    return [...effects, ...this.askDump()]
  }

  askDump(): Effect[] {
    return this.#kernel.askDump() ? [{ type: 'dump-kernel' }] : []
  }

  /** What the kernel is asked of the routes that are in it, once it is still. */
  askUsage(): Effect[] {
    const questions = this.#usage.ask(
      (key) => this.#wanted.isSelected(key) && this.#kernel.fib.owned(key) !== undefined,
    )
    return questions.length > 0 ? [{ type: 'look-up-usage', questions }] : []
  }

  /** Told once each time that a route enters such a state. */
  report(): Note[] {
    const touched = [...this.#unreported]
    this.#unreported.clear()
    const full = this.#rib.problem
    const wasFull = this.#isFull
    this.#isFull = full !== undefined
    const notes: Note[] = full && !wasFull ? [full] : []
    return notes.concat(
      touched.flatMap((text) => {
        const selected = this.#rib.get({ text })
        return (selected && this.#states.report(selected)) ?? []
      }),
    )
  }

  problems(): Problem[] {
    const full = this.#rib.problem
    const ofRoutes = this.#rib.all().flatMap((selected) => this.#states.problem(selected) ?? [])
    return full ? [full, ...ofRoutes] : ofRoutes
  }

  view(): RouteView[] {
    const views = this.#rib.all().map((selected) => this.#states.view(selected))
    for (const kernel of this.#kernel.fib.allOwned()) {
      if (!this.#wanted.isSelected(kernel)) views.push(leftoverView(kernel))
    }
    return views
  }

  /** Whether the kernel has exactly what is wanted, and uses it. */
  get kernelEqual(): boolean {
    if (!this.settled || this.leftovers > 0) return false
    return this.#rib.all().every((selected) => {
      const state = this.#states.of(selected)
      if (state === 'refused') return true
      const key = this.#wanted.keyOf(selected.prefix)
      if (!this.#usage.isKnown(key)) return false
      const misuse = this.#usage.misuse(key)
      // What is inside a prefix and more specific takes its part by right; it is told, and is no lack.
      return state === 'installed' || (misuse?.type === 'shadowed' && misuse.part === 'some')
    })
  }

  #raise(cause: Cause, now: Millis, changes = 1): void {
    for (const belief of doubted[cause]) this.#doubts.raise(belief, now, changes)
  }

  #reselect(prefix: Prefix): void {
    const key = this.#wanted.keyOf(prefix)
    if (!this.#rib.select(prefix)) this.#states.forget(prefix)
    else if (this.#kernel.fib.owned(key) && !this.#usage.isKnown(key)) {
      this.#usage.doubt(key)
      this.#isFound = true
    }
    if (!this.locals.isInPools(prefix)) this.#judgements += 1
    this.#kernel.retry(key)
    this.#touch(prefix)
  }

  #reselectAll(): void {
    for (const { prefix } of this.#rib.all()) this.#reselect(prefix)
  }

  #touchUsersOf(addresses: readonly Address[]): void {
    if (addresses.length === 0) return
    const moved = new Set(addresses.map(({ text }) => text))
    for (const { prefix, outcome } of this.#rib.all()) {
      if ('hop' in outcome && moved.has(outcome.hop.address.text)) {
        this.#kernel.retry(this.#wanted.keyOf(prefix))
        this.#touch(prefix)
      }
    }
  }

  #touchAll(): void {
    this.#markRefusals()
    for (const { prefix } of this.#rib.all()) this.#touch(prefix)
  }

  #touch(prefix: Prefix): void {
    this.#mark(this.#wanted.keyOf(prefix))
  }

  #markOwned(): void {
    for (const key of this.#kernel.fib.allOwned()) this.#mark(key)
  }

  #mark(key: RouteKey): void {
    this.#dirty.set(keyText(key), { prefix: key.prefix, metric: key.metric })
    this.#unreported.add(key.prefix.text)
  }

  #markRefusals(): void {
    for (const key of this.#wanted.refusals) this.#mark(key)
  }

  #pendingChanges(): RouteChange[] {
    const changes: RouteChange[] = []
    const removals = this.#wanted.mode === 'held' ? 'held' : 'allowed'
    for (const [text, key] of this.#dirty) {
      // Answered first: the results mark it dirty again.
      if (this.#kernel.isInFlight(key)) continue
      // It stays dirty: what it waits for is written now, or answered first.
      if (removals === 'allowed' && this.#isServing(key)) continue
      this.#dirty.delete(text)
      const wanted = this.#wanted.of(key)
      if (this.#kernel.isHopeless(key, wanted?.target) || this.#wanted.isAwaited(key)) continue
      const needed = reconcileKey(key, wanted, this.#kernel.fib, { removals })
      if (needed.length > 0) this.#kernel.sent(key)
      changes.push(...needed)
    }
    return changes
  }

  /** An owned route of another metric, as settings that were changed leave it, until the wanted one is there. */
  #isServing(key: RouteKey): boolean {
    const { fib } = this.#kernel
    const current = this.#wanted.keyOf(key.prefix)
    if (key.metric === current.metric || this.#wanted.isRefusal(key) || !fib.owned(key))
      return false
    if (this.#wanted.isAwaited(current)) return true
    const wanted = this.#wanted.of(current)
    if (!wanted || fib.owned(current) || fib.alien(current)) return false
    return !this.#kernel.isHopeless(current, wanted.target)
  }

  #change(change: KernelChange, now: Millis, drifted: Drift[]): void {
    const count = change.type === 'foreign-routes-changed' ? change.count : 1
    for (const cause of causesOf(change, this.#situation)) this.#raise(cause, now, count)
    switch (change.type) {
      case 'route-added':
      case 'route-removed':
        this.#routeChanged(change.route, change.type, drifted)
        if (change.route.owned || !this.locals.isInPools(change.route.prefix)) return
        for (const prefix of this.#rib.overlapping(change.route.prefix)) this.#reselect(prefix)
        return
      case 'link-changed':
        return this.host.putLink(change.link)
      case 'link-removed':
        return this.host.dropLink(change.ifindex)
      case 'address-added':
        return this.host.putAddress(change.address)
      case 'address-removed':
        return this.host.dropAddress(change.address)
    }
  }

  #routeChanged(route: KernelRoute, type: 'route-added' | 'route-removed', drifted: Drift[]): void {
    const before = this.#kernel.fib.owned(route)
    this.#kernel.changed(route, type)
    this.#mark(route)
    const wanted = this.#wanted.of(route)
    if (!route.owned || !wanted || !before) return
    if (type === 'route-removed') drifted.push({ prefix: route.prefix, by: 'removed' })
    else if (!sameTarget(route.target, wanted.target)) {
      drifted.push({ prefix: route.prefix, by: 'changed' })
    }
  }

  #replaceHost(dump: KernelDump): void {
    for (const held of [...this.host.addresses()]) this.host.dropAddress(held)
    for (const link of [...this.host.links()]) this.host.dropLink(link.ifindex)
    for (const link of dump.links) this.host.putLink(link)
    for (const held of dump.addresses) this.host.putAddress(held)
  }

  #matters({ ifindex, name }: Link): boolean {
    if (ifindex === this.#uplink || name === this.#config.bridge) return true
    if (this.#nextHops.usesLink(ifindex)) return true
    for (const { target } of this.#kernel.fib.allAliens()) {
      // Of a route with several next hops nobody says here which links they are on.
      if (target.type === 'other' && target.ifindex === undefined) return true
      if (target.type !== 'unreachable' && target.ifindex === ifindex) return true
    }
    return false
  }

  *#insiders(prefix: Prefix): Generator<{ prefix: Prefix; text: string }> {
    for (const alien of this.#kernel.aliensWithin(prefix)) {
      yield { prefix: alien.prefix, text: routeText(alien, this.host.nameOf) }
    }
  }
}

function driftNotes(drifted: readonly Drift[]): Note[] {
  const [first] = drifted
  if (!first) return []
  const more = drifted.length - 1
  return [{ code: 'route-drifted', prefix: first.prefix.text, by: first.by, more }]
}
