/** The result of an ADD, in the shape of each version of the specification. */

import type { Family } from '../core/ip/address.ts'
import { gatewayOf } from '../core/ip/pool.ts'
import type { Lease } from '../core/ipam/lease.ts'
import type { Netconf, RouteSpec } from './netconf.ts'
import { isAtLeast } from './version.ts'

/** `leases` are of one attachment. The bridge has no address of its own to offer as a gateway: routes name it. */
export function resultText(leases: readonly Lease[], conf: Netconf): string {
  const { version, dns } = conf
  const routes = conf.routes ?? defaultRoutes(leases)
  const shape = isAtLeast(version, '0.3.0')
    ? { ips: leases.map((lease) => ipOf(lease, !isAtLeast(version, '1.0.0'))), routes }
    : Object.fromEntries(
        leases.map((lease) => [`ip${lease.address.family}`, oldIpOf(lease, routes)]),
      )
  return `${JSON.stringify({ cniVersion: version, ...shape, dns })}\n`
}

const anywhere: Readonly<Record<Family, string>> = { 4: '0.0.0.0/0', 6: '::/0' }

function defaultRoutes(leases: readonly Lease[]): readonly RouteSpec[] {
  const gateways = new Map(leases.map(({ subnet }) => [subnet.family, gatewayOf(subnet).text]))
  return [...gateways].map(([family, gw]) => ({ dst: anywhere[family], gw }))
}

function ipOf(lease: Lease, withFamily: boolean) {
  const family = withFamily ? { version: `${lease.address.family}` } : {}
  return { ...family, address: textOf(lease), gateway: gatewayOf(lease.subnet).text }
}

/** Of 0.1.0 and 0.2.0: a family has one address, and its routes beside it. */
function oldIpOf(lease: Lease, routes: readonly RouteSpec[]) {
  const isV6 = lease.address.family === 6
  return {
    ip: textOf(lease),
    gateway: gatewayOf(lease.subnet).text,
    routes: routes.filter(({ dst }) => dst.includes(':') === isV6),
  }
}

const textOf = ({ address, subnet }: Lease): string => `${address.text}/${subnet.length}`
