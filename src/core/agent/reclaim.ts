/** Ends nodes that are gone for good: by the one living node that the ring names, and never by a minority. */

import { placeOf } from '../claim/members.ts'
import { isRecord, type NodeId, recordLimits } from '../claim/record.ts'
import { tombstoneOf } from '../claim/tombstone.ts'
import { isDown, type Liveness } from '../liveness/observations.ts'
import type { Millis } from '../rng.ts'
import { evict } from './evict.ts'
import { livenessOf } from './liveness.ts'
import type { AgentState } from './state.ts'

/** While a minority waits for the others, or another node than this one is to do it. */
const againMs = 10_000

/** Evicts who has been gone for long enough. */
export function reclaim(state: AgentState): void {
  const { isReady, phase, peers, watch, set } = state
  const isCutOff = peers.size === 0 && set.size > 2
  const isBlind = isCutOff || watch.observed.length >= recordLimits.observed
  if (isReady && phase === 'in-sync' && !isBlind) evictGone(state)
  const next = nextReclaim(state)
  if (Number.isFinite(next)) state.dueIn('reclaim', Math.max(againMs, next - state.now))
}

function evictGone(state: AgentState): void {
  for (const [node, { state: is }] of [...state.missed]) {
    if (goneFor(state, node) < patienceWith(state, is)) continue
    if (successorOf(state, node) === state.config.self && isMajority(state)) end(state, node)
  }
}

/** When the first of those that are gone will have been so for long enough. */
export function nextReclaim(state: AgentState): Millis {
  let next = Number.POSITIVE_INFINITY
  for (const [node, { state: is }] of state.missed) {
    next = Math.min(next, state.now + patienceWith(state, is) - goneFor(state, node))
  }
  return next
}

/** A host that answers may have containers, whatever became of its agent: only an operator ends that one. */
function patienceWith({ config }: AgentState, liveness: Liveness): Millis {
  const { displacedMs, reclaimMs } = config.timing
  if (liveness === 'displaced') return displacedMs
  return liveness === 'host-down' ? reclaimMs : Number.POSITIVE_INFINITY
}

/** By the own clock alone: a wall clock that is set right would make a minute a day. A restart begins the time anew. */
const goneFor = ({ missed, now }: AgentState, node: NodeId): Millis =>
  now - (missed.get(node)?.since ?? now)

/** The first living node behind it on the ring, which watches it. */
function successorOf(state: AgentState, node: NodeId): NodeId | undefined {
  const { members } = state.set
  const place = placeOf(node, members)
  for (let step = 1; step < members.length; step += 1) {
    const other = members[(place + step) % members.length]
    if (other !== undefined && !isDown(livenessOf(state, other))) return other
  }
  return undefined
}

/** Of the nodes that are known, those that were replaced by another one excepted. */
function isMajority(state: AgentState): boolean {
  const { members } = state.set
  const states = members.map((node) => livenessOf(state, node))
  const living = states.filter((is) => !isDown(is)).length
  const replaced = states.filter((is) => is === 'displaced').length
  return living * 2 > members.length - replaced
}

function end(state: AgentState, node: NodeId): void {
  const ended = state.set.get(node)
  if (!ended || !isRecord(ended) || state.peers.has(node) || state.evictions.has(node)) return
  const { config, trust } = state
  evict(state, tombstoneOf(ended, { reason: 'evicted', author: config.self, ...trust.shown }))
}
