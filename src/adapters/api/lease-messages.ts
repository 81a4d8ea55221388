/** What the API says of leases. */

import type { Lease } from '../../core/ipam/lease.ts'
import type { SubnetView } from '../../core/view.ts'
import type { LeaseMessage, SubnetUseMessage } from './definition.ts'
import { timeText } from './time-text.ts'

export const leaseMessage = (lease: Lease): LeaseMessage => ({
  address: lease.address.text,
  subnet: lease.subnet.text,
  door: lease.attachment.door,
  network: lease.attachment.network,
  id: lease.attachment.id,
  interface: lease.attachment.ifname,
  name: lease.name,
  since: timeText(lease.sinceMs),
  mac: lease.mac,
})

/** A subnet of IPv6 may have more addresses than a number can tell apart. */
export const subnetUseMessage = (view: SubnetView): SubnetUseMessage => ({
  prefix: view.prefix.text,
  gateway: view.gateway.text,
  size: rounded(view.size),
  used: view.used,
  resting: view.resting,
  free: rounded(view.free),
})

const rounded = (count: bigint): number => Math.min(Number(count), Number.MAX_SAFE_INTEGER)
