/** The agent: turns each event into the effects that the shell must perform, and never anything else. */

import { viewOf } from './agent-view.ts'
import { admit } from './claim/admit.ts'
import { Announcers } from './claim/announcers.ts'
import { Claimant } from './claim/claimant.ts'
import { OwnRecord } from './claim/own-record.ts'
import { Ownership } from './claim/ownership.ts'
import type { Entry, NodeId, NodeRecord, Tombstone } from './claim/record.ts'
import { type Merged, RecordSet, supersedes } from './claim/record-set.ts'
import { decide } from './command.ts'
import { Conditions } from './conditions.ts'
import type { CoreConfig } from './config.ts'
import type { CommandResult, Effect, Snapshot, Verdict } from './effect.ts'
import type { Command, Event, Trouble, Uplink } from './event.ts'
import {
  answerBuckets,
  answerProbe,
  answerSummary,
  answerWant,
  probe,
} from './gossip/anti-entropy.ts'
import type { Carried, SyncMessage } from './gossip/message.ts'
import { fullMeshMax, neighbours } from './gossip/overlay.ts'
import { unreachable } from './invariant.ts'
import type { Prefix } from './ip/prefix.ts'
import { observe } from './membership/observe.ts'
import { Peers } from './membership/peers.ts'
import type { Note } from './note.ts'
import type { AgentParts } from './parts.ts'
import type { Millis, Rng } from './rng.ts'
import { Bridge } from './routing/bridge.ts'
import type { KernelChange, KernelDump, RouteResult } from './routing/route.ts'
import { Router } from './routing/router.ts'
import type { AgentView } from './view.ts'

const never = Number.POSITIVE_INFINITY

/** Least time between two publications: a burst of own changes goes out once. */
const publishMs = 20
/** Until the next comparison after one that brought news: an epidemic, where gossip did not reach. */
const spreadMs = 200
/** Above a full mesh, members come in bursts: the overlay is drawn once per burst. */
const overlayMs = 100
const kernelRetryMs = 1_000
const kernelRetryMsMax = 60_000
/** A leaving node does not wait longer for its kernel. */
const leaveMs = 5_000
/** How many peers a leaving node tells directly, since it will not be there to repair what gossip loses. */
const farewells = 8

type Due =
  | 'publish'
  | 'join'
  | 'anti-entropy'
  | 'kernel'
  | 'remember'
  | 'exclusions'
  | 'overlay'
  | 'leave'

interface PendingReply {
  readonly id: number
  readonly until: 'published' | 'settled'
  readonly result: CommandResult
}

export class Agent {
  readonly #parts: AgentParts
  readonly #announcers = new Announcers()
  readonly #rng: Rng
  readonly #startedAt: Millis
  readonly #due = new Map<Due, Millis>()
  #phase: AgentView['phase'] = 'joining'
  #isInSync = false
  #kernelKnown = false
  #kernelRetryMs = kernelRetryMs
  #uplinkKnown = false
  #reviewDue = false
  #publishedAt: Millis = -never
  #exclusionsAt: Millis = -never
  #pending: PendingReply[] = []
  #effects: Effect[] = []
  readonly #afterwards: Effect[] = []
  #now: Millis

