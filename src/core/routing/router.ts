/** Keeps the kernel's owned routes equal to what the cluster announces. */

import type { CoreConfig } from '../config.ts'
import type { Effect } from '../effect.ts'
import type { Address } from '../ip/address.ts'
import { hostPrefix, type Prefix } from '../ip/prefix.ts'
import { PrefixTrie } from '../ip/prefix-trie.ts'
import type { Note } from '../note.ts'
import type { RouteView } from '../view.ts'
import { FibView, keyText } from './fib-view.ts'
import { Host } from './host.ts'
import { LocalNetworks } from './local-networks.ts'
import { NextHops } from './next-hops.ts'
import { reconcileKey, sameTarget, type Wanted } from './reconcile.ts'
import type {
  KernelChange,
  KernelDump,
  KernelRoute,
  Link,
  NextHopAnswer,
  RouteChange,
  RouteKey,
  RouteResult,
} from './route.ts'
import { type Failure, leftoverView, RouteStates } from './route-states.ts'
import { type Announcements, type RoutePolicy, type Selected, select } from './select.ts'

/** `held`: additions only, until in-sync. `purged`: nothing of ours may be in the kernel. */
export type RouterMode = 'held' | 'active' | 'purged'

/** What the rest of the agent must look at after the kernel changed. */
export interface KernelNews {
  readonly addresses: boolean
  readonly links: boolean
  /** Alien routes inside a pool came or went. */
  readonly locals: boolean
}

/** How often a key that is taken by something no dump shows is tried again before it waits for the next change. */
const blockedTriesMax = 3

export class Router {
  readonly host = new Host()
  readonly locals: LocalNetworks
  #mode: RouterMode = 'held'
  readonly #config: CoreConfig
  readonly #announced: (prefix: Prefix) => Announcements
  readonly #policy: RoutePolicy
  readonly #nextHops = new NextHops()
  readonly #rib = new Map<string, Selected>()
  readonly #ribTrie = new PrefixTrie<Prefix>()
  #fib = new FibView()
  readonly #dirty = new Map<string, RouteKey>()
  readonly #inFlight = new Set<string>()
  readonly #failures = new Map<string, Failure>()
  readonly #blockedTries = new Map<string, number>()
  readonly #states: RouteStates
  readonly #unreported = new Set<string>()
  /** `outdated`: one is under way, and what happened since it was asked for wants another. */
  #dump: 'idle' | 'wanted' | 'under-way' | 'outdated' = 'idle'
  #uplink = 0

