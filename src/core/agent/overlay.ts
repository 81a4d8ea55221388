/** Whom this node stays connected to: drawn among the living, and those that it does not need are let go. */

import type { NodeId } from '../claim/record.ts'
import { fullMeshMax, neighbours } from '../gossip/overlay.ts'
import { isDown } from '../liveness/observations.ts'
import { spanOf } from '../liveness/span.ts'
import { livenessOf } from './liveness.ts'
import type { AgentState } from './state.ts'

/** A newcomer needs its seed until it has neighbours of its own; nodes that come and go move connections to and fro. */
export const releaseMs = 20_000

export function drawOverlay(state: AgentState): void {
  const { config, set, watch } = state
  const living = set.members.filter((node) => !isDown(livenessOf(state, node)))
  const wanted = neighbours(config.self, living)
  const peers = wanted.map((id) => ({
    id,
    watched: watch.nearest.has(id),
    addresses: set.record(id)?.addresses ?? [],
  }))
  state.emit({ type: 'connect', peers })
  release(state, new Set(wanted), living.length)
}

/** Lets go members that the overlay does not want, once most of those that it wants are connected. */
function release(state: AgentState, wanted: ReadonlySet<NodeId>, living: number): void {
  const { set, peers, watch, unneededSince, now } = state
  const unneeded = peers
    .ids()
    .filter(
      (id) =>
        !wanted.has(id) &&
        !watch.span.has(id) &&
        set.record(id) &&
        !isMissed(state, id) &&
        !watchesUs(state, id),
    )
  for (const id of unneededSince.keys()) if (!unneeded.includes(id)) unneededSince.delete(id)
  if (living <= fullMeshMax || unneeded.length === 0) return
  const connected = [...wanted].filter((id) => peers.has(id)).length
  let next = releaseMs
  for (const id of unneeded) {
    const since = unneededSince.get(id) ?? now
    unneededSince.set(id, since)
    const waitMs = since + releaseMs - now
    if (waitMs <= 0 && connected * 2 > wanted.size) state.emit({ type: 'disconnect', peer: id })
    else if (waitMs > 0) next = Math.min(next, waitMs)
  }
  state.dueIn('overlay', next)
}

/** It looks past those that it misses, and this node is the next one. */
function watchesUs({ set, config }: AgentState, node: NodeId): boolean {
  const misses = new Set(set.record(node)?.observed.map((each) => each.node))
  return misses.size > 0 && spanOf(node, set.members, (each) => !misses.has(each)).has(config.self)
}

/** Its connection may be all that tells it so. */
const isMissed = (state: AgentState, node: NodeId): boolean => livenessOf(state, node) !== 'alive'
