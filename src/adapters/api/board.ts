/** What a page shows of the agent: the API's messages in lists whose rows have keys, bounded. */

import { exclusionsIn } from '../../core/claim/choose.ts'
import type { Pool } from '../../core/ip/pool.ts'
import type { Prefix } from '../../core/ip/prefix.ts'
import type { AgentView, ClaimView, NodeView, RouteView } from '../../core/view.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Operator } from '../../ports/operator.ts'
import type { Noted } from '../../ports/telemetry.ts'
import type {
  ClaimMessage,
  EventMessage,
  ExplainPrefixResponse,
  InabilityMessage,
  LeaseMessage,
  PeerMessage,
  RouteMessage,
  StatusResponse,
} from './definition.ts'
import { explainPrefix } from './explain-node.ts'
import { leaseMessages } from './lease-messages.ts'
import { readLinkNames } from './link-names.ts'
import {
  claimMessage,
  eventMessage,
  type LinkNames,
  peerMessage,
  routeMessage,
  statusMessage,
} from './messages.ts'
import { type PlaceMessage, type PoolMessage, placeIn, poolMessage } from './pool-map.ts'
import { Rows, rowsMax } from './rows.ts'

export interface HeadMessage extends Omit<StatusResponse, 'uptimeMs'> {
  readonly bootedAtMs: number
  readonly pools: readonly PoolMessage[]
  /** Of each list, also where not all of it is told. */
  readonly totals: Readonly<Record<keyof BoardLists, number>>
  readonly problemsTotal: number
}

export type PlacedClaim = ClaimMessage & PlaceMessage

/** A part of a pool that hosts use themselves. */
export interface ExcludedMessage extends PlaceMessage {
  readonly prefix: string
  /** Names of nodes, as far as there is room. */
  readonly by: readonly string[]
  readonly nodes: number
}

/** By the keys of their rows. */
export type BoardLists = {
  readonly nodes: ReadonlyMap<string, PeerMessage>
  readonly claims: ReadonlyMap<string, PlacedClaim>
  readonly excluded: ReadonlyMap<string, ExcludedMessage>
  readonly routes: ReadonlyMap<string, RouteMessage>
  readonly leases: ReadonlyMap<string, LeaseMessage>
}

export interface Board {
  readonly head: HeadMessage
  readonly lists: BoardLists
}

/** What the agent's view does not tell of its host. */
interface HostSide {
  readonly links: LinkNames
  readonly inabilities: readonly InabilityMessage[]
}

/** The board of a running agent, and what it knows of prefixes and events. */
export async function followBoard({
  operator: { view },
  inabilities,
  clock,
}: {
  readonly operator: Operator
  readonly inabilities: () => Promise<readonly InabilityMessage[]>
  readonly clock: Clock
}): Promise<{
  /** Begins to follow; what is returned tells the board as it is then. */
  follow(): () => Board
  event(noted: Noted): BoardEvent | undefined
  explainPrefix(prefix: Prefix): ExplainPrefixResponse
}> {
  const read = async (): Promise<HostSide> => {
    const [links, lacks] = await Promise.all([readLinkNames(), inabilities()])
    return { links, inabilities: lacks }
  }
  let host = await read()
  let readAt = clock.now()
  const refresh = async (): Promise<void> => {
    readAt = clock.now()
    host = await read()
  }
  return {
    follow: () => {
      const board = boardMaker()
      return () => {
        if (clock.now() >= readAt + hostMs) void refresh()
        return board(view(), host)
      }
    },
    event: ({ note, timeMs }) => {
      const { fields, dropped, ...event } = eventMessage(note, timeMs, 0)
      return event.level === 'debug' ? undefined : event
    },
    explainPrefix: (prefix) => explainPrefix(view(), prefix, host.links),
  }
}

export type BoardEvent = Omit<EventMessage, 'fields' | 'dropped'>

export const boardOf = (view: AgentView, host: HostSide): Board => boardMaker()(view, host)

