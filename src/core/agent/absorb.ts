/** Word of others: admitted, merged, and everything that is derived from the record set brought up to date. */

import { admit } from '../claim/admit.ts'
import { compareVersions, type Entry, type NodeId, type NodeRecord } from '../claim/record.ts'
import { type Merged, supersedes } from '../claim/record-set.ts'
import type { Contest } from '../claim/tenure.ts'
import type { Verdict } from '../effect.ts'
import type { Carried } from '../gossip/message.ts'
import { fullMeshMax, neighbours } from '../gossip/overlay.ts'
import type { Prefix } from '../ip/prefix.ts'
import { observe } from '../membership/observe.ts'
import type { TrustFault } from '../trust/fault.ts'
import { tellClocks } from './clocks.ts'
import { answered, awaitAnswer, evictionDelay } from './evictions.ts'
import { bearWitnessSoon } from './publish.ts'
import type { AgentState } from './state.ts'
import { noteUse, tellTokenUsed } from './trust.ts'

/** Above a full mesh, members come in bursts: the overlay is drawn once per burst. */
const overlayMs = 100

/** `news`: it changed something here. */
export interface Heard {
  readonly verdict: Verdict
  readonly news: boolean
  /** It changed nothing yet, and others need to hear it. */
  readonly passOn?: boolean
}

/** An entry that `from` passed on, whoever wrote it. */
export function receive(state: AgentState, carried: Carried, from: NodeId): Heard {
  const { config, set, peers } = state
  const { entry } = carried
  if (entry.body.origin === config.self) return hearOfSelf(state, entry)
  const known = set.get(entry.body.origin)
  const isAlive = (node: NodeId) => peers.has(node)
  const fenceOf = (prefix: Prefix) => set.fenceOf(prefix)
  const hasRoom = (kind: Entry['body']['kind']) => set.hasRoom(kind)
  const { cluster } = config
  const admission = admit(entry, { cluster, known, fenceOf, hasRoom, isAlive })
  if (!admission.admitted) {
    tellRefused(state, { entry, why: admission.why, from })
    return { verdict: admission.verdict, news: false }
  }
  const distrust = state.trust.refuses(
    entry.body,
    carried.remainMs,
    state.now + config.wallOffsetMs,
  )
  if (distrust) {
    if (distrust === 'token-used') tellTokenUsed(state, entry.body.origin, entry.body.certificate)
    tellDistrusted(state, { entry, why: distrust, from })
    // Others may not have heard what this node has: that is no fault of whoever forwards it.
    return { verdict: 'ignore', news: false }
  }
  if (waitsForAnswer(state, entry)) {
    const isNews = awaitAnswer(state, carried, from)
    return { verdict: isNews ? 'accept' : 'ignore', news: false, passOn: isNews }
  }
  const isRecord = entry.body.kind === 'record'
  const remainMs = isRecord ? Number.POSITIVE_INFINITY : carried.remainMs
  const merged = merge(state, { entry, remainMs }, from)
  if (isRecord && merged.news) {
    state.end(`distrusted/${entry.body.origin}`)
    noteUse(state, entry.body.origin, entry.body.certificate)
  }
  const news = merged.news || merged.raised.length > 0
  return { verdict: news ? 'accept' : 'ignore', news }
}

/** An eviction of a node that may be about to come back. */
function waitsForAnswer(state: AgentState, { body }: Entry): boolean {
  if (body.kind === 'record' || body.reason === 'left') return false
  const known = state.set.record(body.origin)
  if (!known || compareVersions(body.version, known.version) < 0) return false
  return evictionDelay(state, body.origin) > 0
}

/**
 * Whether others need to hear an entry from us. In a full mesh a member tells everybody itself, and what a broken
 * connection keeps from one of them comparing brings; passed on by all, each word would cost every node several times.
 * Who has just started, and whoever hears it in a mesh that is not complete, may not be connected to everybody.
 */
export function needsForwarding(
  { set, peers }: AgentState,
  { entry, from }: { entry: Entry; from: NodeId },
): boolean {
  const { origin, version } = entry.body
  if (from !== origin || set.size > fullMeshMax || peers.size < set.size - 1) return true
  return set.record(origin)?.version.incarnation !== version.incarnation
}

/** What was stored in a cluster of another name is nothing here. */
export function restore(state: AgentState, carried: Carried): void {
  const { body } = carried.entry
  if (body.cluster !== state.config.cluster) return
  const { set } = state
  const isOwn = body.origin === state.config.self
  const wallMs = state.now + state.config.wallOffsetMs
  if (!isOwn && state.trust.refuses(body, carried.remainMs, wallMs)) return
  if (!isOwn && !set.get(body.origin) && !set.hasRoom(body.kind)) return
  merge(state, carried)
}

/** `from`: who passed it on; undefined: this node itself, or its store. */
export function merge(state: AgentState, carried: Carried, from?: NodeId): Merged {
  const merged = state.set.merge(carried, state.now)
  if (merged.news || merged.raised.length > 0) absorb(state, carried.entry, merged, from)
  const { body } = carried.entry
  if (merged.twin && body.kind === 'record') {
    state.begin(`twice/${body.origin}`, { code: 'node-twice', node: body.origin, name: body.name })
  }
  return merged
}

