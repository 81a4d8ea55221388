/** The local claim's line: choose, stamp, persist, publish. */

import type { Entry } from '../claim/record.ts'
import type { Uplink } from '../event.ts'
import { fullMeshMax } from '../gossip/overlay.ts'
import type { InSyncBy } from '../note.ts'
import { merge } from './absorb.ts'
import { discover, seekSoon } from './discovery.ts'
import { settleKept } from './kept.ts'
import type { AgentState } from './state.ts'

/** Enough is known to claim, to publish and to remove routes that nobody announces. */
export function enterSync(state: AgentState, by: InSyncBy): void {
  if (state.isInSync) return
  state.isInSync = true
  // What is left to others was left as it was until now.
  state.keptDue = true
  state.due.delete('join')
  state.end('join-held')
  if (by === 'timeout') {
    state.begin('alone', { code: 'joined-alone', waitedMs: state.config.timing.joinTimeoutMs })
  }
  state.note({ code: 'in-sync', by })
  // What was stored may be long out of date.
  for (const [node, missed] of state.missed) state.missed.set(node, { ...missed, since: state.now })
  if (state.phase === 'joining') state.phase = 'in-sync'
  if (state.phase === 'in-sync') allowRemovals(state)
  else state.router.mode = 'purged'
  state.reviewDue = true
  state.publishSoon()
  seekSoon(state)
}

/** Sweeps what a former run left, once the kernel is known. */
export function allowRemovals(state: AgentState): void {
  const { router, kernelKnown } = state
  router.mode = 'active'
  const routes = kernelKnown ? router.leftovers : 0
  if (routes > 0) state.note({ code: 'pruned', routes })
}

/**
 * Nobody answered in time: it claims alone, unless a seed answers that fails at the handshake. That is a cluster that is
 * there and not heard; what is claimed beside it may be another node's.
 */
export function joinAlone(state: AgentState): void {
  const { conditions } = state
  // Whoever is on the LAN can say to be there: that holds nobody up for longer than the time of waiting.
  const failures = [...conditions.of('handshake-failed'), ...conditions.of('not-admitted')]
  const seeds = failures.filter(({ heard }) => !heard).map(({ subject }) => subject)
  if (seeds.length === 0) {
    const isFirst = !state.config.seeded && state.neighbours.length === 0
    return enterSync(state, isFirst ? 'nobody-heard' : 'timeout')
  }
  state.begin('join-held', { code: 'join-held', seeds })
  state.dueIn('join', state.config.timing.joinTimeoutMs)
}

/** Looks at the own claims: chooses, yields, confirms. */
export function review(state: AgentState): void {
  // Its own claims must be published before it judges how they stand.
  if (state.due.has('publish') && Number.isFinite(state.publishedAt)) return
  state.reviewDue = false
  const { changed, notes } = state.claimant.review(state.now, state.startedAt)
  state.note(...notes)
  if (changed) state.publishSoon()
}

/** Reads the host's own networks again, and tells the others what changed of them. */
export function exclude(state: AgentState): void {
  const { changed, notes } = state.claimant.exclude()
  state.excludedAt = state.now
  state.note(...notes)
  if (!changed) return
  state.reviewDue = true
  if (state.isReady) state.publishSoon()
}

export function publish(state: AgentState, gossips = true): void {
  if (!state.isReady) return
  const { claimant, own, config } = state
  // An eviction is answered at the new fence at once, before anybody takes the subnet for free.
  claimant.refence(state.now)
  settleKept(state)
  write(state, config.seal(own.record(saidOf(state))), gossips)
  if (gossips) state.publishedAt = state.now
  if (state.tellsPeers) tellPeers(state)
  state.tenure.said(state.now)
  state.reviewDue = true
  state.reply('published')
}

/** As many as make sure that one of them passes it on. */
const toldMax = 4

function tellPeers(state: AgentState): void {
  const entry = state.set.get(state.config.self)
  state.tellsPeers = false
  if (!entry) return
  const carried = [{ entry, remainMs: Number.POSITIVE_INFINITY }]
  for (const peer of state.peers.ids().slice(0, toldMax)) {
    state.send(peer, { type: 'delta', carried, want: [], last: false })
  }
}

/** Persist, publish, converge: in this order, so that nothing is announced that a crash could forget. */
export function write(state: AgentState, entry: Entry, gossips = true): void {
  state.own.written(entry)
  state.emit({ type: 'persist-own', own: state.own.state })
  if (gossips) state.emit({ type: 'publish', entry })
  else state.spreadSoon()
  merge(state, { entry, remainMs: Number.POSITIVE_INFINITY })
}

/** What this node says beside what it is. */
export const saidOf = ({ claimant, tenure, watch, kept, awarded }: AgentState) => ({
  claims: claimant.claims,
  exclusions: claimant.exclusions,
  witnessed: tenure.witnessed,
  observed: watch.observed,
  kept: kept.lists,
  awarded,
})

/**
 * Says what this node saw of contested prefixes. All nodes do so at once: in a large cluster comparing carries it, which
 * brings each record to each node once, and nobody can make the cluster talk faster than this.
 */
export function bearWitness(state: AgentState): void {
  state.witnessedAt = state.now
  publishCalmly(state)
}

/** What has time: in a large cluster comparing carries it alone. */
export function publishCalmly(state: AgentState): void {
  publish(state, state.set.size <= fullMeshMax)
}

export function uplinkLocated(state: AgentState, uplink: Uplink): void {
  const { own, router } = state
  router.uplink = uplink.ifindex
  const first = !state.uplinkKnown
  state.uplinkKnown = true
  const changed = own.relocate(uplink)
  const nextHops = uplink.nextHops.map(({ text }) => text)
  if (nextHops.length === 0) {
    const lack = uplink.lack ?? { type: 'none' }
    state.begin('uplink', { code: 'uplink-missing', lack })
  } else state.end('uplink')
  if (changed && nextHops.length > 0) {
    state.note({ code: 'uplink-located', name: uplink.name, nextHops })
  }
  discover(state)
  if (first) state.reviewDue = true
  if ((first || changed) && state.isInSync) state.publishSoon()
}
