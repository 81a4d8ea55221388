/** The agent: turns each event into the effects that the shell must perform, and never anything else. */

import { forgetTwins, restore } from './agent/absorb.ts'
import { command, stop } from './agent/commands.ts'
import {
  compare,
  digestChanged,
  digestHeard,
  peerConnected,
  peerDisconnected,
  seekAgreement,
  syncReceived,
} from './agent/compare.ts'
import { decideContests } from './agent/contests.ts'
import { lookAgainMs, maySomebodyAnswer, neighboursHeard, seek } from './agent/discovery.ts'
import { nextEviction } from './agent/evictions.ts'
import { settleKept } from './agent/kept.ts'
import {
  askDoubted,
  checkForwarding,
  doubtAll,
  dumped,
  forwardingChecked,
  kernelChanged,
  routesApplied,
  unreadable,
} from './agent/kernel.ts'
import { leasesPersisted, serveAddresses } from './agent/leases.ts'
import {
  judgeDoubted,
  keepWatch,
  noticePause,
  peerOverdue,
  probed,
  refute,
  watchHeard,
} from './agent/liveness.ts'
import { drawOverlay } from './agent/overlay.ts'
import {
  bearWitness,
  enterSync,
  exclude,
  joinAlone,
  publish,
  publishCalmly,
  review,
  uplinkLocated,
} from './agent/publish.ts'
import { evictDue, isBurst, needsForwarding, receive } from './agent/receive.ts'
import { reclaim } from './agent/reclaim.ts'
import { AgentState, type Due } from './agent/state.ts'
import { judgeOpenness, peerRefused, refusalOf, startTrust, sweepTrust } from './agent/trust.ts'
import { located, viewOf } from './agent/view.ts'
import type { NodeId } from './claim/record.ts'
import type { CoreConfig } from './config.ts'
import type { Effect, Snapshot } from './effect.ts'
import type { Event, Trouble } from './event.ts'
import { unreachable } from './invariant.ts'
import type { Prefix } from './ip/prefix.ts'
import type { Millis, Rng } from './rng.ts'
import type { FirewallSituation } from './routing/firewall.ts'
import type { AgentView } from './view.ts'

/** How many notifications are taken to be lost where some are: more than a calm kernel has. */
const lostChanges = 1_000

/** Nothing tells when the disk can be written again. */
const rememberAgainMs = 5_000

export class Agent {
  readonly #state: AgentState
  readonly #view: AgentView

  constructor(config: CoreConfig, restored: Snapshot, rng: Rng, now: Millis) {
    const state = new AgentState(config, restored, rng, now)
    this.#state = state
    this.#view = viewOf(state)
    for (const carried of restored.known) restore(state, carried)
    const { entry } = restored.own
    if (entry) restore(state, { entry, remainMs: Number.POSITIVE_INFINITY })
    const said = entry?.body.kind === 'record' ? entry.body.witnessed : []
    state.tenure.restored(said, now)
    state.watch.restored(entry?.body.kind === 'record' ? entry.body.observed : [])
    // What was known before is no news to anybody.
    state.takeEffects()
  }

  /** Synchronous and total: no event may make it throw. The effects are to be performed in order. */
  step(event: Event, now: Millis): Effect[] {
    this.#state.now = now
    this.#dispatch(event)
    this.#converge()
    return this.#state.takeEffects()
  }