export function drawOverlay(state: AgentState): void {
  const { config, set } = state
  const records = new Map(set.records().map((record) => [record.origin, record]))
  const peers = neighbours(config.self, records.keys()).map((neighbour) => ({
    ...neighbour,
    addresses: records.get(neighbour.id)?.addresses ?? [],
  }))
  state.emit({ type: 'connect', peers })
}

/** Word about this node that it did not write: an eviction, a former self, a twin. */
function hearOfSelf(state: AgentState, entry: Entry): Heard {
  const { config, own, ownership, set } = state
  if (entry.body.cluster !== config.cluster) return { verdict: 'reject', news: false }
  const known = set.get(config.self)
  // An eviction's fences are true for everybody, however late it comes and however it is answered.
  const { raised } = set.merge({ entry, remainMs: 0 }, state.now)
  if (raised.length > 0) {
    judged(state, ownership.judge(raised), undefined)
    state.dueIn('remember', config.timing.rememberMs)
  }
  const heard: Heard = { verdict: 'ignore', news: raised.length > 0 }
  if (state.phase === 'left') return heard
  if (known && (known.hash === entry.hash || !supersedes(entry, known))) return heard
  const { action, notes } = own.refute(entry.body, state.now)
  state.note(...notes)
  if (action === 'republish' && state.isInSync) state.publishSoon()
  // Gossip does not come back to who has the sender's identity: a twin hears of the answer by comparing.
  state.spreadSoon()
  if (action === 'yield') state.emit({ type: 'stop', exitCode: 1 })
  return heard
}

function absorb(
  state: AgentState,
  entry: Entry,
  { news, before, raised }: Merged,
  from: NodeId | undefined,
): void {
  const { ownership, announcers, router, config, witnesses, tenure, now } = state
  const { origin } = entry.body
  const touched = ownership.judge(raised)
  if (news) {
    const was = before?.body.kind === 'record' ? before.body : undefined
    const is = entry.body.kind === 'record' ? entry.body : undefined
    if (is && origin !== config.self) tenure.met(origin, now)
    else tenure.forget(origin)
    const said = { before: was?.witnessed ?? [], after: is?.witnessed ?? [] }
    for (const [text, prefix] of ownership.judge(witnesses.update(origin, said))) {
      touched.set(text, prefix)
    }
    const claims = { before: was?.claims ?? [], after: is?.claims ?? [] }
    for (const [text, prefix] of ownership.update(origin, claims)) touched.set(text, prefix)
    const extras = { before: was?.extras ?? [], after: is?.extras ?? [] }
    for (const prefix of announcers.update(origin, extras)) touched.set(prefix.text, prefix)
    // Whether an announcement stands depends on what it lies in.
    for (const prefix of [...touched.values()]) {
      for (const inner of announcers.overlapping(prefix)) touched.set(inner.text, inner)
    }
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
  if (changed) bearWitnessSoon(state)
  router.reselect(prefixes.values())
  state.reviewDue = true
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

function membersChanged(state: AgentState, entry: Entry, before: NodeRecord | undefined): void {
  const { set, conditions, config } = state
  const via = state.peers.get(entry.body.origin)?.address ?? ''
  if (set.hasRoom('record') && set.hasRoom('tombstone')) state.end('full')
  state.note(...observe(entry, before, { config, conditions, via }))
  if (!before && state.peers.has(entry.body.origin)) tellClocks(state)
  const sameMember = before !== undefined && entry.body.kind === 'record'
  if (sameMember && before.addresses.join() === entry.body.addresses.join()) return
  state.dueIn('overlay', set.size <= fullMeshMax ? 0 : overlayMs)
}

function tellRefused(
  state: AgentState,
  { entry, why, from }: { entry: Entry; why: string; from: NodeId },
): void {
  const { body } = entry
  if (why === 'evicts-the-living' && body.kind === 'tombstone') {
    const { origin: node, author } = body
    state.begin(`evicted/${node}`, { code: 'eviction-refused', node, author })
  } else if (why === 'no-room') {
    if (state.conditions.has('full')) return
    const { nodes: most } = state.config.limits
    const via = state.peers.get(from)?.address ?? ''
    state.begin('full', { code: 'nodes-full', most, node: body.origin, from, via })
  } else state.begin(`rejected/${from}`, { code: 'entry-rejected', from, why })
}

/** As many as are known: a stranger that is not must not fill the list. */
const distrustedMax = 64

function tellDistrusted(
  state: AgentState,
  { entry, why, from }: { entry: Entry; why: TrustFault; from: NodeId },
): void {
  const { body } = entry
  const node = body.kind === 'record' ? body.origin : body.author
  const key = `distrusted/${node}`
  if (!state.conditions.has(key) && state.conditions.count('distrusted/') >= distrustedMax) return
  const name = body.kind === 'record' ? body.name : ''
  const via = state.peers.get(from)?.address ?? ''
  state.begin(key, { code: 'record-refused', node, name, why, from, via })
}
