/** Ends another node by this node's word. */

import type { Tombstone } from '../claim/record.ts'
import { merge } from './absorb.ts'
import { awaitAnswer, evictionDelay } from './evictions.ts'
import type { AgentState } from './state.ts'

/** Told to all at once, so that the node can answer; it takes effect when it has had the time. */
export function evict(state: AgentState, tombstone: Tombstone): void {
  const { config } = state
  const entry = config.seal(tombstone)
  const carried = { entry, remainMs: config.timing.tombstoneMs }
  if (evictionDelay(state, tombstone.origin) > 0) awaitAnswer(state, carried, undefined)
  else merge(state, carried)
  state.emit({ type: 'publish', entry })
  state.dueIn('remember', 0)
}
