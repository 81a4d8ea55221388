/**
 * Evictions that wait for their node's answer. A node whose agent restarts is away for seconds, and whoever is connected
 * to it may be another node: so an eviction is passed on at once, for its node to hear of it, and takes effect later.
 */

import { compareVersions, type NodeId } from '../claim/record.ts'
import type { Carried } from '../gossip/message.ts'
import { fullMeshMax } from '../gossip/overlay.ts'
import { isDown } from '../liveness/observations.ts'
import type { Millis } from '../rng.ts'
import type { AgentState } from './state.ts'

/** Its watchers find within seconds whether a node is gone. */
const postponeMs = 5_000
/** Of the tenure: what an answer takes from a node that only this one has lost. */
const answerShare = 1 / 6

/**
 * How long the node still has to answer: as long as a holder must be seen, from when it was lost. Until the first
 * comparison, all that is known may be long out of date.
 */
export function evictionDelay(state: AgentState, node: NodeId): Millis {
  const { set, peers, missed, isInSync, config, now } = state
  if (!isInSync || !set.record(node)) return 0
  const { tenureMs } = config.timing
  const { state: is = 'alive', since: missedAt = now } = missed.get(node) ?? {}
  // Where not all are connected to all, a connection may have been given up: then only what its watchers say counts.
  const lostAt = set.size <= fullMeshMax ? (peers.lostAt(node) ?? now) : isDown(is) ? missedAt : now
  return Math.max(tenureMs * answerShare, lostAt + tenureMs - now)
}

/** Returns whether it is to be passed on: it was not heard before. */
export function awaitAnswer(
  state: AgentState,
  carried: Carried,
  from: NodeId | undefined,
): boolean {
  const { evictions, set, peers, now } = state
  const { body, hash } = carried.entry
  const before = evictions.get(body.origin)
  if (body.kind !== 'tombstone' || before?.carried.entry.hash === hash) return false
  if (before && compareVersions(before.carried.entry.body.version, body.version) >= 0) return false
  const inMs = evictionDelay(state, body.origin)
  evictions.set(body.origin, { carried, from, dueAt: before?.dueAt ?? now + inMs })
  state.watchDue = true
  const name = set.record(body.origin)?.name ?? ''
  const { origin: node, author } = body
  const via = (from && peers.get(from)?.address) ?? ''
  state.begin(`evicting/${node}`, { code: 'eviction-pending', node, name, author, inMs, via })
  return true
}

/** It is not known yet whether the node is gone. */
export function postpone({ evictions, now }: AgentState, node: NodeId): void {
  const pending = evictions.get(node)
  if (pending) evictions.set(node, { ...pending, dueAt: now + postponeMs })
}

/** The node answered, or it is gone by another way. */
export function answered({ evictions, conditions }: AgentState, node: NodeId): void {
  if (evictions.delete(node)) conditions.end(`evicting/${node}`)
}

export function nextEviction({ evictions }: AgentState): Millis {
  let next = Number.POSITIVE_INFINITY
  for (const { dueAt } of evictions.values()) next = Math.min(next, dueAt)
  return next
}
