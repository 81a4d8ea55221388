/** What the API says of an agent's view. */

import { describe } from '../../core/describe.ts'
import type { Description, Level } from '../../core/description.ts'
import { unreachable } from '../../core/invariant.ts'
import { gatewayOf } from '../../core/ip/pool.ts'
import { contains } from '../../core/ip/prefix.ts'
import type { Note } from '../../core/note.ts'
import { causesOf } from '../../core/problem-causes.ts'
import type { KernelRoute, RouteTarget } from '../../core/routing/route.ts'
import type { AgentView, ClaimView, NodeView, RouteState, RouteView } from '../../core/view.ts'
import type {
  ClaimMessage,
  EventMessage,
  KernelRouteMessage,
  MissedMessage,
  PeerMessage,
  ProblemMessage,
  RouteCountsMessage,
  RouteMessage,
  StatusResponse,
  TargetMessage,
} from './definition.ts'
import { keptMessages, subnetUseMessage } from './lease-messages.ts'
import { timeText } from './time-text.ts'

/** Names of interfaces by their index. */
export type LinkNames = ReadonlyMap<number, string>

export function statusMessage(
  view: AgentView,
  uptimeMs: number,
  links: LinkNames,
): Omit<StatusResponse, 'inabilities'> {
  // Each part of the view is made when it is read, and there may be thousands of nodes.
  const { own, nodes, problems, routes, convergence } = view
  return {
    name: view.name,
    node: view.self,
    cluster: view.cluster,
    admission: view.admission,
    phase: view.phase,
    convergence,
    problems: problemMessages({ problems, nodes }),
    claims: own.claims.map(({ prefix, state }) => ({
      prefix: prefix.text,
      state,
      gateway: gatewayOf(prefix).text,
      pool: own.pools.find((pool) => contains(pool.prefix, prefix))?.prefix.text ?? '',
    })),
    announced: own.extras.map(({ text }) => text),
    nextHops: own.nextHops.map(({ text }) => text),
    // Before its first record is written, this node is not among them.
    nodes: nodes.filter((node) => !node.self).length + 1,
    peersConnected: nodes.filter((node) => node.connected && !node.self).length,
    routes: routeCounts(routes),
    digest: view.root,
    tombstones: view.tombstones,
    incarnation: view.incarnation,
    software: own.software,
    uptimeMs: Math.round(uptimeMs),
    subnets: view.ipam.subnets.map(subnetUseMessage),
    bridge: view.bridge,
    uplink: view.uplink,
    missed: missedMessage(nodes),
    kept: keptMessages(view),
    discovery: view.discovery ?? null,
    ...disagreement(nodes),
    openRoutes: convergence.kernelEqual
      ? []
      : routes
          .filter(({ state }) => state !== 'installed' && state !== 'refused')
          .slice(0, openRoutesMax)
          .map((route) => routeMessage(route, view.phase, links)),
    versions: versionCounts(own.software, nodes),
  }
}

const differingMax = 3
const openRoutesMax = 5

/** Who stands in the way of equal digests. */
function disagreement(
  nodes: readonly NodeView[],
): Pick<StatusResponse, 'differing' | 'differingPeers'> {
  const differing = nodes.filter(
    ({ connected, self, digestEqual }) => connected && !self && digestEqual !== true,
  )
  return {
    differing: differing
      .slice(0, differingMax)
      .map(({ record: { name, origin: node }, digestEqual }) => ({
        name,
        node,
        digest: digestWord(digestEqual),
      })),
    differingPeers: differing.length,
  }
}

/** The most common one first. */
function versionCounts(own: string, nodes: readonly NodeView[]): StatusResponse['versions'] {
  const counts = new Map([[own, 1]])
  for (const { record, self } of nodes) {
    if (!self) counts.set(record.software, (counts.get(record.software) ?? 0) + 1)
  }
  return [...counts]
    .map(([software, count]) => ({ software, nodes: count }))
    .sort((a, b) => b.nodes - a.nodes || (a.software < b.software ? -1 : 1))
    .slice(0, versionsMax)
}

const versionsMax = 8

const digestWord = (equal: boolean | undefined): string =>
  equal === undefined ? 'unknown' : equal ? 'equal' : 'different'

function missedMessage(nodes: readonly NodeView[]): MissedMessage {
  const count = (liveness: NodeView['liveness']) =>
    nodes.filter((node) => node.liveness === liveness).length
  return {
    suspect: count('suspect'),
    agentDown: count('agent-down'),
    hostDown: count('host-down'),
    displaced: count('displaced'),
  }
}

export const claimMessage = ({
  claim,
  origin,
  name,
  standing,
  lost,
  own,
}: ClaimView): ClaimMessage => ({
  prefix: claim.prefix.text,
  name,
  node: origin,
  own,
  state: claim.state,
  standing,
  fence: claim.fence,
  used: claim.used,
  confirmedAt: claim.state === 'confirmed' ? timeText(claim.confirmedAtMs) : '',
  lostTo: lost?.to ?? '',
  lostBy: lost?.by ?? '',
})

export function routeMessage(
  route: RouteView,
  phase: AgentView['phase'],
  links: LinkNames,
): RouteMessage {
  const { message, mend } = explain(route, phase)
  return {
    prefix: route.prefix.text,
    name: route.name,
    node: route.origin ?? '',
    kind: route.kind,
    state: route.state,
    reason: message,
    mend,
    wanted: route.wanted ? targetMessage(route.wanted, links) : null,
    kernel: route.kernel ? kernelMessage(route.kernel, links) : null,
  }
}

