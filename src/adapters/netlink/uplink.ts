/** The interface and addresses by which peers reach this host, found from what is configured and what the kernel would do. */

import type { Uplink, UplinkLack } from '../../core/event.ts'
import {
  type Address,
  address,
  compareAddresses,
  isLinkLocal,
  isUnroutable,
} from '../../core/ip/address.ts'
import { holds, type Prefix } from '../../core/ip/prefix.ts'
import type { LinkFacts } from './link-message.ts'
import type { KernelAddress, Lookup } from './reader.ts'
import { loopback } from './rtnetlink.ts'

export interface UplinkOptions {
  /** Name of the interface, or an alternative one; undefined: it is found. */
  readonly interface?: string
  /** Used as they are, whoever has them. */
  readonly nextHops: readonly Address[]
  /** The containers' bridge; empty: none. */
  readonly bridge: string
  /** What the seeds resolve to at this moment. A failure counts as none. */
  readonly seedAddresses: () => Promise<readonly Address[]>
}

export interface Surroundings {
  readonly links: readonly LinkFacts[]
  readonly addresses: readonly KernelAddress[]
  readonly seeds: readonly Address[]
  /** This node's own: no address inside them is a next hop. */
  readonly subnets: readonly Prefix[]
  readonly lookUp: (destinations: readonly Address[]) => Promise<readonly Lookup[]>
}

interface Found {
  readonly ifindex: number
  /** An address that is known to be the right one for its family. */
  readonly source: Address | undefined
}

/** Documentation addresses (RFC 5737, 3849): what leads there is the way to everywhere. */
const anywhere: readonly Address[] = [
  address(4, 0xc0000201n),
  address(6, 0x20010db8000000000000000000000001n),
]

/** Links that software makes, and that lead to no LAN by themselves. */
const virtualKinds: ReadonlySet<string> = new Set([
  'bridge',
  'dummy',
  'ifb',
  'ip6gre',
  'ip6tnl',
  'ipip',
  'gre',
  'gretap',
  'nlmon',
  'sit',
  'tun',
  'vcan',
  'vrf',
  'vti',
  'vxlan',
  'geneve',
  'wireguard',
])

export async function locateUplink(options: UplinkOptions, host: Surroundings): Promise<Uplink> {
  const eligible = { ...host, addresses: host.addresses.filter((held) => mayBeNextHop(held, host)) }
  const found = await find(options, eligible)
  const ifindex = found && 'ifindex' in found ? found.ifindex : 0
  const source = found && 'ifindex' in found ? found.source : undefined
  const nextHops: Address[] = []
  for (const family of [4, 6] as const) {
    const nextHop =
      options.nextHops.find((hop) => hop.family === family) ??
      lastingSource(eligible, source, family) ??
      addressAt(eligible, ifindex, family)
    if (nextHop) nextHops.push(nextHop)
  }
  const uplink = {
    ifindex,
    name: host.links.find((link) => link.ifindex === ifindex)?.name ?? '',
    nextHops,
  }
  if (nextHops.length > 0) return uplink
  return { ...uplink, lack: found && !('ifindex' in found) ? found : { type: 'none' } }
}

/** Not an address that containers are behind: the agent's own gateways, and all of its own subnets. */
const mayBeNextHop = ({ address: own, owned }: KernelAddress, { subnets }: Surroundings): boolean =>
  !owned && !subnets.some((subnet) => holds(subnet, own))

/** From the most telling to the least. */
async function find(
  options: UplinkOptions,
  host: Surroundings,
): Promise<Found | UplinkLack | undefined> {
  const holder = host.addresses.find(
    (held) => options.nextHops.some((hop) => isSame(hop, held.address)) && !isLoopback(held),
  )
  if (holder) return { ifindex: holder.ifindex, source: undefined }
  if (options.interface !== undefined) return named(options.interface, host)
  return (
    (await towards(host.seeds, host)) ?? (await towards(anywhere, host)) ?? onlyOne(options, host)
  )
}

function named(wanted: string, { links }: Surroundings): Found | UplinkLack {
  const link = links.find(
    ({ name, alternativeNames }) => name === wanted || alternativeNames.includes(wanted),
  )
  if (link) return { ifindex: link.ifindex, source: undefined }
  const names = links
    .filter(({ ifindex }) => ifindex !== loopback)
    .map(({ name, alternativeNames }) => [name, ...alternativeNames].join(' or '))
  return { type: 'absent', wanted, names }
}

async function towards(
  destinations: readonly Address[],
  host: Surroundings,
): Promise<Found | undefined> {
  const sought = destinations.filter((destination) => !isUnroutable(destination))
  const lookups = await host.lookUp(sought)
  for (const [index, { type, ifindex, source }] of lookups.entries()) {
    const leads = type === 'link' || type === 'gateway'
    // A seed behind the containers' bridge, say: others do not reach us there.
    if (leads && !hasAddress(ifindex, host)) continue
    if (leads) return { ifindex, source }
    // A seed that is this host itself: others reach us there.
    const own = host.addresses.find((held) => isSame(held.address, sought[index]))
    if (own && !isLoopback(own)) return { ifindex: own.ifindex, source: own.address }
  }
  return undefined
}

const hasAddress = (ifindex: number, { addresses }: Surroundings): boolean =>
  addresses.some((held) => held.ifindex === ifindex && !isUnroutable(held.address))

/** No route says anything, as on an isolated switch: the one interface with a global address is the one. */
function onlyOne(options: UplinkOptions, host: Surroundings): Found | UplinkLack | undefined {
  const able = host.links.filter(
    ({ ifindex, up, name }) =>
      up &&
      name !== options.bridge &&
      host.addresses.some(
        (held) => held.ifindex === ifindex && held.scope === 'global' && !isLoopback(held),
      ),
  )
  const lans = able.filter(({ kind }) => !virtualKinds.has(kind))
  // A bridge that a LAN's interface is a port of carries that LAN; one with containers' ends alone does not.
  const bridges = able.filter(
    ({ ifindex, kind }) => kind === 'bridge' && host.links.some((port) => isLanPort(port, ifindex)),
  )
  const candidates = [...lans, ...bridges]
  const [only] = candidates
  if (only === undefined) return undefined
  return candidates.length === 1
    ? { ifindex: only.ifindex, source: undefined }
    : { type: 'several', names: candidates.map(({ name }) => name) }
}

const isLanPort = ({ master, kind }: LinkFacts, bridge: number): boolean =>
  master === bridge && kind !== 'veth' && !virtualKinds.has(kind)

/** What the kernel would send from, unless it is a privacy address, which nobody can route to tomorrow. */
function lastingSource(
  host: Surroundings,
  source: Address | undefined,
  family: 4 | 6,
): Address | undefined {
  if (source?.family !== family) return undefined
  return host.addresses.some((held) => held.lasting && isSame(held.address, source))
    ? source
    : undefined
}

/** A lasting global address before any other global one; for IPv6 a link-local one is better than none. */
function addressAt(host: Surroundings, ifindex: number, family: 4 | 6): Address | undefined {
  const held = host.addresses.filter(
    (one) => one.ifindex === ifindex && one.address.family === family && !isUnroutable(one.address),
  )
  const global = held.filter((one) => one.scope === 'global' && !isLinkLocal(one.address))
  const best =
    global.find((one) => one.lasting) ?? global[0] ?? (family === 6 ? held[0] : undefined)
  return best?.address
}

const isLoopback = (held: KernelAddress): boolean => held.ifindex === loopback

const isSame = (a: Address, b: Address | undefined): boolean =>
  b !== undefined && compareAddresses(a, b) === 0
