/** What a page shows of the agent: the API's messages in lists whose rows have keys, bounded. */

import type { Pool } from '../../core/ip/pool.ts'
import { overlaps, type Prefix } from '../../core/ip/prefix.ts'
import type { AgentView, NodeView, RouteView } from '../../core/view.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Operator } from '../../ports/operator.ts'
import type { Noted } from '../../ports/telemetry.ts'
import type {
  ClaimMessage,
  EventMessage,
  ExplainPrefixResponse,
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

export interface HeadMessage extends Omit<StatusResponse, 'inabilities' | 'uptimeMs'> {
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

/** The board of a running agent, and what it knows of prefixes and events. */
export async function followBoard(
  { view }: Operator,
  clock: Clock,
): Promise<{
  board(): Board
  event(noted: Noted): BoardEvent | undefined
  explainPrefix(prefix: Prefix): ExplainPrefixResponse
}> {
  let links = await readLinkNames()
  let readAt = clock.now()
  const refresh = async (): Promise<void> => {
    readAt = clock.now()
    links = await readLinkNames()
  }
  return {
    board: () => {
      if (clock.now() >= readAt + linkNamesMs) void refresh()
      return boardOf(view(), links)
    },
    event: ({ note, timeMs }) => {
      const { fields, dropped, ...event } = eventMessage(note, timeMs, 0)
      return event.level === 'debug' ? undefined : event
    },
    explainPrefix: (prefix) => explainPrefix({ ...view() }, prefix, links),
  }
}

export type BoardEvent = Omit<EventMessage, 'fields' | 'dropped'>

export function boardOf(live: AgentView, links: LinkNames): Board {
  // Each part is made anew whenever it is read: once is enough.
  const view: AgentView = { ...live }
  const { own, phase, ipam, kept } = view
  const taken = view.claims.map(({ claim }) => claim.prefix)
  const pools = own.pools.map((pool) => poolMessage(pool, taken))
  const leases = [...ipam.leases(), ...kept.map(({ lease }) => lease)]
  const { uptimeMs, problems, ...status } = statusMessage(view, 0, links)
  const excluded = exclusionsOf(view.nodes, own.pools)
  return {
    head: {
      ...status,
      problems: problems.slice(0, problemsMax),
      problemsTotal: problems.length,
      bootedAtMs: own.bootedAtMs,
      pools,
      totals: {
        nodes: view.nodes.length,
        claims: view.claims.length,
        excluded: excluded.size,
        routes: view.routes.length,
        leases: leases.length,
      },
    },
    lists: {
      nodes: rows(view.nodes, (node) => [node.record.origin, peerMessage(node)]),
      claims: rows(view.claims, (claim) => [
        `${claim.claim.prefix.text} ${claim.origin}`,
        { ...claimMessage(claim), ...placeIn(pools, claim.claim.prefix) },
      ]),
      excluded: rows([...excluded], ([text, { prefix, by, nodes }]) => [
        text,
        { prefix: text, by, nodes, ...placeIn(pools, prefix) },
      ]),
      routes: rows(differingFirst(view.routes), (route) => [
        `${route.prefix.text} ${route.origin ?? ''} ${route.kind}`,
        routeMessage(route, phase, links),
      ]),
      leases: rows(leaseMessages(leases.slice(0, rowsMax), view), (lease) => [
        lease.address,
        lease,
      ]),
    },
  }
}

function rows<T, R>(
  from: readonly T[],
  row: (each: T) => readonly [string, R],
): ReadonlyMap<string, R> {
  return new Map(from.slice(0, rowsMax).map(row))
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
    for (const prefix of record.exclusions) {
      if (
        !pools.some((pool) => overlaps(pool.prefix, prefix) && prefix.length > pool.prefix.length)
      )
        continue
      const entry = found.get(prefix.text) ?? { prefix, by: [], nodes: 0 }
      entry.nodes += 1
      if (entry.by.length < namesMax) entry.by.push(record.name)
      found.set(prefix.text, entry)
    }
  }
  return found
}

const rowsMax = 8_192
/** How old names of interfaces may be. */
const linkNamesMs = 15_000
const problemsMax = 100
const namesMax = 3