export const peerMessage = ({
  record,
  self,
  connected,
  address,
  digestEqual,
  liveness,
  sinceMs,
  missedBy,
}: NodeView): PeerMessage => ({
  name: record.name,
  node: record.origin,
  self,
  connected,
  address,
  digest: digestWord(self || digestEqual),
  subnets: record.claims.map(({ prefix }) => prefix.text),
  announced: record.extras.map(({ text }) => text),
  nextHops: record.nextHops.map(({ text }) => text),
  draining: record.draining,
  software: record.software,
  liveness,
  since: liveness === 'alive' ? '' : timeText(sinceMs),
  missedBy: [...missedBy],
})

export function eventMessage(note: Note, timeMs: number, dropped: number): EventMessage {
  const { code, ...facts } = note
  const { level, message, mend } = describe(note)
  return {
    time: timeText(timeMs),
    code,
    level,
    message,
    mend,
    fields: JSON.stringify(facts),
    dropped,
  }
}

/** The gravest first, each with its place in this order of the one that it follows from. */
function problemMessages({
  problems: unordered,
  nodes,
}: Pick<AgentView, 'problems' | 'nodes'>): ProblemMessage[] {
  const problems = unordered
    .map((problem) => ({ problem, text: describe(problem) }))
    .sort((a, b) => gravity.indexOf(a.text.level) - gravity.indexOf(b.text.level))
  const addresses = new Map(nodes.map(({ record }) => [record.origin, record.addresses]))
  const causes = causesOf(
    problems.map(({ problem }) => problem),
    (node) => addresses.get(node) ?? [],
  )
  return problems.map(({ problem: { code }, text: { level, message, mend } }, index) => {
    const cause = causes[index]
    return { code, level, message, mend, cause: cause === undefined ? 0 : cause + 1 }
  })
}

const gravity: readonly Level[] = ['error', 'warn', 'info', 'debug']

function routeCounts(routes: readonly RouteView[]): RouteCountsMessage {
  const count = (state: RouteState): number =>
    routes.filter((route) => route.state === state).length
  return {
    wanted: routes.filter(({ wanted }) => wanted !== undefined).length,
    installed: count('installed'),
    missing: count('missing'),
    alien: count('alien'),
    notOnLink: count('not-on-link'),
    refused: count('refused'),
    failed: count('failed'),
    shadowed: count('shadowed'),
    dead: count('dead'),
    leftover: count('leftover'),
  }
}

type Explanation = Pick<Description, 'message' | 'mend'>

const nothingWrong: Explanation = { message: '', mend: '' }

/** Why a route is not installed, in the words of the note that told of it. */
function explain(route: RouteView, phase: AgentView['phase']): Explanation {
  const { origin, refusal, refusedFor: by, wanted, kind } = route
  const prefix = route.prefix.text
  switch (route.state) {
    case 'installed':
      return nothingWrong
    case 'missing':
      return phase === 'purged'
        ? { message: 'nothing is written since the purge', mend: 'starling resync' }
        : { message: `route ${prefix} is not in the kernel yet`, mend: '' }
    case 'leftover':
      return { message: `route ${prefix} is of a former run and is removed once in sync`, mend: '' }
    case 'alien':
      return origin ? describe({ code: 'route-alien', prefix, origin }) : nothingWrong
    case 'not-on-link': {
      const nextHop = wanted?.type === 'via' ? wanted.nextHop.text : 'of its node'
      return origin ? describe({ code: 'route-off-link', prefix, nextHop, origin }) : nothingWrong
    }
    case 'refused':
      return origin && refusal && kind !== 'leftover'
        ? describe({ code: 'route-refused', prefix, origin, kind, why: refusal, by })
        : nothingWrong
    case 'shadowed':
    case 'dead':
      return misuseText(route)
    case 'failed':
      return describe({ code: 'route-failed', prefix, error: route.error })
    default:
      return unreachable(route.state)
  }
}

function misuseText({ prefix, shadow }: RouteView): Explanation {
  if (shadow?.type !== 'shadowed') return describe({ code: 'route-dead', prefix: prefix.text })
  const { by, part } = shadow
  return describe({ code: 'route-shadowed', prefix: prefix.text, by, part })
}

const kernelMessage = (route: KernelRoute, links: LinkNames): KernelRouteMessage => ({
  target: targetMessage(route.target, links),
  owned: route.owned,
  metric: route.metric,
})

function targetMessage(target: RouteTarget, links: LinkNames): TargetMessage {
  switch (target.type) {
    case 'via': {
      const { nextHop, ifindex } = target
      return { type: 'via', nextHop: nextHop.text, interface: linkName(ifindex, links) }
    }
    case 'unreachable':
      return { type: 'unreachable', nextHop: '', interface: '' }
    case 'on-link':
    case 'other':
      return {
        type: target.type,
        nextHop: '',
        interface: target.ifindex === undefined ? '' : linkName(target.ifindex, links),
      }
    default:
      return unreachable(target)
  }
}

/** 0 is no interface: the kernel finds one itself. */
const linkName = (ifindex: number, links: LinkNames): string =>
  ifindex === 0 ? '' : (links.get(ifindex) ?? `if${ifindex}`)
