/** What must hold of addresses that containers have, whatever becomes of the subnets that they were granted from. */

import type { NodeId, NodeRecord } from '../../src/core/claim/record.ts'
import { type Address, bitsOf } from '../../src/core/ip/address.ts'
import { addressesIn } from '../../src/core/ip/address-list.ts'
import { holds, hostPrefix, type Prefix } from '../../src/core/ip/prefix.ts'
import type { Lease } from '../../src/core/ipam/lease.ts'
import type { KernelRoute, RouteTarget } from '../../src/core/routing/route.ts'
import type { Island, Observed, Violation } from './observed.ts'

/**
 * Every container is reached at its address from every host. Where several have one address, one of them is, and the
 * hosts of all others say that theirs have lost it.
 */
export function leasesLive({ hosts, records, isGone }: Island): Violation[] {
  const holders = new Map<string, { host: Observed; lease: Lease }[]>()
  for (const host of hosts) {
    for (const lease of host.leases) {
      const text = lease.address.text
      holders.set(text, [...(holders.get(text) ?? []), { host, lease }])
    }
  }
  const ways = hosts.map((host) => ({ host, routes: new Routes(host.routes) }))
  return [...holders.values()].flatMap((all) => {
    const keeping = all.filter(({ host, lease }) => !saysLost(host, lease))
    const [only, ...others] = keeping
    // The one that keeps it is where nobody is reached.
    if (!only && records.some((record) => isGone(record.origin) && mayHave(record, all))) return []
    if (!only)
      return all.map(({ host, lease }) => violation(host, `all lost ${lease.address.text}`))
    const { address } = only.lease
    if (others.length > 0) {
      return others.map((other) =>
        violation(other.host, `${address.text} is also ${only.host.name}'s`),
      )
    }
    return ways.flatMap(({ host: from, routes }) => {
      const wrong = misses(from, only.host, address, routes.longestMatch(address)?.target)
      return wrong === '' ? [] : [violation(from, wrong)]
    })
  })
}

/** An address that was answered is nobody else's on its host before it was released, whatever dies meanwhile. */
export class Grants {
  /** By host and address: who was told that it has it. */
  readonly #told = new Map<string, string>()

  granted({ name }: Pick<Observed, 'name'>, leases: readonly Lease[]): Violation[] {
    return leases.flatMap(({ address: { text }, attachment }) => {
      const key = `${name} ${text}`
      const before = this.#told.get(key)
      this.#told.set(key, attachment.id)
      const what = `${text} of ${before} was granted to ${attachment.id}`
      const isTheirs = before !== undefined && before !== attachment.id
      return isTheirs ? [{ checker: 'durable', host: name, what }] : []
    })
  }

  /** From when its release is asked for, nobody knows whether it is held. */
  mayBeReleased({ name }: Pick<Observed, 'name'>, id: string): void {
    for (const [key, holder] of this.#told) {
      if (holder === id && key.startsWith(`${name} `)) this.#told.delete(key)
    }
  }

  /** All that was told must still be held, by a host that was not set up anew since. */
  kept(hosts: readonly Observed[]): Violation[] {
    return hosts.flatMap((host) =>
      [...this.#told].flatMap(([key, id]) => {
        const [name, text] = key.split(' ')
        if (name !== host.name) return []
        const isHeld = host.leases.some((lease) => lease.address.text === text)
        return isHeld
          ? []
          : [{ checker: 'durable', host: host.name, what: `${text} of ${id} is not held` }]
      }),
    )
  }

  forget({ name }: Pick<Observed, 'name'>): void {
    for (const key of this.#told.keys()) if (key.startsWith(`${name} `)) this.#told.delete(key)
  }
}

/** It holds the subnet, or keeps something of it. */
const mayHave = ({ claims, kept }: NodeRecord, leases: readonly { lease: Lease }[]): boolean =>
  leases.some(({ lease: { address } }) =>
    [...claims, ...kept].some(({ prefix }) => holds(prefix, address)),
  )

const saysLost = (host: Observed, { address }: Lease): boolean =>
  host.view().kept.some(({ lease, lostTo }) => lease.address.text === address.text && lostTo !== '')

function misses(
  from: Observed,
  to: Observed,
  address: Address,
  target: RouteTarget | undefined,
): string {
  if (from.id === to.id) {
    const isHere = target && 'ifindex' in target && target.ifindex === from.bridge
    return isHere && target.type !== 'via' ? '' : `its own ${address.text} is not on its bridge`
  }
  const hops = to.own?.nextHops.map(({ text }) => text) ?? []
  return target?.type === 'via' && hops.includes(target.nextHop.text)
    ? ''
    : `${address.text} of ${to.name} is not reached: ${target?.type ?? 'no route'}`
}

/** Those of the main table. Of single addresses there may be hundreds, and of addresses to find, too. */
class Routes {
  readonly #single = new Map<string, KernelRoute>()
  readonly #broad: KernelRoute[] = []

  constructor(routes: readonly KernelRoute[]) {
    for (const route of routes) {
      const { prefix, otherTable } = route
      if (otherTable !== undefined) continue
      if (prefix.length < bitsOf(prefix.family)) this.#broad.push(route)
      else if (!this.#single.has(prefix.text)) this.#single.set(prefix.text, route)
    }
  }

  longestMatch(address: Address): KernelRoute | undefined {
    const single = this.#single.get(hostPrefix(address).text)
    if (single) return single
    let best: KernelRoute | undefined
    for (const route of this.#broad) {
      if (!holds(route.prefix, address)) continue
      if (!best || route.prefix.length > best.prefix.length) best = route
    }
    return best
  }
}

/** The single addresses that a host routes elsewhere than their subnet, by what the nodes' own records say. */
export function* keptRoutes(
  { records, keepers, standings, isGone }: Island,
  host: Observed,
): Generator<{ readonly prefix: Prefix; readonly target: RouteTarget }> {
  const keeping = new Map<string, { address: Address; nodes: NodeId[] }>()
  for (const { origin, kept } of keepers) {
    for (const address of kept.flatMap((list) => [...addressesIn(list)])) {
      const known = keeping.get(address.text) ?? { address, nodes: [] }
      known.nodes.push(origin)
      keeping.set(address.text, known)
    }
  }
  for (const { address, nodes } of keeping.values()) {
    const holder = standings.find(
      ({ standing, claim }) => standing === 'winner' && holds(claim.prefix, address),
    )
    const awards = records.find(({ origin }) => origin === holder?.origin)?.awarded ?? []
    const award = awards.find((each) =>
      [...addressesIn(each)].some(({ text }) => text === address.text),
    )
    const keeper = holder ? award?.node : nodes.sort()[0]
    if (keeper === undefined || !nodes.includes(keeper)) continue
    const prefix = hostPrefix(address)
    if (keeper === host.id) {
      if (host.bridge !== undefined)
        yield { prefix, target: { type: 'on-link', ifindex: host.bridge } }
      continue
    }
    const hops = records.find(({ origin }) => origin === keeper)?.nextHops ?? []
    const nextHop = hops.find(({ family }) => family === prefix.family)
    if (isGone(keeper)) yield { prefix, target: { type: 'unreachable' } }
    else if (nextHop) yield { prefix, target: { type: 'via', nextHop, ifindex: host.uplink } }
  }
}

const violation = ({ name: host }: Observed, what: string): Violation => ({
  checker: 'leases-live',
  host,
  what,
})
