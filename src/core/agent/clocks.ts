/** Wall clocks compared with each peer's, when a connection begins, and again where one seems to be behind. */

import type { NodeId } from '../claim/record.ts'
import type { AgentState } from './state.ts'

export function clockHeard(state: AgentState, peer: NodeId, wallMs: number): void {
  if (state.clocks.heard(peer, wallMs - state.wallMs)) sayClock(state, peer)
  tellClocks(state)
}

export function sayClock(state: AgentState, peer: NodeId): void {
  state.send(peer, { type: 'clock', wallMs: Math.max(0, Math.round(state.wallMs)) })
}

/** Of peers whose names are known. */
export function tellClocks(state: AgentState): void {
  const { clocks, config, peers, set } = state
  const own = clocks.ownAheadMs
  state.claimant.clockAheadMs = own
  tell(state, 'clock-self', own, { node: undefined, name: config.name })
  for (const id of peers.ids()) {
    const record = set.record(id)
    if (!record) continue
    tell(state, `clock/${id}`, clocks.aheadMs(id), { node: id, name: record.name })
  }
}

/** Once for each time that it goes wrong: how far changes a little with every connection. */
function tell(
  state: AgentState,
  key: string,
  aheadMs: number,
  whose: { readonly node: NodeId | undefined; readonly name: string },
): void {
  if (aheadMs === 0) state.end(key)
  else if (!state.conditions.has(key)) state.begin(key, { code: 'clock-skew', ...whose, aheadMs })
}