/** Makes boards of one agent: rows that have not changed since the last one are the same objects. */
function boardMaker(): (live: AgentView, host: HostSide) => Board {
  const nodes = new Rows<NodeView, PeerMessage>()
  const claims = new Rows<ClaimView, PlacedClaim>()
  const routes = new Rows<RouteView, RouteMessage>()
  return (live, host) => {
    // Each part is made anew whenever it is read: once is enough.
    const view: AgentView = { ...live }
    const { own, phase, ipam, kept } = view
    const { links } = host
    const taken = view.claims.map(({ claim }) => claim.prefix)
    const pools = own.pools.map((pool) => poolMessage(pool, taken))
    const leases = [...ipam.leases(), ...kept.map(({ lease }) => lease)]
    const excluded = exclusionsOf(view.nodes, own.pools)
    return {
      head: headOf(view, host, { pools, excluded: excluded.size, leases: leases.length }),
      lists: {
        nodes: nodes.of(view.nodes, {}, { key: ({ record }) => record.origin, row: peerMessage }),
        claims: claims.of(
          view.claims,
          { cells: pools.map(({ cellLength }) => cellLength) },
          {
            key: ({ claim, origin }) => `${claim.prefix.text} ${origin}`,
            row: (claim) => ({ ...claimMessage(claim), ...placeIn(pools, claim.claim.prefix) }),
          },
        ),
        excluded: new Map(
          [...excluded]
            .slice(0, rowsMax)
            .map(([text, { prefix, by, nodes: count }]) => [
              text,
              { prefix: text, by, nodes: count, ...placeIn(pools, prefix) },
            ]),
        ),
        routes: routes.of(
          differingFirst(view.routes),
          { phase, links },
          {
            key: ({ prefix, origin = '', kind, wanted, kernel }) =>
              // Several may be left over of one prefix, each with a metric of its own.
              `${prefix.text} ${origin} ${wanted ? kind : kernel?.metric}`,
            row: (route) => routeMessage(route, phase, links),
          },
        ),
        leases: new Map(
          leaseMessages(leases.slice(0, rowsMax), view).map((lease) => [lease.address, lease]),
        ),
      },
    }
  }
}

function headOf(
  view: AgentView,
  { links, inabilities }: HostSide,
  known: { pools: readonly PoolMessage[]; excluded: number; leases: number },
): HeadMessage {
  const { uptimeMs, problems, ...status } = statusMessage(view, 0, links)
  return {
    ...status,
    inabilities,
    problems: problems.slice(0, problemsMax),
    problemsTotal: problems.length,
    bootedAtMs: view.own.bootedAtMs,
    pools: known.pools,
    totals: {
      nodes: view.nodes.length,
      claims: view.claims.length,
      excluded: known.excluded,
      routes: view.routes.length,
      leases: known.leases,
    },
  }
}

/** What there is no room for is what nobody needs to look at. */
const differingFirst = (routes: readonly RouteView[]): readonly RouteView[] =>
  routes.length <= rowsMax
    ? routes
    : routes.toSorted((a, b) => Number(a.state === 'installed') - Number(b.state === 'installed'))

interface Exclusion {
  readonly prefix: Prefix
  readonly by: string[]
  nodes: number
}

/** As far as other nodes heed them: what covers more than half of a pool is its own host's problem. */
function exclusionsOf(
  nodes: readonly NodeView[],
  pools: readonly Pool[],
): ReadonlyMap<string, Exclusion> {
  const found = new Map<string, Exclusion>()
  for (const { record } of nodes) {
    for (const prefix of exclusionsIn(pools, record.exclusions)) {
      const entry = found.get(prefix.text) ?? { prefix, by: [], nodes: 0 }
      entry.nodes += 1
      if (entry.by.length < namesMax) entry.by.push(record.name)
      found.set(prefix.text, entry)
    }
  }
  return found
}

/** How old what was read of the host may be. */
const hostMs = 15_000
const problemsMax = 100
const namesMax = 3
