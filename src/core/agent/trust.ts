/** The operator's papers at work: installed, passed on, and enforced on every node that is known. */

import type { NodeId } from '../claim/record.ts'
import type { CommandResult } from '../effect.ts'
import type { Event } from '../event.ts'
import { type SyncMessage, syncLimits } from '../gossip/message.ts'
import { type Address, type Family, isPrivate } from '../ip/address.ts'
import type { Problem } from '../problem.ts'
import type { TrustFault } from '../trust/fault.ts'
import { faultText } from '../trust/fault.ts'
import { type Certificate, paperLimits } from '../trust/paper.ts'
import { expel } from './expel.ts'
import type { AgentState } from './state.ts'

/** Certificates expire, and a peer that was refused may be gone: both are looked at so often. */
const sweepMs = 60_000
/** How many addresses that were refused are remembered; strangers may come from any number. */
const refusedMax = 16
const refusedMs = 600_000
/** A certificate that ends within this time is a problem. */
const expiresSoonMs = 7 * 24 * 3_600_000

export function startTrust(state: AgentState): void {
  refreshStanding(state)
  judgeOpenness(state)
  if (state.config.admission) state.dueIn('trust', sweepMs)
}

/** Looks at everybody's certificate again. */
export function sweepTrust(state: AgentState): void {
  refreshStanding(state)
  expelUnfit(state)
  for (const [address, at] of state.refusedAt) {
    if (state.now - at < refusedMs) continue
    state.refusedAt.delete(address)
    state.end(`refused/${address}`)
  }
  state.dueIn('trust', sweepMs)
}

export function install(state: AgentState, id: number, papers: readonly Uint8Array[]): void {
  const results = papers.map((bytes) => installOne(state, bytes))
  const failed = results.find(({ ok }) => !ok)
  if (results.some(({ ok }) => ok)) {
    // Durable before it is answered or told to anybody.
    state.emit({ type: 'persist-own', own: state.own.state })
    refreshStanding(state)
    expelUnfit(state)
    state.reviewDue = true
    if (state.isReady) state.publishSoon()
    if (!state.isInSync && state.config.seeded)
      state.dueIn('join', state.config.timing.joinTimeoutMs)
  }
  const message = results.map((result) => result.message).join('; ')
  const result: CommandResult = failed
    ? failed
    : results.length > 0
      ? { ok: true, message }
      : { ok: false, code: 'no-paper', message: 'it holds neither a certificate nor a revocation' }
  state.emit({ type: 'reply', id, result })
}

function installOne(state: AgentState, bytes: Uint8Array): CommandResult {
  const { trust, config } = state
  const paper = config.admission?.read(bytes) ?? 'foreign-operator'
  if (typeof paper === 'string') return refuse(paper, `it is refused: ${faultText(paper)}`)
  if (paper.kind === 'revocation') {
    if (trust.mode !== 'signed') {
      return refuse('not-signed', 'this agent has no operatorKey, and ignores revocations')
    }
    if (paper.cluster !== config.cluster) {
      return refuse('foreign-cluster', `it is refused: ${faultText('foreign-cluster')}`)
    }
    if (trust.revocations >= paperLimits.kept) {
      return refuse(
        'too-many-revocations',
        `${paperLimits.kept} revocations are kept: make a new operator key and certify the nodes anew`,
      )
    }
    const { news } = trust.learn(bytes)
    if (news) {
      settleToken(state, paper.subject)
      tell(state, [bytes], undefined)
    }
    return agree(
      news
        ? `revoked ${paper.subject}; the cluster is told`
        : `${paper.subject} was revoked before`,
    )
  }
  const fault = trust.standing(config.self, bytes, state.wallMs)
  if (fault) return refuse(fault, `it is refused: ${faultText(fault)}`)
  if (paper.name !== config.name) {
    return refuse(
      'wrong-name',
      `it is for the name ${paper.name}, and this node is ${config.name}: start the agent with --name ${paper.name}, or sign another certificate`,
    )
  }
  if (trust.mode === 'signed' && (trust.own?.serial ?? -1) > paper.serial && !state.ownFault) {
    return refuse('older-certificate', 'this node has a certificate that was signed later')
  }
  trust.carry(bytes)
  return agree(`installed the certificate of ${paper.name}`)
}

