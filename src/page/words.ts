/** Facts in words, where a viewer needs others than the command line: with the time of day, and grouped numbers. */

import type {
  ExplainResponse,
  LeaseMessage,
  PeerMessage,
  RouteMessage,
} from '../adapters/api/definition.ts'

/** The time of day where the viewer is, with the date where it is another one. */
import { livenessText } from '../words/node.ts'
import { kernelRouteText, targetText } from '../words/route.ts'

export function timeText(time: string | number): string {
  const at = new Date(time)
  if (Number.isNaN(at.getTime())) return String(time)
  const clock = at.toLocaleTimeString('en-GB')
  return at.toDateString() === new Date().toDateString()
    ? clock
    : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock}`
}

const two = (part: number): string => String(part).padStart(2, '0')

export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${grouped(count)} ${count === 1 ? one : many}`

export const grouped = (count: number | string): string => BigInt(count).toLocaleString('en')

export function peerText({ self, connected, digest, draining, liveness }: PeerMessage): string {
  if (self) return draining ? 'this node, leaving' : 'this node'
  if (liveness !== 'alive') return livenessText(liveness)
  if (draining) return 'leaving'
  if (!connected) return 'alive, not connected'
  return digest === 'equal' ? 'agrees' : digest === 'different' ? 'differs' : 'not compared yet'
}

export const wantedText = ({ wanted }: RouteMessage): string => (wanted ? targetText(wanted) : '–')

export const kernelText = ({ kernel }: RouteMessage): string =>
  kernel ? kernelRouteText(kernel) : '–'

/** Who has the lease: by its name, or by what its door calls it. */
export const holderText = ({ name, id, network, door }: LeaseMessage): string =>
  `${name || id || 'somebody'} (${[door, network].filter((part) => part !== '').join(', ')})`

export function addressText(answer: ExplainResponse): string {
  const { address, state, lease, unanswered, claims, route } = answer
  const node = (route?.kind === 'kept' ? route.name : claims[0]?.name) ?? 'its node'
  switch (state) {
    case 'leased':
      return lease
        ? `${address} is held by ${holderText(lease)} on ${node} since ${timeText(lease.since)}.`
        : `${address} is leased.`
    case 'outside':
      return `${address} is in no subnet of the cluster.`
    case 'free':
      return `${address} is free, in the subnet of ${node}.`
    case 'resting':
      return `${address} is free, and rests since its release at ${timeText(answer.released)}.`
    case 'network':
    case 'gateway':
    case 'broadcast':
      return `${address} is the ${state} address of the subnet of ${node}.`
    default:
      return unanswered === ''
        ? `Only ${node} knows who has ${address}.`
        : `Only ${node} knows who has ${address}, and cannot be asked: ${unanswered}.`
  }
}