  constructor(config: CoreConfig, restored: Snapshot, rng: Rng, now: Millis) {
    this.#rng = rng
    this.#now = now
    this.#startedAt = now
    const set = new RecordSet(config.timing.tombstoneMs)
    const ownership = new Ownership((prefix) => set.fenceOf(prefix))
    const router = new Router(config, (prefix) => ({
      prefix,
      winner: ownership.winner(prefix),
      announcers: this.#announcers.of(prefix),
      record: (origin) => set.record(origin),
    }))
    const stored = restored.own.entry?.body
    const claims = stored?.kind === 'record' ? stored.claims : []
    const world = {
      set,
      ownership,
      locals: (pool: Prefix) => router.locals(pool),
    }
    this.#parts = {
      config,
      set,
      ownership,
      own: new OwnRecord(config, restored.own, now),
      claimant: new Claimant(config, world, claims, now),
      router,
      bridge: new Bridge(config, router.host),
      peers: new Peers(),
      conditions: new Conditions(),
    }
    for (const carried of restored.known) this.#restore(carried)
    if (restored.own.entry) this.#restore({ entry: restored.own.entry, remainMs: never })
  }

  /** Synchronous and total: no event may make it throw. The effects are to be performed in order. */
  step(event: Event, now: Millis): Effect[] {
    this.#now = now
    this.#effects = []
    this.#dispatch(event)
    this.#converge()
    // Last: what others wait for can come after the kernel is written.
    for (const effect of this.#afterwards.splice(0)) this.#effect(effect)
    return this.#effects
  }

  /** When the next `deadline` event is due, and what for. */
  nextDeadline(): { readonly at: Millis; readonly reason: string } {
    let next = { at: this.#parts.set.nextExpiry(), reason: 'tombstone' }
    const consider = (at: Millis, reason: string) => {
      if (at < next.at) next = { at, reason }
    }
    for (const [reason, at] of this.#due) consider(at, reason)
    if (this.#kernelKnown) consider(this.#parts.bridge.nextDeadline(), 'bridge')
    if (this.#isReady && !this.#due.has('publish'))
      consider(this.#parts.claimant.nextDeadline(), 'claim')
    return next
  }

  view(): AgentView {
    return viewOf(this.#parts, { phase: this.#phase, isReady: this.#isReady })
  }

  #dispatch(event: Event): void {
    switch (event.type) {
      case 'started':
        return this.#start()
      case 'deadline':
        return this.#deadline()
      case 'command':
        return this.#command(event.id, event.command)
      case 'peer-connected':
        return this.#peerConnected(event.peer, event.address)
      case 'peer-disconnected':
        this.#parts.peers.disconnected(event.peer)
        return this.#note({ code: 'peer-disconnected', peer: event.peer })
      case 'seeds-are-self':
        return this.#inSync('seeds-are-self')
      case 'gossip-received':
        return this.#gossip(event)
      case 'sync-received':
        return this.#sync(event.peer, event.message)
      case 'kernel-dumped':
        return this.#dumped(event.dump)
      case 'kernel-unreadable':
        this.#parts.router.dumpFailed()
        this.#begin('kernel', { code: 'kernel-unreadable', reason: event.reason })
        return this.#dueIn('kernel', kernelRetryMs)
      case 'kernel-changed':
        return this.#kernelChanged(event.changes)
      case 'kernel-overrun':
        this.#note({ code: 'kernel-resync', reason: event.reason })
        return this.#parts.router.wantDump()
      case 'routes-applied':
        return this.#routesApplied(event.results)
      case 'next-hops-looked-up':
        return this.#parts.router.lookedUp(event.answers)
      case 'uplink-located':
        return this.#uplinkLocated(event.uplink)
      case 'bridge-configured':
        this.#notes(this.#parts.bridge.configured(event.error, this.#now))
        // Own writes are not notified: only a dump shows what they made.
        return this.#parts.router.wantDump()
      case 'forwarding-enabled':
        if (!event.error) return this.#end('forwarding')
        return this.#begin('forwarding', { code: 'forwarding-off', error: event.error })
      case 'trouble-reported':
        return this.#trouble(event.trouble)
      default:
        return unreachable(event)
    }
  }

  /** What follows from any change of state, once per step. */
  #converge(): void {
    const { router, bridge, claimant, ownership, config } = this.#parts
    if (this.#reviewDue && this.#isReady) this.#review()
    bridge.subnets =
      this.#phase === 'left'
        ? []
        : claimant.confirmed
            .map(({ prefix }) => prefix)
            .filter((prefix) => ownership.winner(prefix)?.origin === config.self)
    if (!this.#kernelKnown) {
      // The first dump, and nothing else: what is not known cannot be reconciled.
      for (const effect of router.flush()) if (effect.type === 'dump-kernel') this.#effect(effect)
      return
    }
    for (const effect of [...router.flush(), ...bridge.flush(this.#now)]) this.#effect(effect)
    this.#notes(router.report())
    if (router.settled) this.#reply('settled')
    if (this.#phase === 'left' && router.settled && bridge.settled) this.#stop()
  }

  #start(): void {
    const { config } = this.#parts
    this.#parts.router.wantDump()
    this.#effect({ type: 'locate-uplink' })
    const families = config.pools.map((pool) => pool.prefix.family)
    this.#effect({ type: 'enable-forwarding', families })
    this.#dueIn('overlay', 0)
    this.#dueIn('anti-entropy', config.timing.antiEntropyMs)
    this.#dueIn('kernel', config.timing.resyncMs)
    if (config.seeded) this.#dueIn('join', config.timing.joinTimeoutMs)
    else this.#inSync('no-seeds')
  }

  #deadline(): void {
    this.#parts.set.collect(this.#now)
    if (this.#isReady && this.#parts.claimant.nextDeadline() <= this.#now) this.#review()
    for (const due of [...this.#due].filter(([, at]) => at <= this.#now).map(([name]) => name)) {
      this.#due.delete(due)
      this.#perform(due)
    }
  }

  #perform(due: Due): void {
    const { config, peers, router, set } = this.#parts
    switch (due) {
      case 'publish':
        return this.#publish()
      case 'join':
        return this.#inSync('timeout')
      case 'anti-entropy': {
        const ids = peers.ids()
        const peer = ids[Math.floor(this.#rng() * ids.length)]
        if (peer) this.#send(peer, probe(set))
        // Spread, so that nodes which started together do not all compare at once.
        return this.#dueIn('anti-entropy', config.timing.antiEntropyMs * (0.75 + this.#rng() / 2))
      }
      case 'kernel':
        router.wantDump()
        this.#effect({ type: 'locate-uplink' })
        return this.#dueIn('kernel', config.timing.resyncMs)
      case 'remember':
        return this.#effect({ type: 'persist-known', known: this.#others() })
      case 'exclusions':
        return this.#exclude()
      case 'overlay':
        return this.#drawOverlay()
      case 'leave':
        this.#reply('settled')
        return this.#stop()
      default:
        return unreachable(due)
    }
  }

  // Joining and claiming

  /** Enough is known to claim, to publish and to remove routes that nobody announces. */
  #inSync(by: Extract<Note, { code: 'in-sync' }>['by']): void {
    if (this.#isInSync) return
    const { config, router } = this.#parts
    this.#isInSync = true
    this.#due.delete('join')
    if (by === 'timeout') {
      this.#begin('alone', { code: 'joined-alone', waitedMs: config.timing.joinTimeoutMs })
    }
    this.#note({ code: 'in-sync', by })
    if (this.#phase === 'joining') this.#phase = 'in-sync'
    if (this.#phase === 'in-sync') this.#activate()
    else router.mode = 'purged'
    this.#reviewDue = true
    this.#publishSoon()
  }

  #activate(): void {
    const { router } = this.#parts
    router.mode = 'active'
    const routes = this.#kernelKnown ? router.leftovers : 0
    if (routes > 0) this.#note({ code: 'pruned', routes })
  }

  get #isReady(): boolean {
    return this.#isInSync && this.#kernelKnown && this.#uplinkKnown && this.#phase !== 'left'
  }

  #review(): void {
    // Its own claims must be published before it judges how they stand.
    if (this.#due.has('publish') && this.#publishedAt > -never) return
    this.#reviewDue = false
    const { changed, notes } = this.#parts.claimant.review(this.#now, this.#startedAt)
    this.#notes(notes)
    if (changed) this.#publishSoon()
  }

  #exclude(): void {
    const { changed, notes } = this.#parts.claimant.exclude()
    this.#exclusionsAt = this.#now
    this.#notes(notes)
    if (!changed) return
    this.#reviewDue = true
    if (this.#isReady) this.#publishSoon()
  }

  #publishSoon(): void {
    const at = Math.max(this.#now, this.#publishedAt + publishMs)
    if (!this.#due.has('publish')) this.#due.set('publish', at)
  }

  #publish(): void {
    if (!this.#isReady) return
    const { claimant, own } = this.#parts
    this.#write(this.#parts.config.seal(own.record(claimant.claims, claimant.exclusions)))
    this.#publishedAt = this.#now
    this.#reviewDue = true
    this.#reply('published')
  }

  /** Stamp, persist, publish, converge: in this order, so that nothing is announced that a crash could forget. */
  #write(entry: Entry): void {
    const { own } = this.#parts
    own.written(entry)
    this.#effect({ type: 'persist-own', own: own.state })
    this.#effect({ type: 'publish', entry })
    this.#merge({ entry, remainMs: never })
  }

  #uplinkLocated(uplink: Uplink): void {
    const { own, router } = this.#parts
    router.uplink = uplink.ifindex
    const first = !this.#uplinkKnown
    this.#uplinkKnown = true
    const changed = own.relocate(uplink)
    const nextHops = uplink.nextHops.map(({ text }) => text)
    if (nextHops.length === 0) this.#begin('uplink', { code: 'uplink-missing' })
    else this.#end('uplink')
    if (changed && nextHops.length > 0) {
      this.#note({ code: 'uplink-located', name: uplink.name, nextHops })
    }
    if (first) this.#reviewDue = true
    if ((first || changed) && this.#isInSync) this.#publishSoon()
  }

  // Word of others

  /** What was stored in a cluster of another name is nothing here. */
  #restore(carried: Carried): void {
    if (carried.entry.body.cluster !== this.#parts.config.cluster) return
    this.#absorb(carried.entry, this.#parts.set.merge(carried, this.#now))
  }

  #gossip({ id, from, entry }: Extract<Event, { type: 'gossip-received' }>): void {
    const { verdict } = this.#receive(
      { entry, remainMs: this.#parts.config.timing.tombstoneMs },
      from,
    )
    this.#afterwards.push({ type: 'verdict', id, verdict })
  }

  /** Admits and merges an entry of another node. `news`: it changed something here. */
  #receive(carried: Carried, from: NodeId): { verdict: Verdict; news: boolean } {
    const { config, set, peers } = this.#parts
    const { entry } = carried
    if (entry.body.origin === config.self) return this.#hearOfSelf(entry)
    const known = set.get(entry.body.origin)
    const isAlive = (node: NodeId) => peers.has(node)
    const admission = admit(entry, { cluster: config.cluster, known, isAlive })
    if (!admission.admitted) {
      this.#refused(entry, admission.why, from)
      return { verdict: admission.verdict, news: false }
    }
    const merged = this.#merge(entry.body.kind === 'record' ? { entry, remainMs: never } : carried)
    const news = merged.news || merged.raised.length > 0
    return { verdict: news ? 'accept' : 'ignore', news }
  }

  #refused(entry: Entry, why: string, from: NodeId): void {
    const { body } = entry
    if (why === 'evicts-the-living' && body.kind === 'tombstone') {
      this.#note({ code: 'eviction-refused', node: body.origin, author: body.author })
    } else {
      this.#notes(
        this.#parts.conditions.begin(`rejected/${from}`, { code: 'entry-rejected', from, why }),
      )
    }
  }

  #hearOfSelf(entry: Entry): { verdict: Verdict; news: boolean } {
    const { config, own, ownership, set, router } = this.#parts
    if (entry.body.cluster !== config.cluster) return { verdict: 'reject', news: false }
    const known = set.get(config.self)
    // An eviction's fences are true for everybody, however late it comes and however it is answered.
    const { raised } = set.merge({ entry, remainMs: 0 }, this.#now)
    if (raised.length > 0) {
      router.reselect(ownership.judge(raised).values())
      this.#reviewDue = true
    }
    const heard = { verdict: 'ignore', news: raised.length > 0 } as const
    if (this.#phase === 'left') return heard
    if (known && (known.hash === entry.hash || !supersedes(entry, known))) return heard
    const { action, notes } = own.refute(entry.body, this.#now)
    this.#notes(notes)
    if (action === 'republish' && this.#isInSync) this.#publishSoon()
    // Gossip does not come back to who has the sender's identity: a twin hears of the answer by comparing.
    this.#dueIn('anti-entropy', spreadMs)
    if (action === 'yield') this.#effect({ type: 'stop', exitCode: 1 })
    return heard
  }

  #merge(carried: Carried): Merged {
    const merged = this.#parts.set.merge(carried, this.#now)
    if (merged.news || merged.raised.length > 0) this.#absorb(carried.entry, merged)
    return merged
  }

  /** Brings everything that is derived from the record set up to date with one merge. */
  #absorb(entry: Entry, { news, before, raised }: Merged): void {
    const { ownership, router, config } = this.#parts
    const { origin } = entry.body
    const touched = ownership.judge(raised)
    if (news) {
      const was = before?.body.kind === 'record' ? before.body : undefined
      const is = entry.body.kind === 'record' ? entry.body : undefined
      const claims = { before: was?.claims ?? [], after: is?.claims ?? [] }
      for (const [text, prefix] of ownership.update(origin, claims)) touched.set(text, prefix)
      const extras = { before: was?.extras ?? [], after: is?.extras ?? [] }
      for (const prefix of this.#announcers.update(origin, extras)) touched.set(prefix.text, prefix)
      if (origin !== config.self) {
        router.nextHopsChanged({ before: was?.nextHops ?? [], after: is?.nextHops ?? [] })
        this.#membersChanged(entry, was)
        this.#dueIn('remember', config.timing.rememberMs)
      }
    }
    router.reselect(touched.values())
    this.#reviewDue = true
  }

  #membersChanged(entry: Entry, before: NodeRecord | undefined): void {
    const { set, conditions, config } = this.#parts
    this.#notes(
      observe(entry, before, { config, conditions, wallMs: this.#now + config.wallOffsetMs }),
    )
    const sameMember = before !== undefined && entry.body.kind === 'record'
    if (sameMember && before.addresses.join() === entry.body.addresses.join()) return
    this.#dueIn('overlay', set.size <= fullMeshMax ? 0 : overlayMs)
  }

  #drawOverlay(): void {
    const { config, set } = this.#parts
    const records = new Map(set.records().map((record) => [record.origin, record]))
    const peers = neighbours(config.self, records.keys()).map((id) => ({
      id,
      addresses: records.get(id)?.addresses ?? [],
    }))
    this.#effect({ type: 'connect', peers })
  }

  // Anti-entropy

  #peerConnected(peer: NodeId, address: string): void {
    const { config, peers, set } = this.#parts
    peers.connected(peer, address)
    this.#end('alone')
    this.#note({ code: 'peer-connected', peer, address })
    if (this.#parts.own.uplink.nextHops.length === 0) this.#effect({ type: 'locate-uplink' })
    // One of the two begins; a joining node does so too, for it waits for the answer.
    if (config.self < peer || !this.#isInSync) this.#send(peer, probe(set))
  }

  #sync(peer: NodeId, message: SyncMessage): void {
    const { peers, set } = this.#parts
    if ('root' in message) peers.said(peer, message.root)
    switch (message.type) {
      case 'probe': {
        const answer = answerProbe(set, message.root)
        this.#send(peer, answer)
        if (answer.type === 'match') this.#inSync('peer')
        return
      }
      case 'match':
        if (message.root === set.root) this.#inSync('peer')
        return
      case 'buckets':
        for (const answer of answerBuckets(set, message.buckets)) this.#send(peer, answer)
        return
      case 'summary':
        // Never in sync by it, for answers to former parts may be on their way: the own probe leads there.
        for (const answer of answerSummary(set, message, this.#now)) this.#send(peer, answer)
        return
      case 'delta':
        return this.#delta(peer, message)
      default:
        return unreachable(message)
    }
  }

  #delta(peer: NodeId, { carried, want, last }: Extract<SyncMessage, { type: 'delta' }>): void {
    const { set } = this.#parts
    let news = false
    for (const item of carried) news = this.#receive(item, peer).news || news
    if (want.length > 0) {
      for (const answer of answerWant(set, { want, last }, this.#now)) this.#send(peer, answer)
    }
    if (news) this.#dueIn('anti-entropy', spreadMs * (0.5 + this.#rng()))
    if (!last) return
    this.#inSync('peer')
    // Only after news: two that cannot agree would compare without end.
    if (news && want.length === 0) this.#send(peer, probe(set))
  }

  // The kernel

  #dumped(dump: KernelDump): void {
    const { router, bridge } = this.#parts
    router.dumped(dump)
    bridge.read(this.#now)
    this.#end('kernel')
    if (!this.#kernelKnown) {
      this.#kernelKnown = true
      if (router.mode === 'active') this.#activate()
      if (this.#isInSync) this.#publishSoon()
    }
    this.#exclude()
    this.#reviewDue = true
  }

  /** What failed for no reason that news could end is tried again, ever more rarely. */
  #routesApplied(results: readonly RouteResult[]): void {
    this.#notes(this.#parts.router.applied(results))
    if (results.some(({ outcome }) => outcome === 'failed' || outcome === 'forbidden')) {
      this.#dueIn('kernel', this.#kernelRetryMs)
      this.#kernelRetryMs = Math.min(this.#kernelRetryMs * 2, kernelRetryMsMax)
    } else if (results.length > 0) this.#kernelRetryMs = kernelRetryMs
  }

  #kernelChanged(changes: readonly KernelChange[]): void {
    const { router, config } = this.#parts
    const { notes, addresses, links, locals } = router.changed(changes)
    this.#notes(notes)
    if (addresses || links) this.#effect({ type: 'locate-uplink' })
    if (!addresses && !locals) return
    const at = Math.max(this.#now, this.#exclusionsAt + config.timing.exclusionMs)
    if (!this.#due.has('exclusions')) this.#due.set('exclusions', at)
  }

  #trouble({ code, subject, reason, active }: Trouble): void {
    const key = `${code}/${subject}`
    if (active) return this.#begin(key, { code, subject, reason })
    if (!this.#parts.conditions.has(key)) return
    this.#end(key)
    this.#note({ code: 'trouble-over', was: code, subject })
  }

  // Commands

  #command(id: number, asked: Command): void {
    const decision = decide(asked, this.#parts, this.#phase)
    if (!decision.ok) return this.#effect({ type: 'reply', id, result: decision })
    const result: CommandResult = { ok: true, message: decision.message }
    switch (asked.type) {
      case 'announce':
      case 'withdraw':
        if (this.#isReady) {
          this.#publishSoon()
          this.#pending.push({ id, until: 'published', result })
          return
        }
        // Published once it is in sync; kept until then.
        this.#effect({ type: 'persist-own', own: this.#parts.own.state })
        break
      case 'evict':
        if (decision.tombstone) this.#evict(decision.tombstone)
        break
      case 'leave':
        this.#leave()
        this.#pending.push({ id, until: 'settled', result })
        return
      case 'purge':
        this.#purge()
        this.#pending.push({ id, until: 'settled', result })
        return
      case 'resync':
        this.#resync()
        this.#pending.push({ id, until: 'settled', result })
        return
      case 'probe': {
        const { peers, set } = this.#parts
        for (const peer of peers.differing(set.root)) this.#send(peer, probe(set))
        break
      }
      default:
        return unreachable(asked)
    }
    this.#effect({ type: 'reply', id, result })
  }

  #evict(tombstone: Tombstone): void {
    const { config } = this.#parts
    const entry = config.seal(tombstone)
    this.#merge({ entry, remainMs: config.timing.tombstoneMs })
    this.#effect({ type: 'publish', entry })
    this.#dueIn('remember', 0)
  }

  #purge(): void {
    const { router } = this.#parts
    this.#phase = 'purged'
    this.#begin('purged', { code: 'purged', routes: router.ownedCount })
    router.mode = 'purged'
  }

  #resync(): void {
    const { router } = this.#parts
    if (this.#phase === 'purged') {
      this.#end('purged')
      this.#phase = this.#isInSync ? 'in-sync' : 'joining'
      router.mode = this.#isInSync ? 'active' : 'held'
    }
    this.#note({ code: 'kernel-resync', reason: 'asked for' })
    router.wantDump()
    this.#effect({ type: 'locate-uplink' })
  }

  #leave(): void {
    const { claimant, own, peers, router, config } = this.#parts
    const entry = config.seal(own.tombstone(claimant.claims))
    claimant.end()
    this.#phase = 'left'
    this.#due.clear()
    router.mode = 'purged'
    this.#write(entry)
    const farewell: SyncMessage = {
      type: 'delta',
      carried: [{ entry, remainMs: config.timing.tombstoneMs }],
      want: [],
      // A joining node must not take it for the answer that it waits for.
      last: false,
    }
    for (const peer of peers.ids().slice(0, farewells)) this.#send(peer, farewell)
    this.#dueIn('leave', leaveMs)
  }

  #stop(): void {
    this.#due.clear()
    this.#effect({ type: 'stop', exitCode: 0 })
  }

  #reply(until: PendingReply['until']): void {
    const ready = this.#pending.filter((pending) => pending.until === until)
    if (ready.length === 0) return
    this.#pending = this.#pending.filter((pending) => pending.until !== until)
    for (const { id, result } of ready) this.#effect({ type: 'reply', id, result })
  }

  // Plumbing

  #others(): Carried[] {
    const { set, config } = this.#parts
    return set.allCarried(this.#now).filter(({ entry }) => entry.body.origin !== config.self)
  }

  #dueIn(due: Due, delayMs: number): void {
    const at = this.#now + delayMs
    if ((this.#due.get(due) ?? never) > at) this.#due.set(due, at)
  }

  #send(peer: NodeId, message: SyncMessage): void {
    this.#effect({ type: 'send', peer, message })
  }

  #begin(key: string, note: Note): void {
    this.#notes(this.#parts.conditions.begin(key, note))
  }

  #end(key: string): void {
    this.#parts.conditions.end(key)
  }

  #note(note: Note): void {
    this.#effect({ type: 'note', note })
  }

  #notes(notes: readonly Note[]): void {
    for (const note of notes) this.#note(note)
  }

  #effect(effect: Effect): void {
    this.#effects.push(effect)
  }
}
