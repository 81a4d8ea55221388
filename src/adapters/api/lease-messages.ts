/** What the API says of leases. */

import { holds } from '../../core/ip/prefix.ts'
import type { Lease } from '../../core/ipam/lease.ts'
import type { AgentView, SubnetView } from '../../core/view.ts'
import type { KeptUseMessage, LeaseMessage, SubnetUseMessage } from './definition.ts'
import { timeText } from './time-text.ts'

type Keeping = Pick<AgentView, 'kept'>

export function leaseMessages(leases: readonly Lease[], { kept }: Keeping): LeaseMessage[] {
  const lostTo = new Map(kept.map((each) => [each.lease.address.text, each.lostTo]))
  return leases.map((lease) => leaseMessage(lease, lostTo.get(lease.address.text)))
}

/** `lostTo`: of a lease that is kept. */
const leaseMessage = (lease: Lease, lostTo: string | undefined): LeaseMessage => ({
  address: lease.address.text,
  subnet: lease.subnet.text,
  door: lease.attachment.door,
  network: lease.attachment.network,
  id: lease.attachment.id,
  interface: lease.attachment.ifname,
  name: lease.name,
  since: timeText(lease.sinceMs),
  mac: lease.mac,
  standing: lostTo === undefined ? 'current' : lostTo === '' ? 'kept' : 'lost',
  lostTo: lostTo ?? '',
})

export function keptMessages({
  kept,
  claims,
}: Keeping & Pick<AgentView, 'claims'>): KeptUseMessage[] {
  const subnets = [...new Set(kept.map(({ lease }) => lease.subnet.text))]
  return subnets.map((prefix) => {
    const inside = kept.filter(({ lease }) => lease.subnet.text === prefix)
    const [first] = inside
    const winner = claims.find(
      ({ claim, standing }) =>
        standing === 'winner' && first !== undefined && holds(claim.prefix, first.lease.address),
    )
    const lost = inside.filter(({ lostTo }) => lostTo !== '').length
    return { prefix, holder: winner?.name ?? '', addresses: inside.length, lost }
  })
}

/** A subnet of IPv6 may have more addresses than a number can tell apart. */
export const subnetUseMessage = (view: SubnetView): SubnetUseMessage => ({
  prefix: view.prefix.text,
  gateway: view.gateway.text,
  size: rounded(view.size),
  used: view.used,
  resting: view.resting,
  free: rounded(view.free),
  withheld: view.withheld,
})

const rounded = (count: bigint): number => Math.min(Number(count), Number.MAX_SAFE_INTEGER)
