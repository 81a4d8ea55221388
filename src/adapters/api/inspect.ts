/** What this host would do with a packet between two addresses: its agent's view, and its kernel's word. */

import { describe } from '../../core/describe.ts'
import type { Address } from '../../core/ip/address.ts'
import { holds } from '../../core/ip/prefix.ts'
import { attachmentText } from '../../core/ipam/lease.ts'
import { isGone } from '../../core/liveness/observations.ts'
import { type HostFacts, judgeHost } from '../../core/path/judge.ts'
import { type FirewallVerdict, isUsable, type Neighbour } from '../../core/path/look.ts'
import { ownerOf, routeTo } from '../../core/path/owner.ts'
import type { Step } from '../../core/path/step.ts'
import type { AgentView } from '../../core/view.ts'
import type { Inspection } from '../../ports/inspection.ts'
import { invalid } from './answer.ts'
import { readLinkNames } from './link-names.ts'
import { routeMessage } from './messages.ts'

export interface Ends {
  readonly from: Address
  readonly to: Address
}

/** Of a packet, and of its answer. */
export async function inspectHost(
  live: AgentView,
  inspection: Inspection,
  { from, to }: Ends,
): Promise<{ there: Step[]; back: Step[] }> {
  // Each part is made anew whenever it is read: once is enough.
  const view = { ...live }
  if (from.family !== to.family) {
    throw invalid('invalid-address', `${from.text} and ${to.text} are of two families`)
  }
  const [there, back] = await Promise.all([
    inspectWay(view, inspection, { from, to, isReply: false }),
    inspectWay(view, inspection, { from: to, to: from, isReply: true }),
  ])
  return { there, back }
}

async function inspectWay(
  view: AgentView,
  inspection: Inspection,
  { from, to, isReply }: Ends & { readonly isReply: boolean },
): Promise<Step[]> {
  const [sender, owner] = [ownerOf(view, from), ownerOf(view, to)]
  const ends = { from: sender?.origin === view.self, to: owner?.origin === view.self }
  // From another host it comes in where that host is, whatever route leads back.
  const hop = ends.from ? undefined : sender?.nextHops.find(({ family }) => family === from.family)
  const [back, ahead, routing] = await Promise.all([
    inspection.lookUp(hop ?? from),
    inspection.lookUp(to),
    routingOf(view, to),
  ])
  const [iif, oif] = [back.interface, ahead.interface]
  const known = {
    ...{ from, to, ends, back, ahead, routing },
    subnet: view.ipam.subnets.find(({ prefix }) => holds(prefix, to))?.prefix.text ?? '',
    isRouted: owner !== undefined && !owner.nextHops.some(({ text }) => text === to.text),
    lease: leaseText(view, to),
  }
  // Whether there is anything to ask shows in what would be said without it.
  const asked = judgeHost({ ...known, ...unasked }).map(({ code }) => code)
  const isForwarded = asked.includes('firewall')
  const [inputError, forwarding, firewall, neighbour] = await Promise.all([
    isForwarded ? inspection.comeIn({ from, to, ifindex: back.ifindex }) : undefined,
    isForwarded ? inspection.forwarding(from.family, iif) : unasked.forwarding,
    isForwarded
      ? inspection.firewall({ family: from.family, from, to, iif, oif, isReply })
      : unasked.firewall,
    asked.includes('neighbour')
      ? inspection.neighbour(ahead.nextHop ?? to, ahead.ifindex)
      : unasked.neighbour,
  ])
  return judgeHost({ ...known, inputError, forwarding, firewall, neighbour })
}

const unasked: Pick<HostFacts, 'inputError' | 'forwarding' | 'firewall' | 'neighbour'> = {
  inputError: undefined,
  forwarding: 'unknown',
  firewall: { verdict: 'unknown', by: '' } satisfies FirewallVerdict,
  neighbour: 'unknown' satisfies Neighbour,
}

function leaseText(view: AgentView, address: Address): string {
  const kept = view.kept.find(({ lease }) => lease.address.text === address.text)
  const lease = view.ipam.at(address) ?? kept?.lease
  return lease ? `${address.text} is held by ${attachmentText(lease.attachment)}` : ''
}

/** Why the agent's own route does not lead there: its node is gone, or the route is not as it should be. */
async function routingOf(view: AgentView, to: Address): Promise<HostFacts['routing']> {
  const route = routeTo(view.routes, to)
  if (!route) return { reason: '', mend: '' }
  const node = view.nodes.find(({ record }) => record.origin === route.origin)
  if (node && isGone(node.liveness) && route.wanted?.type === 'unreachable') {
    const { record, liveness: state, missedBy: by } = node
    if (state === 'host-down' || state === 'displaced') {
      const note = { node: record.origin, name: record.name, state, by } as const
      const { message: reason, mend } = describe({ code: 'node-down', ...note })
      return { reason, mend }
    }
  }
  const { reason, mend } = routeMessage(route, view.phase, await readLinkNames())
  return { reason, mend }
}

/** What the kernel does with an address here, as `explain` tells it. `asks`: of whom the link is asked, too. */
export async function lookUpMessage(
  inspection: Inspection,
  address: Address,
  asks: (look: { isLink: boolean }) => boolean,
) {
  const look = await inspection.lookUp(address)
  const isAsked = isUsable(look) && look.type !== 'own' && asks({ isLink: look.type === 'link' })
  return {
    route: look.route,
    owned: look.isOwned,
    down: look.isDown,
    error: look.error,
    nextHop: look.nextHop?.text ?? '',
    interface: look.interface,
    neighbour: isAsked
      ? await inspection.neighbour(look.nextHop ?? address, look.ifindex)
      : 'unknown',
  }
}
