/** The end of a node here, without a word of it or about it. */

import type { NodeId } from '../claim/record.ts'
import { endConditions } from '../membership/observe.ts'
import { judged, keptChanged } from './contests.ts'
import { answered } from './evictions.ts'
import { observationsChanged } from './liveness.ts'
import type { AgentState } from './state.ts'

/** Forgets a node that is not admitted any more: its routes go, and its subnet is free. */
export function expel(state: AgentState, origin: NodeId): void {
  const { set, ownership, announcers, router, witnesses, tenure } = state
  const was = set.remove(origin)
  if (!was) return
  state.roomMade()
  state.emit({ type: 'disconnect', peer: origin })
  state.dueIn('remember', 0)
  state.dueIn('overlay', 0)
  const { body } = was
  if (body.kind !== 'record') return
  tenure.forget(origin)
  state.peers.forget(origin)
  answered(state, origin)
  const unsaid = witnesses.update(origin, { before: body.witnessed, after: [] })
  const touched = ownership.judge(unsaid.filter((each) => ownership.isClaimed(each)))
  for (const [text, prefix] of ownership.update(origin, { before: body.claims, after: [] })) {
    touched.set(text, prefix)
  }
  for (const prefix of announcers.update(origin, { before: body.extras, after: [] })) {
    touched.set(prefix.text, prefix)
  }
  observationsChanged(state, origin, [])
  keptChanged(state, origin, undefined)
  router.nextHopsChanged({ before: body.nextHops, after: [] })
  endConditions(state.conditions, origin)
  state.end(`evicted/${origin}`)
  judged(state, touched, undefined)
}
