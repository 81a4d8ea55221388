/** Anti-entropy: compares the record set with a neighbour's, and takes and gives what differs. */

import type { NodeId } from '../claim/record.ts'
import {
  answerBuckets,
  answerProbe,
  answerSummary,
  answerWant,
  probe,
} from '../gossip/anti-entropy.ts'
import type { SyncMessage } from '../gossip/message.ts'
import { fullMeshMax } from '../gossip/overlay.ts'
import { unreachable } from '../invariant.ts'
import { clockHeard, sayClock, tellClocks } from './clocks.ts'
import { backInCompany, companyChanged, watchHeard } from './liveness.ts'
import { releaseMs } from './overlay.ts'
import { enterSync } from './publish.ts'
import { isBurst, receive } from './receive.ts'
import type { AgentState } from './state.ts'
import { compareTrust, papersHeard, peerAdmitted, trustHeard } from './trust.ts'

export function peerConnected(state: AgentState, peer: NodeId, address: string): void {
  const { config, peers, set, own } = state
  peers.connected(peer, address, state.now)
  state.watch.heard()
  if (set.size > fullMeshMax) state.dueIn('overlay', releaseMs)
  if (peers.size === 1) backInCompany(state)
  companyChanged(state)
  state.end('alone')
  peerAdmitted(state, address)
  state.note({ code: 'peer-connected', peer, address })
  sayClock(state, peer)
  state.dueIn('agreement', agreementMs)
  if (own.uplink.nextHops.length === 0) state.locateUplink()
  if (config.self < peer) compareTrust(state, peer)
  // One of the two begins; a joining node does so too, for it waits for the answer.
  if (config.self < peer || !state.isInSync) state.send(peer, probe(set))
}

export function peerDisconnected(state: AgentState, peer: NodeId): void {
  state.peers.disconnected(peer)
  if (state.set.record(peer)) state.peers.lost(peer, state.now)
  companyChanged(state)
  state.clocks.disconnected(peer)
  state.evictionsTold.delete(peer)
  state.end(`clock/${peer}`)
  tellClocks(state)
  state.end(`rejected/${peer}`)
  state.end(`evicted/${peer}`)
  state.note({ code: 'peer-disconnected', peer })
}

/** With one neighbour, drawn at random. */
export function compare(state: AgentState): void {
  const { peers, rng, set, config } = state
  const ids = peers.ids()
  const peer = ids[Math.floor(rng() * ids.length)]
  if (peer) {
    compareTrust(state, peer)
    state.send(peer, probe(set))
  }
  // Spread, so that nodes which started together do not all compare at once.
  state.dueIn('anti-entropy', config.timing.antiEntropyMs * (0.75 + rng() / 2))
}

/** A digest that differs is no news while word is under way: only what stands is asked about. */
const agreementMs = 1_000

/** The own digest changed: what peers said before is out of date. */
export function digestChanged(state: AgentState): void {
  const { set, peers, due, now } = state
  if (set.root === state.rootTold) return
  state.rootTold = set.root
  state.agreementMs = agreementMs
  state.emit({ type: 'digest', root: set.root })
  if (peers.size > 0) due.set('agreement', now + agreementMs * (0.75 + state.rng() / 2))
}

export function digestHeard(state: AgentState, peer: NodeId, root: string): void {
  const { peers, set, due } = state
  watchHeard(state, peer)
  peers.said(peer, root)
  if (root !== set.root && !due.has('agreement')) state.dueIn('agreement', agreementMs)
}

/**
 * Asks every peer that is not known to have the same, until all are: so that whether this node agrees with its peers is
 * known within seconds, however many nodes there are. Of two the lower id asks first, for the answer tells both.
 */
export function seekAgreement(state: AgentState): void {
  const { peers, set, config } = state
  const open = peers.differing(set.root)
  for (const peer of open) {
    if (config.self < peer || peers.waited(peer)) state.send(peer, probe(set))
  }
  if (open.length === 0) return
  // Two that cannot agree must not ask each other without end.
  state.dueIn('agreement', state.agreementMs)
  state.agreementMs = Math.min(state.agreementMs + 500, config.timing.antiEntropyMs)
}

export function syncReceived(state: AgentState, peer: NodeId, message: SyncMessage): void {
  const { peers, set, now } = state
  watchHeard(state, peer)
  if ('root' in message) peers.said(peer, message.root)
  switch (message.type) {
    case 'probe': {
      const answer = answerProbe(set, message.root)
      state.send(peer, answer)
      if (answer.type === 'match') enterSync(state, 'peer')
      return
    }
    case 'match':
      // True of the set that asked: this one has that, and perhaps more.
      return enterSync(state, 'peer')
    case 'buckets':
      for (const answer of answerBuckets(set, message.buckets)) state.send(peer, answer)
      return
    case 'summary':
      // Never in sync by it, for answers to former parts may be on their way: the own probe leads there.
      for (const answer of answerSummary(set, message, now)) state.send(peer, answer)
      return
    case 'clock':
      return clockHeard(state, peer, message.wallMs)
    case 'trust':
      return trustHeard(state, peer, message)
    case 'papers':
      return papersHeard(state, peer, message.papers)
    case 'delta':
      return deltaReceived(state, peer, message)
    default:
      return unreachable(message)
  }
}

function deltaReceived(
  state: AgentState,
  peer: NodeId,
  { carried, want, last }: Extract<SyncMessage, { type: 'delta' }>,
): void {
  const { set, now } = state
  let news = false
  for (const item of carried) {
    const heard = receive(state, item, peer)
    news = heard.news || news
    if (heard.passOn && !isBurst(state)) state.emit({ type: 'publish', entry: item.entry })
  }
  if (want.length > 0) {
    for (const answer of answerWant(set, { want, last }, now)) state.send(peer, answer)
  }
  if (news) state.spreadSoon()
  if (!last) return
  enterSync(state, 'peer')
  // Only after news: two that cannot agree would compare without end.
  if (news && want.length === 0) state.send(peer, probe(set))
}