/** What a record's certificate says of its token, where it is the first that is heard of it. */
export function noteUse(
  state: AgentState,
  node: NodeId,
  certificate: Uint8Array | undefined,
): void {
  const paper = state.trust.certificateOf(node, certificate)
  if (typeof paper === 'string' || !paper.token) return
  learn(state, [paper.bytes], undefined)
}

/** Of a certificate that is not admitted, for its token admits another node. */
export function tellTokenUsed(
  state: AgentState,
  node: NodeId,
  certificate: Uint8Array | undefined,
): void {
  const paper = state.trust.certificateOf(node, certificate)
  if (typeof paper === 'object') tellTokenTwice(state, paper)
}

/** With a peer, at each comparison. */
export function compareTrust(state: AgentState, peer: NodeId): void {
  if (state.trust.mode !== 'signed') return
  state.send(peer, { type: 'trust', digest: state.trust.digest, asks: true })
}

export function trustHeard(
  state: AgentState,
  peer: NodeId,
  { digest, asks }: Extract<SyncMessage, { type: 'trust' }>,
): void {
  const { trust } = state
  if (trust.mode !== 'signed' || digest === trust.digest) return
  sendPapers(state, peer, trust.papers)
  // Then it knows whether this node lacks something too.
  if (asks) state.send(peer, { type: 'trust', digest: trust.digest, asks: false })
}

export function papersHeard(state: AgentState, peer: NodeId, papers: readonly Uint8Array[]): void {
  if (state.trust.mode === 'signed') learn(state, papers, peer)
}

/** A connection that ended in its handshake, for the peer showed no certificate that counts. */
export function peerRefused(
  state: AgentState,
  { peer, address, certificate }: Extract<Event, { type: 'peer-refused' }>,
): void {
  const { trust, refusedAt } = state
  const shown = certificate.length === 0 ? undefined : certificate
  const fault = trust.standing(peer, shown, state.wallMs) ?? 'no-certificate'
  if (fault === 'token-used') tellTokenUsed(state, peer, shown)
  const host = address.replace(/:[0-9]+$/, '')
  const isKnown = refusedAt.has(host)
  if (!isKnown && refusedAt.size >= refusedMax) return
  refusedAt.set(host, state.now)
  // Who comes with ever new names from one address is told of once.
  if (isKnown) return
  const paper = trust.certificateOf(peer, shown)
  const name = typeof paper === 'object' ? paper.name : ''
  state.begin(`refused/${host}`, { code: 'peer-refused', node: peer, name, address, why: fault })
}

/** A node that was admitted, or that came in, is no problem any more. */
export function peerAdmitted(state: AgentState, address: string): void {
  const host = address.replace(/:[0-9]+$/, '')
  if (state.refusedAt.delete(host)) state.end(`refused/${host}`)
}

/** What the node that showed it is refused for, in words; empty: it is admitted. */
export function refusalOf(state: AgentState, peer: NodeId, certificate: Uint8Array): string {
  if (state.trust.mode !== 'signed') return ''
  const shown = certificate.length === 0 ? undefined : certificate
  const fault = state.trust.standing(peer, shown, state.wallMs)
  return fault ? faultText(fault) : ''
}

export function trustProblems(state: AgentState): Problem[] {
  const { trust, config, ownFault, own } = state
  const notes: Problem[] = []
  if (ownFault) {
    const certified = trust.own?.name ?? ''
    const { self: node, name } = config
    notes.push({ code: 'not-admitted-self', node, name, why: ownFault, certified })
  }
  const endsMs = trust.mode === 'signed' && !ownFault ? trust.own?.notAfterMs : undefined
  if (endsMs !== undefined && endsMs - state.wallMs < expiresSoonMs) {
    const { self: node, name } = config
    notes.push({ code: 'certificate-expires', node, name, inMs: endsMs - state.wallMs })
  }
  const unannounced = own.forbidden.map(({ text }) => text)
  if (unannounced.length > 0) notes.push({ code: 'announce-not-allowed', prefixes: unannounced })
  return notes
}

