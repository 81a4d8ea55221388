/** Word of others: admitted or refused, and what is told of it. */

import { admit } from '../claim/admit.ts'
import { compareVersions, type Entry, type NodeId } from '../claim/record.ts'
import { supersedes } from '../claim/record-set.ts'
import type { Verdict } from '../effect.ts'
import type { Carried } from '../gossip/message.ts'
import { fullMeshMax } from '../gossip/overlay.ts'
import { isDown } from '../liveness/observations.ts'
import type { TrustFault } from '../trust/fault.ts'
import { merge } from './absorb.ts'
import { judged } from './contests.ts'
import { answered, awaitAnswer, evictionDelay, postpone } from './evictions.ts'
import { livenessOf } from './liveness.ts'
import type { AgentState } from './state.ts'
import { noteUse, tellTokenUsed } from './trust.ts'

/** `news`: it changed something here. */
export interface Heard {
  readonly verdict: Verdict
  readonly news: boolean
  /** Others need to hear it at once, however it came. */
  readonly passOn?: boolean
}

/** An entry that `from` passed on, whoever wrote it. */
export function receive(state: AgentState, carried: Carried, from: NodeId): Heard {
  const { config, set } = state
  const { entry } = carried
  if (entry.body.origin === config.self) return hearOfSelf(state, entry)
  const known = set.get(entry.body.origin)
  const isAlive = (node: NodeId) => state.peers.isHeard(node)
  const hasRoom = (kind: Entry['body']['kind']) => set.hasRoom(kind)
  const { cluster } = config
  const admission = admit(entry, { cluster, known, hasRoom, isAlive })
  if (!admission.admitted) {
    tellRefused(state, { entry, why: admission.why, from })
    return { verdict: admission.verdict, news: false }
  }
  const distrust = state.trust.refuses(entry.body, carried.remainMs, state.wallMs)
  if (distrust) {
    if (distrust === 'token-used') tellTokenUsed(state, entry.body.origin, entry.body.certificate)
    tellDistrusted(state, { entry, why: distrust, from })
    // Others may not have heard what this node has: that is no fault of whoever forwards it.
    return { verdict: 'ignore', news: false }
  }
  if (waitsForAnswer(state, entry)) {
    const isNews = awaitAnswer(state, carried, from)
    return { verdict: isNews ? 'accept' : 'ignore', news: false, passOn: isNews }
  }
  const isRecord = entry.body.kind === 'record'
  const remainMs = isRecord ? Number.POSITIVE_INFINITY : carried.remainMs
  const wasMissed = isDown(livenessOf(state, entry.body.origin))
  const merged = merge(state, { entry, remainMs }, from)
  if (isRecord && merged.news) {
    state.end(`distrusted/${entry.body.origin}`)
    noteUse(state, entry.body.origin, entry.body.certificate)
  }
  const news = merged.news || merged.raised.length > 0
  // Gossip does not reach its node again yet, which is connected to few.
  const isBack = merged.news && wasMissed && !isDown(livenessOf(state, entry.body.origin))
  return { verdict: news ? 'accept' : 'ignore', news, passOn: isBack }
}

/** By its watchers, or by this node and the one that ends it. Until in-sync nothing is known of that. */
const isMissed = (state: AgentState, node: NodeId): boolean =>
  !state.isInSync ||
  !state.set.record(node) ||
  isDown(livenessOf(state, node)) ||
  state.watch.misses(node)

/** An eviction of a node that may be about to come back. */
function waitsForAnswer(state: AgentState, { body }: Entry): boolean {
  if (body.kind === 'record' || body.reason === 'left') return false
  const known = state.set.record(body.origin)
  if (!known || compareVersions(body.version, known.version) < 0) return false
  return evictionDelay(state, body.origin) > 0
}

/** Evictions that were not answered take effect. */
export function evictDue(state: AgentState): void {
  for (const [node, { carried, from, dueAt }] of state.evictions) {
    if (dueAt > state.now) continue
    const { body } = carried.entry
    const distrust = state.trust.refuses(body, carried.remainMs, state.wallMs)
    if (from && !distrust && !state.peers.isHeard(node) && !isMissed(state, node)) {
      // Those who watch it have not found it gone yet, or it answers them. An operator of this host knows better.
      postpone(state, node)
      continue
    }
    answered(state, node)
    if (!distrust && !state.peers.isHeard(node)) merge(state, carried, from)
  }
}

