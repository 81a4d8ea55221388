/** Everything that is known of one node, and of what overlaps one prefix. */

import grpc from '@grpc/grpc-js'
import { exclusionsIn } from '../../core/claim/choose.ts'
import type { NodeRecord } from '../../core/claim/record.ts'
import { overlaps, type Prefix } from '../../core/ip/prefix.ts'
import { recordsIn } from '../../core/path/owner.ts'
import type { AgentView, ClaimView, NodeView } from '../../core/view.ts'
import { invalid, Refused } from './answer.ts'
import type { AnnouncerMessage, ExplainNodeResponse, ExplainPrefixResponse } from './definition.ts'
import type { LinkNames } from './messages.ts'
import { claimMessage, peerMessage, routeMessage } from './messages.ts'
import { timeText } from './time-text.ts'

/** Of each kind of a list: a prefix of everything overlaps all there is. */
const listedMax = 64
const idsMax = 8

export function explainPrefix(
  live: AgentView,
  prefix: Prefix,
  links: LinkNames,
): ExplainPrefixResponse {
  const view = { ...live }
  const claims = view.claims.filter(({ claim }) => overlaps(claim.prefix, prefix)).sort(winnerFirst)
  const of = (those: (record: NodeRecord) => readonly Prefix[]): AnnouncerMessage[] =>
    recordsIn(view).flatMap((record) =>
      those(record)
        .filter((each) => overlaps(each, prefix))
        .map(({ text }) => ({ prefix: text, name: record.name, node: record.origin })),
    )
  const announcers = of(({ extras }) => extras)
  const excludedBy = of(({ exclusions }) => exclusionsIn(view.own.pools, exclusions))
  const routes = view.routes.filter((route) => overlaps(route.prefix, prefix))
  return {
    prefix: prefix.text,
    claims: claims.slice(0, listedMax).map(claimMessage),
    announcers: announcers.slice(0, listedMax),
    routes: routes.slice(0, listedMax).map((route) => routeMessage(route, view.phase, links)),
    excludedBy: excludedBy.slice(0, listedMax),
    leftOut: [claims, announcers, routes, excludedBy].reduce(
      (sum, { length }) => sum + Math.max(0, length - listedMax),
      0,
    ),
  }
}

export function explainNode(live: AgentView, named: string, links: LinkNames): ExplainNodeResponse {
  const view = { ...live }
  const node = nodeNamed(view, named)
  const { record } = node
  return {
    peer: peerMessage(node),
    claims: view.claims.filter(({ origin }) => origin === record.origin).map(claimMessage),
    routes: view.routes
      .filter(({ origin }) => origin === record.origin)
      .slice(0, listedMax)
      .map((route) => routeMessage(route, view.phase, links)),
    incarnation: record.version.incarnation,
    started: timeText(record.bootedAtMs),
    pools: record.pools.map(poolText),
    exclusions: record.exclusions.slice(0, listedMax).map(({ text }) => text),
    differences: differences(node, view),
  }
}

/** By id before by name. */
function nodeNamed(view: AgentView, named: string): NodeView {
  // Before its first record is written, this node is not among those that are known.
  const nodes = view.nodes.some(({ self }) => self) ? view.nodes : [selfOf(view), ...view.nodes]
  const byId = nodes.find(({ record }) => record.origin === named)
  if (byId) return byId
  const [match, ...more] = nodes.filter(({ record }) => record.name === named)
  if (!match) {
    throw new Refused(
      grpc.status.NOT_FOUND,
      'unknown-node',
      `no node is named ${named}, and it is no address or prefix: starling peers lists the nodes`,
    )
  }
  if (more.length === 0) return match
  const ids = [match, ...more].map(({ record }) => record.origin)
  const shown = ids.slice(0, idsMax).join(', ')
  throw invalid(
    'ambiguous-node',
    `${ids.length} nodes are named ${named}: name one by its id (${shown}${ids.length > idsMax ? ', ...' : ''})`,
  )
}

const selfOf = ({ own }: AgentView): NodeView => ({
  record: own,
  self: true,
  connected: false,
  address: '',
  digestEqual: undefined,
  liveness: 'alive',
  sinceMs: 0,
  missedBy: [],
})

function differences({ record, self, digestEqual }: NodeView, { own }: AgentView): string[] {
  if (self) return []
  const [theirs, ours] = [record, own].map(({ pools }) => pools.map(poolText).join(', '))
  return [
    record.software === own.software
      ? ''
      : `it runs version ${record.software}, this node ${own.software}`,
    theirs === ours ? '' : `its pools are ${theirs || 'none'}, this node's ${ours || 'none'}`,
    digestEqual === false ? 'its records are not the same as those of this node' : '',
  ].filter((text) => text !== '')
}

const poolText = ({ prefix, subnetLength }: NodeRecord['pools'][number]): string =>
  `${prefix.text} in subnets of /${subnetLength}`

export const winnerFirst = (a: ClaimView, b: ClaimView): number =>
  Number(b.standing === 'winner') - Number(a.standing === 'winner') ||
  b.claim.prefix.length - a.claim.prefix.length
