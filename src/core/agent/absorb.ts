/** What was admitted: merged, and everything that is derived from the record set brought up to date. */

import type { Entry, NodeId, NodeRecord } from '../claim/record.ts'
import type { Merged } from '../claim/record-set.ts'
import type { Carried } from '../gossip/message.ts'
import { fullMeshMax } from '../gossip/overlay.ts'
import { observe } from '../membership/observe.ts'
import { tellClocks } from './clocks.ts'
import { judged, keptChanged } from './contests.ts'
import { answered } from './evictions.ts'
import { observationsChanged } from './liveness.ts'
import type { AgentState } from './state.ts'

/** Above a full mesh, members come in bursts: the overlay is drawn once per burst. */
const overlayMs = 100

/** What was stored in a cluster of another name is nothing here. */
export function restore(state: AgentState, carried: Carried): void {
  const { body } = carried.entry
  if (body.cluster !== state.config.cluster) return
  const { set } = state
  const isOwn = body.origin === state.config.self
  const isOwnRecord = isOwn && body.kind === 'record'
  if (!isOwnRecord && state.trust.refuses(body, carried.remainMs, state.wallMs)) return
  if (!isOwn && !set.get(body.origin) && !set.hasRoom(body.kind)) return
  merge(state, carried)
}

/** `from`: who passed it on; undefined: this node itself, or its store. */
export function merge(state: AgentState, carried: Carried, from?: NodeId): Merged {
  const merged = state.set.merge(carried, state.now)
  if (merged.news || merged.raised.length > 0) absorb(state, carried.entry, merged, from)
  const { body } = carried.entry
  if (merged.twin && body.kind === 'record') twinHeard(state, body)
  return merged
}

/** Of two agents with one identity the younger ends within seconds of this: they answer each other. */
const twiceMs = 60_000

function twinHeard(state: AgentState, { origin: node, name }: NodeRecord): void {
  state.begin(`twice/${node}`, { code: 'node-twice', node, name })
  state.twiceAt.set(node, state.now)
  state.dueIn('twice', twiceMs)
}

/** Nodes that were one again for a while. */
export function forgetTwins(state: AgentState): void {
  const { twiceAt, now } = state
  for (const [node, at] of twiceAt) {
    if (now - at < twiceMs) {
      state.dueIn('twice', at + twiceMs - now)
      continue
    }
    twiceAt.delete(node)
    state.end(`twice/${node}`)
  }
}

function absorb(
  state: AgentState,
  entry: Entry,
  { news, before, raised }: Merged,
  from: NodeId | undefined,
): void {
  const { ownership, announcers, router, config, witnesses, tenure, now } = state
  const { body } = entry
  const { origin } = body
  const said = body.kind === 'record' ? body : body.ended.body
  state.trust.notePins(origin, said.certificate)
  const touched = ownership.judge(raised)
  if (news) {
    const was = before?.body.kind === 'record' ? before.body : undefined
    const is = body.kind === 'record' ? body : undefined
    if (is && origin !== config.self) tenure.met(origin, now)
    else tenure.forget(origin)
    const seen = { before: was?.witnessed ?? [], after: is?.witnessed ?? [] }
    const judgedAnew = witnesses.update(origin, seen).filter((each) => ownership.isClaimed(each))
    for (const [text, prefix] of ownership.judge(judgedAnew)) touched.set(text, prefix)
    const claims = { before: was?.claims ?? [], after: is?.claims ?? [] }
    for (const [text, prefix] of ownership.update(origin, claims)) touched.set(text, prefix)
    const extras = { before: was?.extras ?? [], after: is?.extras ?? [] }
    for (const prefix of announcers.update(origin, extras)) touched.set(prefix.text, prefix)
    // Whether an announcement stands depends on what it lies in.
    for (const prefix of [...touched.values()]) {
      for (const inner of announcers.overlapping(prefix)) touched.set(inner.text, inner)
    }
    observationsChanged(state, origin, is?.observed ?? [])
    keptChanged(state, origin, body)
    if (origin !== config.self) {
      router.nextHopsChanged({ before: was?.nextHops ?? [], after: is?.nextHops ?? [] })
      answered(state, origin)
      if (!is) state.peers.forget(origin)
      membersChanged(state, entry, was)
      state.end(`evicted/${origin}`)
    }
  }
  if (origin !== config.self) state.dueIn('remember', config.timing.rememberMs)
  judged(state, touched, from)
}

function membersChanged(state: AgentState, entry: Entry, before: NodeRecord | undefined): void {
  const { set, conditions, config } = state
  const via = state.peers.get(entry.body.origin)?.address ?? ''
  state.roomMade()
  state.note(...observe(entry, before, { config, conditions, via }))
  if (!before && state.peers.has(entry.body.origin)) tellClocks(state)
  const sameMember = before !== undefined && entry.body.kind === 'record'
  if (sameMember && before.addresses.join() === entry.body.addresses.join()) return
  state.dueIn('overlay', set.size <= fullMeshMax ? 0 : overlayMs)
}
