/** `starling explain`: everything that is known of an address, a prefix or a node, in the order in which one asks. */

import type {
  AnnouncerMessage,
  ClaimMessage,
  ExplainNodeResponse,
  ExplainPrefixResponse,
  ExplainResponse,
  LeaseMessage,
  PeerMessage,
  RouteMessage,
} from '../adapters/api/definition.ts'
import { parseAddress } from '../core/ip/address.ts'
import { parseInterface, parsePrefix } from '../core/ip/prefix.ts'
import { fenceText, standingText } from '../words/claim.ts'
import { dialText } from '../words/node.ts'
import { lookupText, routeStateText, targetText } from '../words/route.ts'
import { secondText } from '../words/time.ts'
import { exitCode } from './exit-code.ts'
import { explainPath } from './explain-path.ts'
import { factLines } from './layout.ts'
import { attachmentText } from './lease-text.ts'
import { isMissed, missedText } from './peer-text.ts'
import { actionMs, fail, printJson, type Shared, withAgent } from './session.ts'

type Rows = readonly (readonly [label: string, text: string])[]

export async function explain(
  target: string,
  destination: string | undefined,
  shared: Shared,
): Promise<number> {
  const address = parseAddress(target)
  if (destination !== undefined) {
    const to = parseAddress(destination)
    if (address && to) return explainPath({ from: address.text, to: to.text }, shared)
    const wrong = JSON.stringify(address ? destination : target)
    return fail(
      shared,
      'usage',
      `${wrong} is not an IP address: give two addresses, or one subject`,
    )
  }
  if (address) {
    return withAgent(shared, async (agent) => {
      const answer = await agent.call('Explain', { address: address.text }, actionMs)
      return print(shared, answer, addressRows(answer))
    })
  }
  const prefix = parsePrefix(target)
  if (prefix) {
    return withAgent(shared, async (agent) => {
      const answer = await agent.call('ExplainPrefix', { prefix: prefix.text }, actionMs)
      return print(shared, answer, prefixRows(answer))
    })
  }
  const canonical = parseInterface(target)?.prefix.text
  if (canonical) return fail(shared, 'usage', `${target} has host bits set: write ${canonical}`)
  if (!isName(target)) {
    const text = `${JSON.stringify(target)} is no address, prefix or name of a node`
    return fail(shared, 'usage', `${text}: starling peers lists the nodes`)
  }
  return withAgent(shared, async (agent) => {
    const answer = await agent.call('ExplainNode', { node: target }, actionMs)
    return print(shared, answer, nodeRows(answer))
  })
}

/** What a slash or a colon is in was meant to be a prefix or an address. */
const isName = (text: string): boolean => text !== '' && !/[/:]|^[0-9.]+$/.test(text)

function print(shared: Shared, answer: object, rows: Rows): number {
  if (shared.json) printJson(answer)
  else console.log(factLines(rows).join('\n'))
  return exitCode.fine
}

function addressRows(answer: ExplainResponse): Rows {
  const [winner, ...others] = answer.claims
  const { owner, kernel } = answer
  return [
    ['address', `${answer.address}  ${holder(answer)}`],
    ['last', lastText(answer)],
    ['subnet', winner ? claimText(winner) : 'no node claims it'],
    ...others.map((claim) => ['also', claimText(claim)] as const),
    ...announcerRows(answer.announcers),
    ['node', owner ? `${owner.name}: ${peerText(owner)}` : ''],
    ['route', routeText(answer, winner)],
    ['kernel', kernel ? lookupText(kernel, answer.address) : ''],
  ]
}

function prefixRows(answer: ExplainPrefixResponse): Rows {
  const { prefix, claims, announcers, routes, excludedBy, leftOut } = answer
  const shown = (all: number) => Math.min(all, rowsMax)
  const more =
    leftOut +
    [claims, announcers, routes, excludedBy].reduce(
      (sum, { length }) => sum + length - shown(length),
      0,
    )
  const claimed = claims.slice(0, rowsMax).map(claimText)
  return [
    ['prefix', prefix],
    ...(claimed.length > 0 ? claimed : ['no node claims any of it']).map(
      (text) => ['claimed', text] as const,
    ),
    ...announcerRows(announcers.slice(0, rowsMax)),
    ...excludedBy
      .slice(0, rowsMax)
      .map(({ prefix: own, name }) => ['excluded', `${own}: a network of ${name}`] as const),
    ...routes.slice(0, rowsMax).map((route) => ['route', wholeRoute(route)] as const),
    ['', more > 0 ? `and ${more} more: starling claims and starling routes list all` : ''],
  ]
}