  constructor(config: CoreConfig, announced: (prefix: Prefix) => Announcements) {
    this.#config = config
    this.#announced = announced
    this.locals = new LocalNetworks(config, this.host, () => this.#fib)
    this.#policy = {
      self: config.self,
      pools: config.pools,
      accept: config.accept,
      guards: (prefix) => this.host.anyInside(prefix) || this.#nextHops.anyInside(prefix),
      isLocal: (prefix) => this.locals.overlap(prefix),
      isOwnAddress: (address) => this.host.has(address),
    }
    this.#states = new RouteStates({
      keyOf: this.#keyOf,
      wanted: (key) => this.#wanted(key),
      owned: (key) => this.#fib.owned(key),
      alien: (key) => this.#fib.alien(key),
      reach: (nextHop) => this.#nextHops.reach(nextHop),
      failure: (key) => this.#failures.get(keyText(key)),
    })
  }

  /** Whether nothing is wanted, due or under way: every key is as it should be or known to be impossible. */
  get settled(): boolean {
    return this.#dirty.size === 0 && this.#inFlight.size === 0 && this.#dump === 'idle'
  }

  /** Where link-local next hops are looked for. */
  set uplink(ifindex: number) {
    if (ifindex === this.#uplink) return
    this.#uplink = ifindex
    this.#nextHops.doubt()
  }

  get ownedCount(): number {
    return [...this.#fib.allOwned()].length
  }

  get mode(): RouterMode {
    return this.#mode
  }

  set mode(mode: RouterMode) {
    this.#mode = mode
    for (const key of this.#fib.allOwned()) this.#mark(key)
    for (const { prefix } of this.#rib.values()) this.#touch(prefix)
  }

  /** Owned routes in the kernel that nobody announces. */
  get leftovers(): number {
    return [...this.#fib.allOwned()].filter((route) => !this.#isSelected(route)).length
  }

  reselect(prefixes: Iterable<Prefix>): void {
    for (const prefix of prefixes) this.#reselect(prefix)
  }

  /** The next hops that a record names changed; routes that would take a new one are judged again. */
  nextHopsChanged(change: { before: readonly Address[]; after: readonly Address[] }): void {
    for (const address of change.after) this.#nextHops.use(address)
    for (const address of change.before) this.#nextHops.release(address)
    for (const address of [...change.before, ...change.after]) this.#reselectCovering(address)
  }

  wantDump(): void {
    // Whoever asks from outside wants all of it tried again.
    this.#blockedTries.clear()
    this.#needDump()
  }

  dumped(dump: KernelDump): void {
    this.#dump = this.#dump === 'outdated' ? 'wanted' : 'idle'
    this.#replaceHost(dump)
    const before = [...this.#fib.allOwned()]
    this.#fib = FibView.of(dump.routes)
    this.#failures.clear()
    for (const key of before) this.#mark(key)
    for (const key of this.#fib.allOwned()) this.#mark(key)
    this.#nextHops.doubt()
    this.#reselectAll()
    this.#giveUpBlocked()
  }

  dumpFailed(): void {
    this.#dump = 'idle'
  }

  changed(changes: readonly KernelChange[]): KernelNews & { readonly notes: readonly Note[] } {
    const news = { addresses: false, links: false, locals: false }
    const drifted: { prefix: Prefix; by: 'removed' | 'changed' }[] = []
    for (const change of changes) this.#change(change, news, drifted)
    if (news.addresses || news.links) {
      this.#nextHops.doubt()
      this.#forget((failure) => failure.outcome !== 'alien')
    }
    if (news.addresses) this.#reselectAll()
    return { ...news, notes: driftNotes(drifted) }
  }

  applied(results: readonly RouteResult[]): Note[] {
    const notes: Note[] = []
    let added = 0
    let removed = 0
    for (const result of results) {
      const key = keyText(result.change.key)
      this.#inFlight.delete(key)
      this.#apply(result)
      if (result.outcome === 'done' && result.change.type === 'add') added += 1
      if (result.outcome === 'done' && result.change.type === 'remove') removed += 1
      // What changed meanwhile is compared again; what failed waits for news.
      this.#mark(result.change.key)
    }
    if (added + removed > 0) notes.push({ code: 'routes-written', added, removed })
    if (results.some(({ outcome }) => outcome === 'forbidden'))
      notes.push({ code: 'kernel-forbidden' })
    return notes
  }

  lookedUp(answers: readonly NextHopAnswer[]): void {
    const moved = new Set<string>()
    for (const answer of answers) if (this.#nextHops.answer(answer)) moved.add(answer.nextHop.text)
    if (moved.size === 0) return
    for (const { prefix, outcome } of this.#rib.values()) {
      if ('nextHop' in outcome && moved.has(outcome.nextHop.text)) this.#touch(prefix)
    }
  }

  /** What must be written, read and asked, and what is to be told. */
  flush(): Effect[] {
    const effects: Effect[] = []
    const changes = this.#pendingChanges()
    if (changes.length > 0) effects.push({ type: 'apply-routes', changes })
    const nextHops = this.#nextHops.ask()
    if (nextHops.length > 0) {
      effects.push({ type: 'look-up-next-hops', nextHops, ifindex: this.#uplink })
    }
    if (this.#dump === 'wanted') {
      this.#dump = 'under-way'
      effects.push({ type: 'dump-kernel' })
    }
    return effects
  }

  /** Told once each time that a route enters such a state. */
  report(): Note[] {
    const touched = [...this.#unreported].flatMap((text) => this.#rib.get(text) ?? [])
    this.#unreported.clear()
    return touched.flatMap((selected) => this.#states.report(selected) ?? [])
  }

  problems(): Note[] {
    return [...this.#rib.values()].flatMap((selected) => this.#states.problem(selected) ?? [])
  }

  view(): RouteView[] {
    const views = [...this.#rib.values()].map((selected) => this.#states.view(selected))
    for (const kernel of this.#fib.allOwned()) {
      if (!this.#isSelected(kernel)) views.push(leftoverView(kernel))
    }
    return views
  }

  /** Whether the kernel has exactly what is wanted. */
  get kernelEqual(): boolean {
    if (!this.settled) return false
    for (const selected of this.#rib.values()) {
      const state = this.#states.of(selected)
      if (state !== 'installed' && state !== 'refused') return false
    }
    return this.leftovers === 0
  }

  /** One at a time: each is answered before the next is asked for. */
  #needDump(): void {
    if (this.#dump === 'idle') this.#dump = 'wanted'
    else if (this.#dump === 'under-way') this.#dump = 'outdated'
  }

  #reselect(prefix: Prefix): void {
    const selected = select(this.#announced(prefix), this.#policy)
    if (selected) {
      this.#rib.set(prefix.text, selected)
      this.#ribTrie.set(prefix, prefix)
    } else {
      this.#rib.delete(prefix.text)
      this.#ribTrie.delete(prefix)
      this.#states.forget(prefix)
    }
    this.#failures.delete(keyText(this.#keyOf(prefix)))
    this.#touch(prefix)
  }

  #reselectAll(): void {
    for (const { prefix } of [...this.#rib.values()]) this.#reselect(prefix)
  }

  #reselectCovering(address: Address): void {
    for (const prefix of [...this.#ribTrie.covering(hostPrefix(address))]) this.#reselect(prefix)
  }

  #touch(prefix: Prefix): void {
    this.#mark(this.#keyOf(prefix))
  }

  #mark(key: RouteKey): void {
    this.#dirty.set(keyText(key), { prefix: key.prefix, metric: key.metric })
    this.#unreported.add(key.prefix.text)
  }

  #keyOf = (prefix: Prefix): RouteKey => ({ prefix, metric: this.#config.metric[prefix.family] })

  #isSelected({ prefix, metric }: RouteKey): boolean {
    return this.#rib.has(prefix.text) && metric === this.#config.metric[prefix.family]
  }

  #wanted(key: RouteKey): Wanted | undefined {
    const selected = this.#rib.get(key.prefix.text)
    if (this.#mode === 'purged' || !selected || !('nextHop' in selected.outcome)) return undefined
    if (key.metric !== this.#config.metric[key.prefix.family]) return undefined
    const reach = this.#nextHops.reach(selected.outcome.nextHop)
    if (typeof reach === 'string') return undefined
    const { ifindex } = reach
    return { ...key, target: { type: 'via', nextHop: selected.outcome.nextHop, ifindex } }
  }

  #pendingChanges(): RouteChange[] {
    const changes: RouteChange[] = []
    const removals = this.#mode === 'held' ? 'held' : 'allowed'
    for (const [text, key] of this.#dirty) {
      // Answered first: the results mark it dirty again.
      if (this.#inFlight.has(text)) continue
      this.#dirty.delete(text)
      if (this.#failures.has(text) || this.#isAwaited(key)) continue
      const needed = reconcileKey(key, this.#wanted(key), this.#fib, { removals })
      if (needed.length > 0) this.#inFlight.add(text)
      changes.push(...needed)
    }
    return changes
  }

  /** Nothing is decided while the kernel is asked for the next hop: the route there may be right. */
  #isAwaited({ prefix }: RouteKey): boolean {
    const outcome = this.#rib.get(prefix.text)?.outcome
    return (
      this.#mode !== 'purged' &&
      outcome !== undefined &&
      'nextHop' in outcome &&
      this.#nextHops.reach(outcome.nextHop) === 'unknown'
    )
  }

  #apply({ change, outcome, error }: RouteResult): void {
    const key = keyText(change.key)
    switch (outcome) {
      case 'done':
        this.#blockedTries.delete(key)
        if (change.type === 'add')
          this.#fib.put({ ...change.key, target: change.target, owned: true })
        else this.#fib.drop({ ...change.key, owned: true })
        return
      case 'absent':
        this.#fib.drop({ ...change.key, owned: true })
        return
      case 'exists':
        // Only a dump tells whether an alien is there or a late notification misled us.
        this.#failures.set(key, { outcome: 'alien', error })
        this.#blockedTries.set(key, (this.#blockedTries.get(key) ?? 0) + 1)
        this.#needDump()
        return
      default:
        this.#failures.set(key, {
          outcome: outcome === 'not-on-link' ? 'not-on-link' : 'failed',
          error,
        })
    }
  }

  /** A key that the kernel says is taken, by nothing that it shows, is not tried for ever. */
  #giveUpBlocked(): void {
    for (const [text, tries] of this.#blockedTries) {
      const key = this.#dirty.get(text)
      if (!key || this.#fib.alien(key) || this.#fib.owned(key)) this.#blockedTries.delete(text)
      else if (tries >= blockedTriesMax)
        this.#failures.set(text, { outcome: 'failed', error: 'EEXIST' })
    }
  }

  #change(
    change: KernelChange,
    news: { addresses: boolean; links: boolean; locals: boolean },
    drifted: { prefix: Prefix; by: 'removed' | 'changed' }[],
  ): void {
    switch (change.type) {
      case 'route-added':
      case 'route-removed':
        this.#routeChanged(change.route, change.type, drifted)
        if (change.route.owned || !this.locals.isInPools(change.route.prefix)) return
        news.locals = true
        for (const prefix of [...this.#ribTrie.overlapping(change.route.prefix)])
          this.#reselect(prefix)
        return
      case 'link-changed': {
        const before = this.host.link(change.link.ifindex)
        this.host.putLink(change.link)
        if (before?.up === change.link.up && before.name === change.link.name) return
        // Most links are a container's: they concern us when they carry next hops or may carry missing ones.
        const used = this.#isUsed(change.link)
        if (!used && !(change.link.up && this.#nextHops.anyOffLink())) return
        news.links = true
        // Going down, a link takes IPv4 routes with it without a word: only a dump tells.
        if (before && used) this.#needDump()
        return
      }
      case 'link-removed': {
        const link = this.host.link(change.ifindex)
        if (link && this.#isUsed(link)) {
          news.links = true
          this.#needDump()
        }
        this.host.dropLink(change.ifindex)
        return
      }
      case 'address-added':
        this.host.putAddress(change.address)
        news.addresses = true
        return
      case 'address-removed':
        this.host.dropAddress(change.address)
        news.addresses = true
        // With an interface's last address its routes go, without a word too.
        if (this.#nextHops.usesLink(change.address.ifindex)) this.#needDump()
        return
    }
  }

  #routeChanged(
    route: KernelRoute,
    type: 'route-added' | 'route-removed',
    drifted: { prefix: Prefix; by: 'removed' | 'changed' }[],
  ): void {
    const text = keyText(route)
    const before = this.#fib.owned(route)
    if (type === 'route-removed') this.#fib.drop(route)
    else {
      // It replaced ours, or stands behind it: the notification is the same for both, and only a dump tells.
      if (before && !route.owned) {
        this.#fib.drop(before)
        this.#needDump()
      }
      this.#fib.put(route)
    }
    if (this.#inFlight.has(text) && route.owned) this.#needDump()
    if (this.#failures.get(text)?.outcome === 'alien' || this.#blockedTries.delete(text)) {
      this.#failures.delete(text)
    }
    this.#mark(route)
    const wanted = this.#wanted(route)
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

  #forget(which: (failure: Failure) => boolean): void {
    for (const [text, failure] of this.#failures) if (which(failure)) this.#failures.delete(text)
    for (const { prefix } of this.#rib.values()) this.#touch(prefix)
  }

  #isUsed({ ifindex, name }: Link): boolean {
    return (
      ifindex === this.#uplink || name === this.#config.bridge || this.#nextHops.usesLink(ifindex)
    )
  }
}

function driftNotes(drifted: readonly { prefix: Prefix; by: 'removed' | 'changed' }[]): Note[] {
  const [first] = drifted
  if (!first) return []
  const more = drifted.length - 1
  return [{ code: 'route-drifted', prefix: first.prefix.text, by: first.by, more }]
}
