/** The end of a node here, without a word of it or about it. */

import type { NodeId } from '../claim/record.ts'
import type { AgentState } from './state.ts'

/** Forgets a node that is not admitted any more: its routes go, and its subnet is free. */
export function expel(state: AgentState, origin: NodeId): void {
  const { set, ownership, announcers, router } = state
  const was = set.remove(origin)
  if (!was) return
  state.emit({ type: 'disconnect', peer: origin })
  state.dueIn('remember', 0)
  state.dueIn('overlay', 0)
  state.reviewDue = true
  const { body } = was
  if (body.kind !== 'record') return
  const touched = ownership.update(origin, { before: body.claims, after: [] })
  for (const prefix of announcers.update(origin, { before: body.extras, after: [] })) {
    touched.set(prefix.text, prefix)
  }
  router.nextHopsChanged({ before: body.nextHops, after: [] })
  for (const topic of ['pool', 'clock', 'twice', 'evicted']) state.end(`${topic}/${origin}`)
  router.reselect(touched.values())
}
