/** Who lives: what this node finds, what others say, and what follows for routes and connections. */

import type { NodeId, Observed } from '../claim/record.ts'
import { addressesIn } from '../ip/address-list.ts'
import { hostPrefix } from '../ip/prefix.ts'
import { isDown, isGone, type Liveness } from '../liveness/observations.ts'
import type { ProbeAnswer } from '../liveness/watch.ts'
import type { Millis } from '../rng.ts'
import type { AgentState } from './state.ts'

/** A deadline that came so much later says that this process did not run. */
const pauseMs = 1_000
/** Of `watchMs`: those who watch it ask for longer than this before they miss it. */
const freshShare = 2
/** Once routes were turned, all is stored within this: agents that are killed together know no more when they are back. */
const rememberMs = 100
/** What is said no more has time: nobody's route follows from it. */
const unsayMs = 5_000
/** Least time between two answers to those who miss this node, at first and at the most. */
const refuteMsMin = 1_000
const refuteMsMax = 60_000

export const livenessOf = ({ missed }: AgentState, node: NodeId): Liveness =>
  missed.get(node)?.state ?? 'alive'

/** An entry of `author` changed, and with it what it says of others. */
export function observationsChanged(
  state: AgentState,
  author: NodeId,
  said: readonly Observed[],
): void {
  judgeAll(state, state.observations.update(author, said))
  state.watchDue = true
}

/** A deadline came: whether it came in time says whether this process ran. */
export function noticePause(state: AgentState, dueAt: Millis): void {
  if (state.now - dueAt < pauseMs) return
  state.watch.paused()
}

export function watchHeard(state: AgentState, peer: NodeId): void {
  state.watch.heard()
  state.peers.heard(peer, state.now)
  if (state.peers.isOverdue(peer)) {
    state.peers.answered(peer)
    state.watchDue = true
  }
}

export function peerOverdue(state: AgentState, peer: NodeId): void {
  state.peers.overdue(peer)
  state.watchDue = true
}

export function probed(state: AgentState, peer: NodeId, answer: ProbeAnswer): void {
  state.watch.answered(peer, answer, state.now)
  if (answer.type === 'connected') watchHeard(state, peer)
  state.watchDue = true
}

/** Whether this node is connected to nobody decides whose word counts. */
export function companyChanged(state: AgentState): void {
  judgeAll(
    state,
    state.watch.observed.map(({ node }) => node),
  )
  state.watchDue = true
}

/** What follows from any change, once per step. */
export function keepWatch(state: AgentState): void {
  const { watch, now, isReady } = state
  if (!isReady) return
  if (state.watchDue || watch.reviewAt() <= now) {
    state.watchDue = false
    watch.review(now)
    if (watch.takeSpanChanged()) state.dueIn('overlay', 0)
  }
  for (const peer of watch.take(now)) {
    const addresses = state.set.record(peer)?.addresses ?? []
    state.emit({ type: 'probe-peer', peer, addresses })
  }
  const news = watch.takeNews()
  if (news === 'said') {
    state.publishSoon()
    state.dueIn('overlay', 0)
  } else if (news === 'unsaid') state.dueIn('unsay', unsayMs * (1 + state.rng()))
}

/** Answers those who miss this node: what they say holds for its incarnation alone. */
export function refute(state: AgentState): void {
  if (state.observations.about(state.config.self).length > 0) answer(state)
}

/** Whoever was connected to nobody, and missed the others, is missed by them: it does not wait to hear so. */
export function backInCompany(state: AgentState): void {
  if (state.watch.observed.length > 0) answer(state)
}

function answer(state: AgentState): void {
  if (!state.isReady) return
  const isCalm = state.now - state.missedAt > refuteMsMax
  state.refuteMs = isCalm ? refuteMsMin : Math.min(state.refuteMs * 2, refuteMsMax)
  state.missedAt = state.now
  state.tellsPeers = true
  state.watch.lookAgain(state.now)
  state.note(state.own.refuteAbsence(namesOfMissers(state, state.config.self)))
  state.publishSoon()
}

function judgeAll(state: AgentState, nodes: Iterable<NodeId>): void {
  for (const node of nodes) judge(state, node)
}

function judge(state: AgentState, node: NodeId): void {
  const { config, observations, peers, missed, set, now } = state
  if (node === config.self) return judgeSelf(state)
  const loner = peers.size === 0 ? config.self : undefined
  const record = set.record(node)
  const found = record ? observations.state(node, loner) : 'alive'
  const was = livenessOf(state, node)
  const is = isGone(found) && !isGone(was) && isFresh(state, node) ? 'suspect' : found
  if (is === was) return
  if (is === 'alive') missed.delete(node)
  else missed.set(node, { state: is, since: now })
  if (isGone(is)) state.dueIn('reclaim', 0)
  if (record) tell(state, node, is, was)
  else state.end(`missed/${node}`)
  if (isDown(is) !== isDown(was)) state.dueIn('overlay', 0)
  if (record && isGone(is) !== isGone(was)) {
    state.dueIn('remember', rememberMs)
    const kept = record.kept.flatMap((list) => [...addressesIn(list)]).map(hostPrefix)
    const claimed = record.claims.map(({ prefix }) => prefix)
    state.router.reselect([...claimed, ...record.extras, ...kept])
  }
  state.watchDue = true
}

/**
 * Whether this node itself heard it later than those who miss it can have. Once a split network is whole again each
 * half hears what watchers in the other one found of nodes that this half never lost, until these refute it.
 */
function isFresh(state: AgentState, node: NodeId): boolean {
  const { peers, config, now } = state
  const untilMs = peers.heardAt(node) + freshShare * config.timing.watchMs
  if (!peers.isHeard(node) || untilMs <= now) return false
  state.doubted.add(node)
  state.dueIn('doubted', untilMs - now)
  return true
}

/** Words that were not believed at first: who is heard no more is gone after all. */
export function judgeDoubted(state: AgentState): void {
  const nodes = [...state.doubted]
  state.doubted.clear()
  judgeAll(state, nodes)
}

/** Most words are answered at once; whoever repeats them without end is answered ever more rarely. */
function judgeSelf(state: AgentState): void {
  const words = state.observations.about(state.config.self).length
  if (words === 0) return
  // Two words turn routes away; one costs nothing but a message for each answer.
  const spacingMs = words > 1 ? refuteMsMin : state.refuteMs
  state.dueIn('refute', Math.max(0, state.missedAt + spacingMs - state.now))
}

function tell(state: AgentState, node: NodeId, is: Liveness, was: Liveness): void {
  const name = state.set.record(node)?.name ?? ''
  const key = `missed/${node}`
  if (is !== 'alive' && is !== 'suspect') {
    state.begin(key, { code: 'node-down', node, name, state: is, by: namesOfMissers(state, node) })
    return
  }
  state.end(key)
  if (isDown(was)) state.note({ code: 'node-back', node, name })
}

/** Those who miss the node, ascending. */
export const namesOfMissers = ({ observations, set }: AgentState, node: NodeId): string[] =>
  observations
    .about(node)
    .map(({ author }) => set.record(author)?.name ?? author)
    .sort()