  /** When the next `deadline` event is due, and what for. */
  nextDeadline(): { readonly at: Millis; readonly reason: string } {
    const { set, due, kernelKnown, bridge, firewall, isReady, claimant, doubts, ipam, leaks } =
      this.#state
    const { tenure, watch, now } = this.#state
    let next = { at: set.nextExpiry(), reason: 'tombstone' }
    const consider = (at: Millis, reason: string) => {
      if (at < next.at) next = { at, reason }
    }
    for (const [reason, at] of due) consider(at, reason)
    consider(tenure.nextDeadline(now), 'contest')
    consider(nextEviction(this.#state), 'eviction')
    if (isReady) consider(watch.nextDeadline(), 'watch')
    consider(ipam.nextDeadline(), 'leases')
    consider(leaks.nextDeadline(), 'leaks')
    if (kernelKnown) {
      consider(bridge.nextDeadline(), 'bridge')
      consider(firewall.nextDeadline(), 'firewall')
      consider(doubts.nextDeadline(), 'doubts')
    }
    // While a publication is due, the claims are not reviewed.
    if (isReady && !due.has('publish')) consider(claimant.nextDeadline(), 'claim')
    return next
  }

  /** Whether that node is a member whom its watchers can dial: nobody else has to look after it. */
  hasMember(node: NodeId): boolean {
    return (this.#state.set.record(node)?.addresses.length ?? 0) > 0
  }

  /** Whether there is word of that node. */
  knows(node: NodeId): boolean {
    return this.#state.set.get(node) !== undefined
  }

  /** Nobody has told it yet what the cluster is. */
  get joins(): boolean {
    return !this.#state.isInSync
  }

  /** The operator's certificate of this node, to show to peers. */
  get certificate(): Uint8Array | undefined {
    return this.#state.trust.certificate
  }

  /** Why a peer that shows this certificate is not admitted; empty: it is. */
  refusal(peer: NodeId, certificate: Uint8Array): string {
    return refusalOf(this.#state, peer, certificate)
  }

  view(): AgentView {
    return this.#view
  }

  #dispatch(event: Event): void {
    const state = this.#state
    switch (event.type) {
      case 'started':
        return this.#start()
      case 'deadline':
        return this.#deadline()
      case 'command':
        return command(state, event.id, event.command)
      case 'peer-connected':
        return peerConnected(state, event.peer, event.address)
      case 'peer-disconnected':
        return peerDisconnected(state, event.peer)
      case 'peer-overdue':
        return peerOverdue(state, event.peer)
      case 'peer-probed':
        return probed(state, event.peer, event.answer)
      case 'peer-refused':
        return peerRefused(state, event)
      case 'neighbours-heard':
        return neighboursHeard(state, event.neighbours)
      case 'seeds-are-self':
        return enterSync(state, 'seeds-are-self')
      case 'gossip-received': {
        watchHeard(state, event.from)
        const isForwarded = needsForwarding(state, event)
        const carried = { entry: event.entry, remainMs: state.config.timing.tombstoneMs }
        const { verdict } = receive(state, carried, event.from)
        const isHeldBack = verdict === 'accept' && isBurst(state)
        const judged = verdict === 'accept' && (!isForwarded || isHeldBack) ? 'ignore' : verdict
        return state.emitLast({ type: 'verdict', id: event.id, verdict: judged })
      }
      case 'sync-received':
        return syncReceived(state, event.peer, event.message)
      case 'digest-heard':
        return digestHeard(state, event.peer, event.root)
      case 'kernel-dumped':
        return dumped(state, event.dump)
      case 'kernel-unreadable':
        return unreadable(state, event.reason)
      case 'kernel-changed':
        return kernelChanged(state, event.changes)
      case 'kernel-overrun':
        state.note({ code: 'kernel-resync', reason: event.reason })
        return doubtAll(state, lostChanges)
      case 'routes-applied':
        return routesApplied(state, event.results)
      case 'next-hops-looked-up':
        return state.router.lookedUp(event.answers, state.now)
      case 'usage-looked-up':
        return state.router.used(event.answers, state.now)
      case 'uplink-located':
        uplinkLocated(state, event.uplink)
        return judgeOpenness(state)
      case 'bridge-configured':
        state.note(...state.bridge.configured(event.error, state.now))
        checkForwarding(state)
        // Only a dump shows what it made.
        return state.router.wantDump()
      case 'firewall-configured':
        return state.note(...state.firewall.configured(event.answer, state.now))
      case 'firewall-changed':
        return state.firewall.changed()
      case 'forwarding-checked':
        return forwardingChecked(state, event.answer)
      case 'leases-persisted':
        return leasesPersisted(state, event.error)
      case 'containers-looked-for':
        return state.leaks.looked(event.answers, state.now)
      case 'addresses-probed':
        return state.leaks.probed(event.silent)
      case 'trouble-reported':
        return this.#trouble(event.trouble)
      default:
        return unreachable(event)
    }
  }

  /** What follows from any change of state, once per step. */
  #converge(): void {
    const state = this.#state
    const { router, bridge, firewall, claimant } = state
    if (state.reviewDue && state.isReady) review(state)
    keepWatch(state)
    settleKept(state)
    digestChanged(state)
    const subnets = claimant.confirmed
      .map(({ prefix }) => prefix)
      .filter((prefix) => this.#mayServe(prefix))
    bridge.subnets = subnets
    serveAddresses(state, subnets)
    if (!state.kernelKnown) {
      // The first dump, and nothing else: what is not known cannot be reconciled.
      for (const effect of router.askDump()) state.emit(effect)
      return
    }
    askDoubted(state)
    const ofBridge = bridge.flush(state.now)
    const ofFirewall = firewall.flush(this.#firewallSituation(subnets), state.now)
    if (state.own.holdsOnLinks(bridge.gateways)) {
      state.emit({ type: 'persist-own', own: state.own.state })
    }
    for (const effect of [...router.flush(), ...ofBridge, ...ofFirewall]) state.emit(effect)
    state.note(...located(state, router.report()))
    const isSettled = router.settled && firewall.settled
    if (isSettled) state.reply('settled')
    if (state.phase === 'left' && isSettled && bridge.settled) stop(state)
  }

  #firewallSituation(subnets: readonly Prefix[]): FirewallSituation {
    const { phase, isInSync, router, own, keptSubnets } = this.#state
    const isGone = phase === 'purged' || phase === 'left'
    return {
      mode: isGone ? 'gone' : isInSync ? 'active' : 'held',
      subnets: keptSubnets.length === 0 ? subnets : [...subnets, ...keptSubnets],
      revision: router.judgements,
      reachable: () => [...router.reachable, ...own.extras],
    }
  }

  /**
   * A gateway stands for what was persisted and published as confirmed. An eviction that is being refuted takes it from
   * nobody: it goes only when another node holds the prefix.
   */
  #mayServe({ text }: Prefix): boolean {
    const { set, ownership, config } = this.#state
    const published = set.record(config.self)?.claims.find(({ prefix }) => prefix.text === text)
    if (published?.state !== 'confirmed') return false
    const holder = ownership.holder(published.prefix)
    return holder === undefined || holder.origin === config.self
  }

  #start(): void {
    const state = this.#state
    const { config, router } = state
    startTrust(state)
    router.wantDump()
    state.locateUplink()
    state.dueIn('overlay', 0)
    state.dueIn('anti-entropy', config.timing.antiEntropyMs)
    state.dueIn('kernel', config.timing.resyncMs)
    if (config.seeded) state.dueIn('join', config.timing.joinTimeoutMs)
    else if (config.discovers) state.dueIn('join', config.timing.discoveryMs)
    else enterSync(state, 'no-seeds')
  }

  #deadline(): void {
    const state = this.#state
    const { set, due, claimant, now } = state
    noticePause(state, this.nextDeadline().at)
    if (set.collect(now)) {
      state.roomMade()
      state.dueIn('remember', state.config.timing.rememberMs)
    }
    decideContests(state)
    evictDue(state)
    state.ipam.expire(now)
    if (state.isReady && claimant.nextDeadline() <= now) review(state)
    for (const name of [...due].filter(([, at]) => at <= now).map(([name]) => name)) {
      due.delete(name)
      this.#perform(name)
    }
  }

