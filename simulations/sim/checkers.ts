/** What must hold of a swarm, each as a pure function from what is observed to what is wrong with it. */

import type { Claim, Entry, NodeId, NodeRecord } from '../../src/core/claim/record.ts'
import {
  type OwnedClaim,
  precedence,
  type Rules,
  type Standing,
} from '../../src/core/claim/resolve.ts'
import { addressesIn } from '../../src/core/ip/address-list.ts'
import { type Pool, subnetAt, subnetCount } from '../../src/core/ip/pool.ts'
import { contains, hostPrefix, overlaps, type Prefix } from '../../src/core/ip/prefix.ts'
import type { KernelRoute, RouteChange, RouteTarget } from '../../src/core/routing/route.ts'
import type { AgentView } from '../../src/core/view.ts'
import { encodeBody } from '../../src/wire/body.ts'
import { keptRoutes } from './lease-checkers.ts'
import type { Island, Observed, Violation } from './observed.ts'
import { keyText } from './route-table.ts'

/** Connected nodes have equal digests, and equal winners. */
export function agreement({ hosts }: Island): Violation[] {
  const [first, ...others] = hosts.map((host) => ({ host, view: host.view() }))
  if (!first) return []
  const expected = winnersOf(first.view)
  return others.flatMap(({ host, view }) => {
    if (view.root !== first.view.root) {
      return [
        violation(
          'agreement',
          host,
          `root ${view.root}, ${first.host.name} has ${first.view.root}`,
        ),
      ]
    }
    return winnersOf(view) === expected
      ? []
      : [violation('agreement', host, `other winners than ${first.host.name}`)]
  })
}

/** No two confirmed claims overlap. */
export function uniqueness({ hosts }: Island): Violation[] {
  const confirmed = hosts.flatMap((host) =>
    (host.own?.claims ?? [])
      .filter(({ state }) => state === 'confirmed')
      .map(({ prefix }) => ({ host, prefix })),
  )
  const sorted = confirmed.sort((a, b) => (a.prefix.first < b.prefix.first ? -1 : 1))
  return sorted.flatMap(({ host, prefix }, index) => {
    const next = sorted[index + 1]
    return next && overlaps(prefix, next.prefix)
      ? [violation('uniqueness', host, `${prefix.text} is also ${next.host.name}'s`)]
      : []
  })
}

/** Every node has a confirmed claim of each pool, unless the pool is full. */
export function claiming({ hosts, standings }: Island): Violation[] {
  return hosts.flatMap((host) =>
    host.config.pools.flatMap((pool) => {
      const { family } = pool.prefix
      const own = host.own?.claims.find(({ prefix }) => prefix.family === family)
      if (own?.state === 'confirmed') return []
      if (own) return [violation('claiming', host, `${own.prefix.text} is still tentative`)]
      return isFull(pool, hosts, standings)
        ? []
        : [violation('claiming', host, `no claim of ${pool.prefix.text}, which has free subnets`)]
    }),
  )
}

/** Every kernel's owned routes are exactly those that the nodes' own records call for. */
export function convergence(island: Island): Violation[] {
  return island.hosts.flatMap((host) => {
    const expected = expectedRoutes(island, host)
    const found = new Map(
      host.routes.filter(({ owned }) => owned).map((route) => [keyText(route), route]),
    )
    const wrong: string[] = []
    for (const [key, target] of expected) {
      if (!found.has(key)) wrong.push(`${key} is missing`)
      else if (targetText(found.get(key)?.target) !== targetText(target))
        wrong.push(`${key} leads elsewhere`)
    }
    for (const [key, { prefix }] of found) {
      if (!expected.has(key) && !isStrangers(island, prefix)) wrong.push(`${key} is too many`)
    }
    return wrong.length === 0
      ? []
      : [violation('convergence', host, `${wrong.length} routes: ${wrong.slice(0, 3).join(', ')}`)]
  })
}

/** What a member that is no agent may have: where nobody else is. */
const isStrangers = ({ isStrange, standings }: Island, prefix: Prefix): boolean =>
  isStrange(prefix) &&
  !standings.some(({ standing, claim }) => standing === 'winner' && overlaps(claim.prefix, prefix))

/** Alien routes are as they were put there. */
export function aliensUntouched(hosts: readonly Observed[]): Violation[] {
  return hosts.flatMap((host) => {
    const found = new Map(
      host.routes.filter(({ owned }) => !owned).map((route) => [keyText(route), route.target]),
    )
    return host.planted
      .filter((route) => targetText(found.get(keyText(route))) !== targetText(route.target))
      .map((route) => violation('aliens', host, `${keyText(route)} was changed or removed`))
  })
}

