/** `starling claims`, `routes` and `peers`: one table each. */

import type { ClaimMessage, PeerMessage, RouteMessage } from '../adapters/api/definition.ts'
import { dialText } from '../words/node.ts'
import { kernelRouteText, routeStateText, targetText } from '../words/route.ts'
import { secondText } from '../words/time.ts'
import { exitCode } from './exit-code.ts'
import { type Column, table, wrap } from './layout.ts'
import { isMissed, missedText } from './peer-text.ts'
import { answerMs, printJson, type Shared, withAgent } from './session.ts'

export const claims = (shared: Shared): Promise<number> =>
  withAgent(shared, async (agent) => {
    const answer = await agent.call('Claims', {}, answerMs)
    if (shared.json) printJson(answer)
    else print(table(answer.claims, claimColumns), answer.claims.length, 'nobody claims a subnet')
    return exitCode.fine
  })

export const routes = (shared: Shared): Promise<number> =>
  withAgent(shared, async (agent) => {
    const answer = await agent.call('Routes', {}, answerMs)
    if (shared.json) printJson(answer)
    else {
      const lines = [...table(answer.routes, routeColumns), ...reasons(answer.routes)]
      print(lines, answer.routes.length, 'no routes: no other node announces any')
    }
    return exitCode.fine
  })

export const peers = (shared: Shared): Promise<number> =>
  withAgent(shared, async (agent) => {
    const answer = await agent.call('Peers', {}, answerMs)
    if (shared.json) printJson(answer)
    else print(table(answer.peers, peerColumns), answer.peers.length, 'no nodes are known')
    return exitCode.fine
  })

function print(lines: readonly string[], count: number, none: string): void {
  console.log(count === 0 ? none : lines.join('\n'))
}

const name = { to: 12, keep: 'start' } as const

const claimColumns: readonly Column<ClaimMessage>[] = [
  { title: 'SUBNET', text: ({ prefix }) => prefix },
  { title: 'NODE', text: (claim) => nodeText(claim.name, claim.own), shorten: name },
  { title: 'STATE', text: ({ state }) => state },
  {
    title: 'STANDING',
    text: ({ standing }) => standing,
    format: ({ standing }) => (standing === 'winner' ? undefined : 'yellow'),
  },
  { title: 'FENCE', text: ({ fence }) => String(fence) },
  { title: 'USED', text: ({ used }) => (used ? 'yes' : 'no') },
  { title: 'CONFIRMED', text: ({ confirmedAt }) => secondText(confirmedAt) || '-' },
]

const routeColumns: readonly Column<RouteMessage>[] = [
  { title: 'PREFIX', text: ({ prefix }) => prefix },
  { title: 'NODE', text: (route) => route.name || '-', shorten: name },
  {
    title: 'WANTED',
    text: ({ wanted }) => (wanted ? targetText(wanted) : '-'),
    shorten: { to: 16, keep: 'start' },
  },
  {
    title: 'KERNEL',
    text: ({ kernel }) => (kernel ? kernelRouteText(kernel) : '-'),
    shorten: { to: 16, keep: 'start' },
  },
  {
    title: 'STATE',
    text: ({ state }) => routeStateText(state),
    format: ({ state }) =>
      state === 'installed' ? 'green' : state === 'missing' ? 'yellow' : 'red',
  },
]

const peerColumns: readonly Column<PeerMessage>[] = [
  { title: 'NAME', text: (peer) => peer.name, shorten: name },
  {
    title: 'STATUS',
    text: peerStatus,
    format: (peer) =>
      isMissed(peer)
        ? 'red'
        : peer.connected || peer.self
          ? peer.digest === 'different'
            ? 'yellow'
            : undefined
          : 'dim',
  },
  { title: 'SUBNET', text: ({ subnets }) => subnets.join(' ') || '-' },
  {
    title: 'ADDRESS',
    text: ({ address }) => dialText(address) || '-',
    shorten: { to: 12, keep: 'start' },
  },
  { title: 'NODE ID', text: ({ node }) => node, shorten: { to: 10, keep: 'end' } },
]

const nodeText = (node: string, own: boolean): string => (own ? `${node} (this node)` : node)

function peerStatus(peer: PeerMessage): string {
  const { self, connected, digest, draining } = peer
  if (self) return draining ? 'this node, leaving' : 'this node'
  if (isMissed(peer)) return missedText(peer)
  if (!connected) return draining ? 'leaving' : 'not connected'
  const agrees =
    digest === 'equal' ? 'agrees' : digest === 'different' ? 'differs' : 'not compared yet'
  return draining ? `leaving, ${agrees}` : `connected, ${agrees}`
}

/** Why routes are not in the kernel, as far as a screen holds it. */
function reasons(all: readonly RouteMessage[]): string[] {
  const wrong = all.filter(({ reason }) => reason !== '')
  if (wrong.length === 0) return []
  const lines = wrong
    .slice(0, reasonsMax)
    .flatMap(({ reason, mend }) => wrap('  ', mend === '' ? reason : `${reason} -> ${mend}`))
  const more = wrong.length - reasonsMax
  if (more > 0) lines.push(`  and ${more} more: starling routes --json shows all`)
  return ['', ...lines]
}

const reasonsMax = 10