const rowsMax = 8

function nodeRows(answer: ExplainNodeResponse): Rows {
  const { peer, claims, routes, pools, exclusions, differences, incarnation, started } = answer
  const since = started === '' ? '' : `, up since ${secondText(started)} by its own clock`
  return [
    ['node', `${peer.name}${peer.self ? ' (this node)' : ''}  ${peer.node}`],
    ['state', peerText(peer)],
    ...(claims.length > 0 ? claims.map(claimText) : ['none']).map(
      (text) => ['subnet', text] as const,
    ),
    ['announced', peer.announced.join(', ')],
    ['next hop', peer.nextHops.join(', ') || 'none: nobody can route to it'],
    ...routes.slice(0, rowsMax).map((route) => ['route', wholeRoute(route)] as const),
    ['pools', pools.join(', ')],
    ['excludes', exclusions.slice(0, rowsMax).join(', ')],
    ['agent', `version ${peer.software}, incarnation ${incarnation}${since}`],
    ...differences.map((text) => ['differs', text] as const),
  ]
}

const announcerRows = (announcers: readonly AnnouncerMessage[]): Rows =>
  announcers.map(({ prefix, name }) => ['announced', `${prefix} by ${name}`])

/** `alive, connected at 10.0.1.71:7871, has the same records, version 0.1.0` */
function peerText(peer: PeerMessage): string {
  const { self, connected, address, digest, draining, software } = peer
  if (self) return 'this node'
  const agrees =
    digest === 'equal'
      ? 'has the same records'
      : digest === 'different'
        ? 'has other records'
        : 'records not compared yet'
  const parts = [
    isMissed(peer) ? missedText(peer) : 'alive',
    connected ? `connected at ${dialText(address)}, ${agrees}` : 'not connected to this node',
    draining ? 'about to leave' : '',
    `version ${software}`,
  ]
  return parts.filter((part) => part !== '').join(', ')
}

function holder({ state, lease, unanswered, claims, route }: ExplainResponse): string {
  const node = (route?.kind === 'kept' ? route.name : claims[0]?.name) ?? 'its node'
  switch (state) {
    case 'leased':
      return lease ? leaseText(lease) : 'is leased'
    case 'outside':
      return 'is in no subnet of the cluster'
    case 'free':
      return 'is free'
    case 'resting':
      return 'is free, and resting since its release'
    case 'network':
    case 'gateway':
    case 'broadcast':
      return `is the ${state} address of its subnet`
    default:
      return unanswered === ''
        ? `only ${node} knows who has it`
        : `only ${node} knows who has it, and cannot be asked: ${unanswered}`
  }
}

const leaseText = (lease: LeaseMessage): string =>
  `is held by ${attachmentText(lease)} since ${secondText(lease.since)}${lease.name === '' ? '' : `, for ${lease.name}`}${lease.standing === 'lost' ? `, and lost to a container of ${lease.lostTo}` : ''}`

const lastText = ({ last, released }: ExplainResponse): string =>
  last ? `held by ${attachmentText(last)} until ${secondText(released)}` : ''

function claimText(claim: ClaimMessage): string {
  const { prefix, name, own, state, confirmedAt } = claim
  const parts = [
    `${prefix} of ${name}${own ? ' (this node)' : ''}`,
    confirmedAt === '' ? state : `confirmed ${secondText(confirmedAt)}`,
    standingText(claim),
    fenceText(claim),
  ]
  return parts.filter((part) => part !== '').join(', ')
}

function routeText({ route }: ExplainResponse, winner: ClaimMessage | undefined): string {
  if (!route) return winner?.own ? 'on the bridge of this host' : 'no route of starling leads to it'
  const kept = route.kind === 'kept' ? `, kept by ${route.name} from before a partition healed` : ''
  return `${routeFacts(route)}${kept}${reasonText(route)}`
}

const wholeRoute = (route: RouteMessage): string => `${routeFacts(route)}${reasonText(route)}`

const reasonText = ({ reason, mend }: RouteMessage): string =>
  `${reason === '' ? '' : `: ${reason}`}${mend === '' ? '' : ` -> ${mend}`}`

function routeFacts({ prefix, wanted, kernel, state }: RouteMessage): string {
  const target = wanted ? ` ${targetText(wanted)}` : ''
  return `${prefix}${target}, ${routeStateText(state)}${kernel && !kernel.owned ? ' (not ours)' : ''}`
}