  #perform(due: Due): void {
    const state = this.#state
    const { config, router, set } = state
    switch (due) {
      case 'publish':
        return publish(state)
      case 'join':
        // Nobody answers a node that is not admitted: it is not alone.
        if (state.ownFault) return state.dueIn('join', config.timing.joinTimeoutMs)
        if (maySomebodyAnswer(state)) return state.dueIn('join', lookAgainMs)
        return joinAlone(state)
      case 'anti-entropy':
        return compare(state)
      case 'agreement':
        return seekAgreement(state)
      case 'forwarding':
        return checkForwarding(state)
      case 'kernel':
        router.wantDump()
        doubtAll(state, 1)
        return state.dueIn('kernel', config.timing.resyncMs)
      case 'remember': {
        const all = set.allCarried(state.now)
        // Its own record is stored by itself. A tombstone of its own is here for the fences that it raised.
        const known = all.filter(
          ({ entry: { body } }) => body.origin !== config.self || body.kind === 'tombstone',
        )
        return state.emit({ type: 'persist-known', known })
      }
      case 'exclusions':
        return exclude(state)
      case 'overlay':
        return drawOverlay(state)
      case 'trust':
        return sweepTrust(state)
      case 'witness':
        return bearWitness(state)
      case 'unsay':
        return publishCalmly(state)
      case 'reclaim':
        return reclaim(state)
      case 'doubted':
        return judgeDoubted(state)
      case 'twice':
        return forgetTwins(state)
      case 'refute':
        return refute(state)
      case 'seek':
        return seek(state)
      case 'leave':
        state.reply('settled')
        return stop(state)
      default:
        return unreachable(due)
    }
  }

  #trouble({ code, subject, reason, active, heard }: Trouble): void {
    const state = this.#state
    const key = `${code}/${subject}`
    if (active && code === 'store-unwritable') state.dueIn('remember', rememberAgainMs)
    if (active) return state.begin(key, { code, subject, reason, ...(heard && { heard }) })
    if (!state.conditions.has(key)) return
    state.end(key)
    state.note({ code: 'trouble-over', was: code, subject })
  }
}