/**
 * Whether others need to hear an entry from us. In a full mesh a member tells everybody itself, and what a broken
 * connection keeps from one of them comparing brings; passed on by all, each word would cost every node several times.
 * Who has just started, and whoever hears it in a mesh that is not complete, may not be connected to everybody.
 */
export function needsForwarding(
  state: AgentState,
  { entry, from }: { entry: Entry; from: NodeId },
): boolean {
  const { set, peers } = state
  const { origin, version } = entry.body
  if (from !== origin || set.size > fullMeshMax || peers.size < set.size - 1) return true
  return set.record(origin)?.version.incarnation !== version.incarnation
}

/** News that is passed on one by one within a second. */
const newsMax = 16

/**
 * Whether so much is news that comparing carries it better. Above a full mesh each node gets each gossip from several
 * neighbours; a comparison brings whatever is new at once, and once.
 */
export function isBurst(state: AgentState): boolean {
  const { set, now, news } = state
  if (set.size <= fullMeshMax) return false
  news.credit = Math.min(newsMax, news.credit + ((now - news.at) / 1_000) * newsMax)
  news.at = now
  if (news.credit >= 1) {
    news.credit -= 1
    return false
  }
  state.spreadSoon()
  return true
}

/** Word about this node that it did not write: an eviction, a former self, a twin. */
function hearOfSelf(state: AgentState, entry: Entry): Heard {
  const { config, own, ownership, set } = state
  const { body } = entry
  if (body.cluster !== config.cluster) return { verdict: 'reject', news: false }
  // What nobody else takes must not be in this set alone.
  if (body.kind === 'tombstone' && state.trust.refuses(body, 0, state.wallMs)) {
    return { verdict: 'ignore', news: false }
  }
  const known = set.get(config.self)
  // An eviction's fences are true for everybody, however late it comes and however it is answered.
  const { raised } = set.merge({ entry, remainMs: 0 }, state.now)
  if (raised.length > 0) {
    judged(state, ownership.judge(raised), undefined)
    state.dueIn('remember', config.timing.rememberMs)
  }
  const heard: Heard = { verdict: 'ignore', news: raised.length > 0 }
  if (state.phase === 'left') return heard
  if (known && (known.hash === entry.hash || !supersedes(entry, known))) return heard
  const { action, notes } = own.refute(body, state.now)
  state.note(...notes)
  // Whoever evicts it again and again must not make it talk without end.
  if (action === 'republish' && state.isInSync && !state.due.has('publish')) {
    state.refutedAt = Math.max(state.now, state.refutedAt + refuteMs)
    state.due.set('publish', state.refutedAt)
  }
  // Gossip does not come back to who has the sender's identity: a twin hears of the answer by comparing.
  state.spreadSoon()
  if (action === 'yield') state.emit({ type: 'stop', exitCode: 1 })
  return heard
}

function tellRefused(
  state: AgentState,
  { entry, why, from }: { entry: Entry; why: string; from: NodeId },
): void {
  const { body } = entry
  const via = state.peers.get(from)?.address ?? ''
  if (why === 'evicts-the-living' && body.kind === 'tombstone') {
    const { origin: node, author } = body
    state.begin(`evicted/${node}`, { code: 'eviction-refused', node, author, via })
    if (state.evictionsTold.get(node) === entry.hash) return
    // It must hear of it, to answer those who are not connected to it.
    state.evictionsTold.set(node, entry.hash)
    const carried = [{ entry, remainMs: 0 }]
    state.send(node, { type: 'delta', carried, want: [], last: false })
  } else if (why === 'no-room') {
    if (state.conditions.has('full')) return
    const { nodes: most } = state.config.limits
    state.begin('full', { code: 'nodes-full', most, node: body.origin, from, via })
  } else state.begin(`rejected/${from}`, { code: 'entry-rejected', from, why })
}

/** Least time between two answers to evictions; whoever heard one waits longer for the answer. */
const refuteMs = 1_000

/** As many as are known: a stranger that is not must not fill the list. */
const distrustedMax = 64

function tellDistrusted(
  state: AgentState,
  { entry, why, from }: { entry: Entry; why: TrustFault; from: NodeId },
): void {
  const { body } = entry
  const node = body.kind === 'record' ? body.origin : body.author
  const key = `distrusted/${node}`
  if (!state.conditions.has(key) && state.conditions.count('distrusted/') >= distrustedMax) return
  const name = body.kind === 'record' ? body.name : ''
  const via = state.peers.get(from)?.address ?? ''
  state.begin(key, { code: 'record-refused', node, name, why, from, via })
}
