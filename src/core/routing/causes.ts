/** What a change of the kernel means for what is believed of it: nothing, for most of them. */

import { isLinkLocal } from '../ip/address.ts'
import type { Cause } from './doubts.ts'
import type { HostAddress, KernelChange, Link } from './route.ts'

/** The host as it was before the change. */
export interface Situation {
  link(ifindex: number): Link | undefined
  /** Whether next hops, the containers' bridge or alien routes are on it. */
  matters(link: Link): boolean
  /** Some next hop is on no link: a new one may lead there. */
  seeksLinks(): boolean
  /** Something was refused, or is in the way. */
  anyObstacle(): boolean
}

export function causesOf(change: KernelChange, situation: Situation): Cause[] {
  switch (change.type) {
    case 'route-added':
    case 'route-removed':
      return [change.route.owned ? 'owned-route' : 'alien-route']
    case 'foreign-routes-changed':
    case 'nexthop-objects-changed':
      return situation.anyObstacle() ? [change.type, 'obstacle-may-be-gone'] : [change.type]
    case 'link-changed':
      return causesOfLink(change.link, situation)
    case 'link-removed': {
      const link = situation.link(change.ifindex)
      return link && situation.matters(link) ? ['link-went'] : []
    }
    case 'address-added':
      return concerns(change.address, situation) ? ['address-came'] : []
    case 'address-removed':
      return concerns(change.address, situation) ? ['address-went'] : []
    default:
      return [change.type]
  }
}

/** Each container's link has a link-local address. */
export function concerns({ address, ifindex }: HostAddress, situation: Situation): boolean {
  const link = situation.link(ifindex)
  return !isLinkLocal(address) || (link !== undefined && situation.matters(link))
}

/** Most links are a container's: they concern us when something of ours is on them, or may be. */
function causesOfLink(link: Link, situation: Situation): Cause[] {
  const before = situation.link(link.ifindex)
  const isSame =
    before?.up === link.up && before.carrier === link.carrier && before.name === link.name
  if (isSame) return []
  // Whatever became of one that was there: going down, it took its IPv4 routes along.
  if (situation.matters(link)) return [before ? 'link-went' : 'link-came']
  return link.up && situation.seeksLinks() ? ['link-came'] : []
}
