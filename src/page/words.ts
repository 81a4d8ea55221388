/** Facts in words, as `starling` on the command line has them. */

import type { HeadMessage } from '../adapters/api/board.ts'
import type {
  ExplainResponse,
  LeaseMessage,
  PeerMessage,
  RouteMessage,
  TargetMessage,
} from '../adapters/api/definition.ts'

export interface Verdict {
  readonly tone: 'good' | 'warn' | 'bad'
  readonly word: string
  readonly text: string
}

export function verdictOf(head: HeadMessage): Verdict {
  const { convergence, problemsTotal } = head
  if (!convergence.converged) {
    return { tone: 'bad', word: 'Not converged', text: `${lacks(head).join('; ')}.` }
  }
  const text = `${achievements(head).join(', ')}.`
  return problemsTotal === 0
    ? { tone: 'good', word: 'OK', text }
    : { tone: 'warn', word: 'Converged, with problems', text }
}

function achievements({ claims, peersConnected, routes, name }: HeadMessage): string[] {
  return [
    `${name} has ${claims.map(({ prefix }) => prefix).join(' and ') || 'no subnet'}`,
    peersConnected === 0
      ? 'no peer is connected'
      : `${counted(peersConnected, 'peer')} ${peersConnected === 1 ? 'agrees' : 'agree'}`,
    routes.wanted === 0
      ? 'no routes are wanted'
      : `${routes.installed} of ${counted(routes.wanted, 'route')} in the kernel`,
  ]
}

function lacks({ convergence, claims, routes, phase }: HeadMessage): string[] {
  const phases = new Map([
    ['joining', 'joining, no peer has answered yet'],
    ['purged', 'routes are purged until starling resync'],
    ['left', 'this node has left the cluster'],
  ])
  const tentative = claims.filter(({ state }) => state === 'tentative').map(({ prefix }) => prefix)
  const open = routes.wanted - routes.installed
  const kernel = [
    open > 0 ? `${open} of ${counted(routes.wanted, 'route')} not in the kernel` : '',
    routes.leftover > 0 ? `${counted(routes.leftover, 'leftover route')} to remove` : '',
  ].filter((part) => part !== '')
  return [
    phases.get(phase) ?? '',
    convergence.claimed
      ? ''
      : tentative.length > 0
        ? `subnet ${tentative.join(', ')} is not confirmed yet`
        : 'this node has no subnet',
    convergence.digestsEqual ? '' : 'some connected peers may not have the same records yet',
    convergence.kernelEqual ? '' : kernel.join(', ') || 'the kernel differs from what is wanted',
  ].filter((part) => part !== '')
}

/** `12 min 3 s`: two units, the larger one first. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  if (seconds < 86_400)
    return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3_600)} h`
}

/** The time of day where the viewer is, with the date where it is another one. */
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
  if (liveness !== 'alive') return livenessWords.get(liveness) ?? liveness
  if (draining) return 'leaving'
  if (!connected) return 'alive, not connected'
  return digest === 'equal' ? 'agrees' : digest === 'different' ? 'differs' : 'not compared yet'
}

export const livenessWords: ReadonlyMap<string, string> = new Map([
  ['alive', 'alive'],
  ['suspect', 'suspect'],
  ['agent-down', 'agent down'],
  ['host-down', 'host down'],
  ['displaced', 'displaced'],
])

export const routeWords: ReadonlyMap<string, string> = new Map([
  ['installed', 'in kernel'],
  ['alien', 'alien in the way'],
  ['not-on-link', 'not on-link'],
  ['dead', 'link down'],
])

export function targetText(target: TargetMessage | null): string {
  if (!target) return '–'
  const { type, nextHop, interface: link } = target
  const on = link === '' ? '' : `dev ${link}`
  if (type === 'via') return `via ${nextHop} ${on}`.trimEnd()
  return type === 'unreachable' ? type : on || 'other'
}

export function kernelText({ kernel }: RouteMessage): string {
  if (!kernel) return '–'
  const { target, owned, metric } = kernel
  return owned ? targetText(target) : `alien: ${targetText(target)} metric ${metric}`
}

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

/** `/ip4/10.0.1.71/tcp/7871` as people write it. */
export function multiaddrText(multiaddr: string): string {
  const [, kind, host, port] = /^\/(ip4|ip6)\/([^/]+)\/tcp\/([0-9]+)/.exec(multiaddr) ?? []
  if (host === undefined) return multiaddr
  return kind === 'ip6' ? `[${host}]:${port}` : `${host}:${port}`
}
