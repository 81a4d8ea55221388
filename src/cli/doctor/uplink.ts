/** The interface that leads to other hosts, by the routes of this one. */

import type { HostRoute } from '../../adapters/doctor/routes.ts'
import { type Address, parseAddress } from '../../core/ip/address.ts'
import { holds } from '../../core/ip/prefix.ts'

/** That of the way to the seeds, else that to everywhere, else the only one with a network; empty: nothing says which. */
export function uplinkBy(
  routes: readonly HostRoute[],
  seeds: readonly string[],
  bridge: string,
): string {
  const useful = routes.filter(({ link }) => link !== '' && link !== 'lo' && link !== bridge)
  for (const text of [...seeds, '192.0.2.1', '2001:db8::1']) {
    const address = parseAddress(text)
    const route = address && bestRoute(useful, address)
    if (route) return route.link
  }
  const links = new Set(useful.map(({ link }) => link))
  const [only = ''] = links
  return links.size === 1 ? only : ''
}

/** The most specific one, of those the one with the least metric. */
function bestRoute(routes: readonly HostRoute[], to: Address): HostRoute | undefined {
  return routes
    .filter(({ prefix }) => holds(prefix, to))
    .sort((a, b) => b.prefix.length - a.prefix.length || a.metric - b.metric)[0]
}