/** Counters that stand still while the swarm is quiet. */
export interface Activity {
  readonly kernelWrites: number
  readonly published: number
  readonly gossip: number
}

export function quiet(name: string, before: Activity, after: Activity): Violation[] {
  return (['kernelWrites', 'published', 'gossip'] as const)
    .filter((counter) => before[counter] !== after[counter])
    .map((counter) => ({
      checker: 'quiet',
      host: name,
      what: `${counter} went from ${before[counter]} to ${after[counter]}`,
    }))
}

/** A node keeps a bounded number of connections, however large the cluster is. */
export function fewConnections(hosts: readonly Observed[]): Violation[] {
  return hosts.flatMap((host) => {
    const connected = host.view().nodes.filter((node) => node.connected && !node.self).length
    return connected <= connectionsMax
      ? []
      : [violation('few-connections', host, `${connected} connections`)]
  })
}

/** All of a full mesh, or what the overlay of any cluster gives one node at the most. */
const connectionsMax = 32

/** A confirmed claim ends only by its node's leave, or for another one that precedes it. */
export function noTheft(
  host: Pick<Observed, 'name'>,
  change: { readonly before: Entry | undefined; readonly after: Entry },
  claims: Iterable<OwnedClaim>,
  { fenceOf, support }: Pick<Rules, 'fenceOf' | 'support'>,
): Violation[] {
  const { before, after } = change
  if (before?.body.kind !== 'record' || after.body.kind !== 'record') return []
  const { origin, claims: kept } = after.body
  const precedes = (owned: OwnedClaim, claim: Claim): boolean =>
    owned.origin !== origin &&
    overlaps(owned.claim.prefix, claim.prefix) &&
    // What others saw goes before a fence: who answers its eviction is not ended.
    (support(owned) > support({ origin, claim }) ||
      (owned.claim.fence >= fenceOf(owned.claim.prefix) &&
        precedence(owned, { origin, claim }) < 0))
  return before.body.claims
    .filter((claim) => claim.state === 'confirmed')
    .filter(({ prefix }) => !kept.some((claim) => isConfirmed(claim, prefix)))
    .filter(
      (claim) =>
        claim.fence >= fenceOf(claim.prefix) &&
        ![...claims].some((owned) => precedes(owned, claim)),
    )
    .map(({ prefix }) => violation('no-theft', host, `${prefix.text} was lost to nobody`))
}

const isConfirmed = (claim: Claim, { text }: Prefix): boolean =>
  claim.state === 'confirmed' && claim.prefix.text === text

/** Every host has the subnet that it had, and every other one routes to it there, and to no part of it. */
export function undisturbed(
  hosts: readonly Observed[],
  held: ReadonlyMap<NodeId, Prefix>,
): Violation[] {
  // What no container of its host has may be another node's, by that host's own word.
  const left = new Map(hosts.map((host) => [host.id, awardedBy(host)]))
  return hosts.flatMap((host) => {
    const own = held.get(host.id)
    const wrong: string[] = []
    const has = ({ prefix, state }: Claim) => state === 'confirmed' && prefix.text === own?.text
    if (own && !host.own?.claims.some(has)) wrong.push(`it lost ${own.text}`)
    for (const other of hosts) {
      const theirs = other.id !== host.id && held.get(other.id)
      if (!theirs) continue
      const hops = other.own?.nextHops.map(({ text }) => text) ?? []
      const inside = host.routes.filter(({ owned, prefix }) => owned && contains(theirs, prefix))
      const isRight = ({ prefix, target }: KernelRoute) =>
        left.get(other.id)?.has(prefix.text) === true ||
        (prefix.text === theirs.text && target.type === 'via' && hops.includes(target.nextHop.text))
      if (!inside.some(isRight)) wrong.push(`no route to ${theirs.text} of ${other.name}`)
      if (!inside.every(isRight)) wrong.push(`another route inside ${theirs.text} of ${other.name}`)
    }
    return wrong.map((what) => violation('theft', host, what))
  })
}

const awardedBy = ({ id, own }: Observed): ReadonlySet<string> =>
  new Set(
    (own?.awarded ?? [])
      .filter(({ node }) => node !== id)
      .flatMap((award) => [...addressesIn(award)].map((address) => hostPrefix(address).text)),
  )

/** What nodes know of a host is what that host said. */
export class Authenticity {
  readonly #said = new Map<NodeId, Set<string>>()

