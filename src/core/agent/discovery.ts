/** Others on the LAN, as they are heard of: dialled as seeds are, believed in nothing, and waited for in bounds. */

import type { Neighbour } from '../event.ts'
import type { AgentState } from './state.ts'

/**
 * A member leaves newcomers time to join by themselves, and to be told of by others: all of a cluster would dial them at
 * once. Whoever is still unknown then is in another half of the cluster.
 */
const seekAfterMs = 5_000
/** While somebody may still answer. */
export const lookAgainMs = 500

/** Where to look, whenever the uplink was looked for. */
export function discover(state: AgentState): void {
  if (!state.config.discovers) return
  const { name: link, nextHops } = state.own.uplink
  if (nextHops.length > 0) state.discoversAt ??= state.now
  state.emit({ type: 'discover', link, nextHops })
}

export function neighboursHeard(state: AgentState, neighbours: readonly Neighbour[]): void {
  state.neighbours = neighbours
  if (!state.isInSync) return dial(state, neighbours)
  // Who is gone is dialled no more; who is new may become a member by himself.
  const places = new Set(neighbours.map(dialable))
  dial(
    state,
    state.sought.filter((each) => places.has(dialable(each))),
  )
  seekSoon(state)
}

export function seekSoon(state: AgentState): void {
  if (state.config.discovers) state.dueIn('seek', seekAfterMs * (1 + state.rng()))
}

/**
 * Members are dialled by those who watch them. On a LAN with IPv6 alone members are heard by link-local addresses, which
 * no record has: as many as are heard are dialled once, and left alone where they turn out to be members.
 */
export function seek(state: AgentState): void {
  const members = new Set(state.set.records().flatMap(({ addresses }) => addresses))
  dial(
    state,
    state.neighbours.filter((each) => !members.has(dialable(each))),
  )
}

function dial(state: AgentState, neighbours: readonly Neighbour[]): void {
  const before = state.sought.map(dialable)
  state.sought = neighbours
  if (neighbours.map(dialable).join() === before.join()) return
  state.emit({ type: 'seek', neighbours })
}

/**
 * Whether a node without seeds must still wait: until it was asked for long enough, and as long as one who was heard
 * does not fail the handshake; never for longer than it would wait for a seed.
 */
export function maySomebodyAnswer(state: AgentState): boolean {
  const { config, conditions, discoversAt, neighbours, now, startedAt } = state
  const { joinTimeoutMs, discoveryMs } = config.timing
  if (config.seeded || now - startedAt >= joinTimeoutMs) return false
  if (discoversAt === undefined || now - discoversAt < discoveryMs) return true
  const failing = conditions.of('handshake-failed').filter(({ heard }) => heard)
  return neighbours.length > failing.length
}

/** As records have it. */
const dialable = ({ address, port }: Neighbour): string =>
  `/ip${address.includes(':') ? 6 : 4}/${address}/tcp/${port}`
