/** `starling explain`: everything that is known of one address, in the order in which one asks. */

import type {
  ClaimMessage,
  ExplainResponse,
  LeaseMessage,
  RouteMessage,
} from '../adapters/api/definition.ts'
import { parseAddress } from '../core/ip/address.ts'
import { exitCode } from './exit-code.ts'
import { paint, wrap } from './layout.ts'
import { attachmentText } from './lease-text.ts'
import { targetText } from './lists.ts'
import { actionMs, fail, printJson, type Shared, withAgent } from './session.ts'

export async function explain(text: string, shared: Shared): Promise<number> {
  const address = parseAddress(text)
  if (!address) return fail(shared, 'usage', `${JSON.stringify(text)} is not an IP address`)
  return withAgent(shared, async (agent) => {
    const answer = await agent.call('Explain', { address: address.text }, actionMs)
    if (shared.json) printJson(answer)
    else console.log(explanation(answer).join('\n'))
    return exitCode.fine
  })
}

function explanation(answer: ExplainResponse): string[] {
  const [winner, ...others] = answer.claims
  const rows: readonly (readonly [string, string])[] = [
    ['address', `${answer.address}  ${holder(answer)}`],
    ['last', lastText(answer)],
    ['subnet', winner ? claimText(winner) : 'no node claims it'],
    ...others.map((claim): [string, string] => ['also', claimText(claim)]),
    ...answer.announcers.map(({ prefix, name }): [string, string] => [
      'announced',
      `${prefix} by ${name}`,
    ]),
    ['route', routeText(answer, winner)],
  ]
  return rows
    .filter(([, text]) => text !== '')
    .flatMap(([label, text]) => {
      const [first = '', ...rest] = wrap(label.padEnd(11), text)
      return [`${paint('dim', label.padEnd(11))}${first.slice(11)}`, ...rest]
    })
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
  `is held by ${attachmentText(lease)} since ${second(lease.since)}${lease.name === '' ? '' : `, for ${lease.name}`}${lease.standing === 'lost' ? `, and lost to a container of ${lease.lostTo}` : ''}`

const lastText = ({ last, released }: ExplainResponse): string =>
  last ? `held by ${attachmentText(last)} until ${second(released)}` : ''

function claimText(claim: ClaimMessage): string {
  const { prefix, name, own, state, standing, fence, confirmedAt } = claim
  const parts = [
    `${prefix} of ${name}${own ? ' (this node)' : ''}`,
    confirmedAt === '' ? state : `confirmed ${second(confirmedAt)}`,
    standing === 'winner' ? '' : standing,
    fence === 0 ? '' : `reclaimed ${fence === 1 ? 'once' : `${fence} times`} before`,
  ]
  return parts.filter((part) => part !== '').join(', ')
}

function routeText({ route }: ExplainResponse, winner: ClaimMessage | undefined): string {
  if (!route) return winner?.own ? 'on the bridge of this host' : 'no route of starling leads to it'
  const kept = route.kind === 'kept' ? `, kept by ${route.name} from before a partition healed` : ''
  return `${routeFacts(route)}${kept}${route.reason === '' ? '' : `: ${route.reason}`}${route.mend === '' ? '' : ` -> ${route.mend}`}`
}

function routeFacts({ prefix, wanted, kernel, state }: RouteMessage): string {
  const target = wanted ? ` ${targetText(wanted)}` : ''
  return `${prefix}${target}, ${state === 'installed' ? 'in kernel' : state}${kernel && !kernel.owned ? ' (not ours)' : ''}`
}

const second = (time: string): string => time.replace(/[.][0-9]+Z$/, 'Z')