  wrote({ body }: Entry): void {
    const said = this.#said.get(body.origin) ?? new Set()
    if (body.kind === 'record') said.add(textOf(body))
    this.#said.set(body.origin, said)
  }

  violations(hosts: readonly Observed[]): Violation[] {
    return hosts.flatMap((host) =>
      host
        .view()
        .nodes.filter(({ record }) => this.#said.get(record.origin)?.has(textOf(record)) === false)
        .map(({ record }) => violation('authentic', host, `${record.name} never said that`)),
    )
  }
}

const textOf = (record: NodeRecord): string => Buffer.from(encodeBody(record)).toString('latin1')

/** No owned route is removed before in-sync. */
export function inSyncGate(
  host: Pick<Observed, 'name'>,
  isInSync: boolean,
  changes: readonly RouteChange[],
): Violation[] {
  const removals = changes.filter(({ type }) => type === 'remove')
  return isInSync || removals.length === 0
    ? []
    : [violation('in-sync-gate', host, `${removals.length} routes removed before in-sync`)]
}

/** No two different words of one node have one version, however often its process was killed in between. */
export class Versions {
  readonly #hashes = new Map<string, string>()
  readonly #exempt = new Set<NodeId>()

  /** Two processes speak for it. */
  exempt(node: NodeId): void {
    this.#exempt.add(node)
  }

  published(host: Pick<Observed, 'name'>, { body, hash }: Entry): Violation[] {
    const { origin, kind, version } = body
    if (this.#exempt.has(origin)) return []
    // Several nodes may end one, and each of them again in the words of a later version.
    if (body.kind === 'tombstone' && body.author !== origin) return []
    const key = `${origin} ${kind} ${version.incarnation}.${version.seqno}`
    const before = this.#hashes.get(key)
    this.#hashes.set(key, hash)
    return before === undefined || before === hash
      ? []
      : [
          violation(
            'versions',
            host,
            `two ${kind}s of version ${version.incarnation}.${version.seqno}`,
          ),
        ]
  }
}

function expectedRoutes(island: Island, host: Observed): Map<string, RouteTarget> {
  const expected = new Map<string, RouteTarget>()
  const aliens = host.routes.filter(({ owned }) => !owned)
  for (const { origin, claim, standing } of island.standings) {
    if (standing !== 'winner' || claim.state !== 'confirmed' || origin === host.id) continue
    const { prefix } = claim
    const nextHop = island.recordOf(origin)?.nextHops.find(({ family }) => family === prefix.family)
    if (!nextHop || isLocal(prefix, aliens, host.config.pools)) continue
    const key = { prefix, metric: host.config.metric[prefix.family] }
    const via = { type: 'via', nextHop, ifindex: host.uplink } as const
    expected.set(keyText(key), island.isGone(origin) ? { type: 'unreachable' } : via)
  }
  for (const { prefix, target } of keptRoutes(island, host)) {
    expected.set(keyText({ prefix, metric: host.config.metric[prefix.family] }), target)
  }
  return expected
}

/** Whether the host uses part of the prefix itself. A route at least as broad as the pool is no local network. */
function isLocal(prefix: Prefix, aliens: readonly KernelRoute[], pools: readonly Pool[]): boolean {
  const pool = pools.find((candidate) => contains(candidate.prefix, prefix))
  return aliens.some(
    (alien) => overlaps(alien.prefix, prefix) && !(pool && contains(alien.prefix, pool.prefix)),
  )
}

/** Every subnet is claimed by a winner or excluded by somebody. */
function isFull(pool: Pool, hosts: readonly Observed[], standings: readonly Standing[]): boolean {
  const count = subnetCount(pool)
  if (count > 65_536n) return false
  const taken = [
    ...standings.filter(({ standing }) => standing === 'winner').map(({ claim }) => claim.prefix),
    ...hosts.flatMap(({ own }) => own?.exclusions ?? []),
  ]
  for (let index = 0n; index < count; index += 1n) {
    const subnet = subnetAt(pool, index)
    if (!taken.some((prefix) => overlaps(prefix, subnet))) return false
  }
  return true
}

const winnersOf = (view: AgentView): string =>
  view.claims
    .filter(({ standing }) => standing === 'winner')
    .map(({ claim, origin }) => `${claim.prefix.text}@${origin}`)
    .sort()
    .join(' ')

function targetText(target: RouteTarget | undefined): string {
  if (!target) return 'nothing'
  return target.type === 'via' ? `via ${target.nextHop.text} dev ${target.ifindex}` : target.type
}

const violation = (checker: string, host: Pick<Observed, 'name'>, what: string): Violation => ({
  checker,
  host: host.name,
  what,
})
