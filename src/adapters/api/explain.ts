/** Everything that is known of one address: who claims it, who has it, and the route to it. */

import type { NodeId, NodeRecord } from '../../core/claim/record.ts'
import type { Address } from '../../core/ip/address.ts'
import { gatewayOf } from '../../core/ip/pool.ts'
import { holds, type Prefix } from '../../core/ip/prefix.ts'
import type { Lease } from '../../core/ipam/lease.ts'
import { ownerOf, recordsIn, routeTo } from '../../core/path/owner.ts'
import type { AgentView, ClaimView, RouteView } from '../../core/view.ts'
import type { Inspection } from '../../ports/inspection.ts'
import type { Operator } from '../../ports/operator.ts'
import type { ExplainResponse, LeaseMessage } from './definition.ts'
import { winnerFirst } from './explain-node.ts'
import { lookUpMessage } from './inspect.ts'
import { leaseMessages } from './lease-messages.ts'
import { readLinkNames } from './link-names.ts'
import { claimMessage, peerMessage, routeMessage } from './messages.ts'
import { timeText } from './time-text.ts'

/** Asks the node whose subnet it is what it knows of an address. Rejects with a text for people. */
export type AskLease = (node: NodeRecord, address: Address) => Promise<ExplainResponse>

/** What the node that has the subnet knows of the address itself. */
type Holding = Pick<ExplainResponse, 'state' | 'lease' | 'last' | 'released' | 'unanswered'>

export async function explainAddress(
  operator: Operator,
  address: Address,
  /** Undefined: another agent asks, and what this one would have to ask others or its kernel is left out. */
  asks: { readonly askLease: AskLease; readonly inspection: Inspection } | undefined,
): Promise<ExplainResponse> {
  const links = await readLinkNames()
  const view = { ...operator.view() }
  const claims = view.claims.filter(({ claim }) => holds(claim.prefix, address)).sort(winnerFirst)
  const [winner] = claims
  const route = routeTo(view.routes, address)
  const held = await holding(view, {
    address,
    winner,
    keeper: keeperIn(route),
    askLease: asks?.askLease,
  })
  const origin = ownerOf(view, address)?.origin
  const owner = view.nodes.find(({ record }) => record.origin === origin)
  // For an address of this host's that nobody holds the link would be asked in vain, for seconds.
  const kernel = asks
    ? await lookUpMessage(asks.inspection, address, ({ isLink }) => !isLink || held.lease !== null)
    : null
  return {
    address: address.text,
    claims: claims.map(claimMessage),
    announcers: recordsIn(view).flatMap(({ origin: node, name, extras }) =>
      extras
        .filter((prefix) => holds(prefix, address))
        .map(({ text: prefix }) => ({ prefix, name, node })),
    ),
    route: route ? routeMessage(route, view.phase, links) : null,
    ...held,
    owner: owner ? peerMessage(owner) : null,
    kernel,
  }
}

async function holding(
  view: AgentView,
  {
    address,
    winner,
    keeper,
    askLease,
  }: {
    address: Address
    winner: ClaimView | undefined
    keeper: NodeId | undefined
    askLease: AskLease | undefined
  },
): Promise<Holding> {
  const nothing = { lease: null, last: null, released: '', unanswered: '' }
  const own = ownHolding(view, address)
  if (own && (keeper === undefined || own.lease)) return own
  if (!winner) return { ...nothing, state: 'outside' }
  const fixed = fixedState(winner.claim.prefix, address)
  if (fixed) return { ...nothing, state: fixed }
  const asked = keeper ?? winner.origin
  const record = recordsIn(view).find(({ origin }) => origin === asked)
  if (asked === view.self || !record || !askLease) return { ...nothing, state: 'unknown' }
  try {
    const { state, lease, last, released } = await askLease(record, address)
    return { state, lease, last, released, unanswered: '' }
  } catch (thrown) {
    const unanswered = thrown instanceof Error ? thrown.message : String(thrown)
    return { ...nothing, state: 'unknown', unanswered }
  }
}

/** The node whose container had the address before another one had the subnet. */
const keeperIn = (route: RouteView | undefined): NodeId | undefined =>
  route?.kind === 'kept' ? route.origin : undefined

/** Undefined: it is no address that this node grants or has granted. */
function ownHolding(view: AgentView, address: Address): Holding | undefined {
  const { ipam } = view
  const lease = ipam.at(address)
  const last = ipam.lastAt(address)
  const facts = {
    lease: messageOf(lease, view),
    last: messageOf(last?.lease, view),
    released: last ? timeText(last.releasedAtMs) : '',
    unanswered: '',
  }
  if (lease) return { ...facts, state: 'leased' }
  const subnet = ipam.subnets.find(({ prefix }) => holds(prefix, address))
  if (!subnet) return undefined
  return { ...facts, state: fixedState(subnet.prefix, address) ?? (last ? 'resting' : 'free') }
}

const messageOf = (lease: Lease | undefined, view: AgentView): LeaseMessage | null =>
  leaseMessages(lease ? [lease] : [], view)[0] ?? null

function fixedState(subnet: Prefix, { value }: Address): string | undefined {
  if (value === subnet.first) return 'network'
  if (value === gatewayOf(subnet).value) return 'gateway'
  return subnet.family === 4 && value === subnet.last ? 'broadcast' : undefined
}
