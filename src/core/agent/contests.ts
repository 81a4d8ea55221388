/** Contested claims: told, witnessed, and decided once all nodes had time to say what they saw. */

import type { Body, NodeId } from '../claim/record.ts'
import type { Contest } from '../claim/tenure.ts'
import { hostPrefix, type Prefix } from '../ip/prefix.ts'
import type { AgentState } from './state.ts'

/** What follows where claims were judged again. */
export function judged(
  state: AgentState,
  prefixes: ReadonlyMap<string, Prefix>,
  from: NodeId | undefined,
): void {
  const { tenure, router, now } = state
  const { changed, begun, over } = tenure.review(prefixes.values(), now)
  for (const contest of begun) tellContested(state, contest, from)
  for (const { text } of over) state.end(`contested/${text}`)
  if (changed) state.bearWitnessSoon()
  router.reselect(prefixes.values())
  if (prefixes.size > 0) keptJudged(state, prefixes)
  state.reviewDue = true
}

/** What a node says of single addresses is another thing now, or nothing any more. */
export function keptChanged(state: AgentState, origin: NodeId, body: Body | undefined): void {
  const touched = state.keepers.update(origin, body)
  if (touched.length === 0) return
  state.router.reselect(touched.map(hostPrefix))
  state.keptDue = true
}

/** Who holds a subnet says whose the addresses in it are that others keep. */
function keptJudged(state: AgentState, prefixes: ReadonlyMap<string, Prefix>): void {
  state.keptDue = true
  if (state.keepers.isEmpty) return
  for (const prefix of prefixes.values()) {
    const kept = [...state.keepers.keptIn(prefix)]
    state.router.reselect(kept.map(({ address }) => hostPrefix(address)))
  }
}

/** Where all nodes had time to say what they saw, the most of them decide. */
export function decideContests(state: AgentState): void {
  const { tenure, ownership } = state
  const contested = tenure.contested
  if (contested.length > 0) judged(state, ownership.judge(contested), undefined)
}

function tellContested(state: AgentState, contest: Contest, from: NodeId | undefined): void {
  const { set, peers } = state
  const { prefix, holder, rival } = contest
  const { address = '' } = peers.get(rival) ?? (from && peers.get(from)) ?? {}
  const [name, rivalName] = [holder, rival].map((node) => set.record(node)?.name ?? node)
  state.begin(`contested/${prefix.text}`, {
    code: 'claim-contested',
    prefix: prefix.text,
    holder,
    name: name ?? '',
    rival,
    rivalName: rivalName ?? '',
    via: address,
  })
}