/** Whoever reaches an open agent may join: fine in a lab, not on the internet. */
export function judgeOpenness(state: AgentState): void {
  const { trust, config, own } = state
  const listen = config.admission?.listen ?? []
  // An agent that listens on :: does not take IPv4 by it.
  const isEverywhere = (family: Family) =>
    listen.some((at) => at.family === family && at.value === 0n)
  const reachable: readonly Address[] = [
    ...own.uplink.nextHops.filter((hop) => isEverywhere(hop.family)),
    ...listen.filter(({ value }) => value !== 0n),
  ]
  const open = reachable.filter((address) => !isPrivate(address)).map(({ text }) => text)
  if (trust.mode === 'open' && config.admission && open.length > 0) {
    state.begin('open', { code: 'open-admission', addresses: [...new Set(open)] })
  } else state.end('open')
}

function learn(state: AgentState, papers: readonly Uint8Array[], from: NodeId | undefined): void {
  const news: Uint8Array[] = []
  for (const bytes of papers) {
    const learned = state.trust.learn(bytes)
    if (learned.rival) tellTokenTwice(state, learned.rival)
    if (learned.revoked) settleToken(state, learned.revoked)
    if (learned.news) news.push(bytes)
  }
  if (news.length === 0) return
  state.emit({ type: 'persist-own', own: state.own.state })
  tell(state, news, from)
  refreshStanding(state)
  expelUnfit(state)
}

function tell(state: AgentState, papers: readonly Uint8Array[], except: NodeId | undefined): void {
  for (const peer of state.peers.ids()) if (peer !== except) sendPapers(state, peer, papers)
}

function sendPapers(state: AgentState, peer: NodeId, papers: readonly Uint8Array[]): void {
  let part: Uint8Array[] = []
  let weight = 0
  const flush = (): void => {
    if (part.length > 0) state.send(peer, { type: 'papers', papers: part })
    part = []
    weight = 0
  }
  for (const bytes of papers) {
    if (weight + bytes.length > syncLimits.targetBytes || part.length >= paperLimits.sent) flush()
    part.push(bytes)
    weight += bytes.length + 8
  }
  flush()
}

function tellTokenTwice(
  state: AgentState,
  loser: Pick<Certificate, 'token' | 'node' | 'name'>,
): void {
  const { token, node, name } = loser
  const holder = state.trust.holderOf(loser)
  if (!token || !holder || state.trust.isRevoked(holder)) return
  state.begin(`token/${token}`, {
    code: 'token-used-twice',
    token,
    admitted: holder.node,
    admittedName: holder.name,
    refused: node,
    refusedName: name,
  })
}

/** The operator has said which of the two is not his. */
function settleToken(state: AgentState, revoked: NodeId): void {
  for (const { token, admitted, refused } of state.conditions.of('token-used-twice')) {
    if ([token, admitted, refused].includes(revoked)) state.end(`token/${token}`)
  }
}

function expelUnfit(state: AgentState): void {
  const { trust, set, config } = state
  if (trust.mode !== 'signed') return
  for (const { entry, remainMs } of set.allCarried(state.now)) {
    const { body } = entry
    if (body.origin === config.self || remainMs <= 0) continue
    const why = trust.refuses(body, remainMs, state.wallMs)
    if (!why) continue
    const name = body.kind === 'record' ? body.name : ''
    expel(state, body.origin)
    if (body.kind === 'record') {
      state.note({ code: 'node-expelled', node: body.origin, name, why })
    }
  }
}

function refreshStanding(state: AgentState): void {
  const fault = state.trust.ownFault(state.wallMs)
  if (fault === state.ownFault) return
  state.ownFault = fault
  for (const note of trustProblems(state)) if (note.code === 'not-admitted-self') state.note(note)
}

const agree = (message: string): CommandResult => ({ ok: true, message })
const refuse = (
  code: TrustFault | 'not-signed' | 'too-many-revocations' | 'older-certificate',
  message: string,
): CommandResult => ({ ok: false, code, message })
