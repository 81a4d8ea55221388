/** The interface and addresses by which peers reach this host, found from what is configured and what the kernel would do. */

import type { Uplink } from '../../core/event.ts'
import {
  type Address,
  address,
  compareAddresses,
  isLinkLocal,
  isUnroutable,
} from '../../core/ip/address.ts'
import type { LinkFacts } from './link-message.ts'
import type { KernelAddress, Lookup } from './reader.ts'
import { loopback } from './rtnetlink.ts'

export interface UplinkOptions {
  /** Name of the interface; undefined: it is found. */
  readonly interface?: string
  /** Used as they are, whoever has them. */
  readonly nextHops: readonly Address[]
  /** What the seeds resolve to at this moment. A failure counts as none. */
  readonly seedAddresses: () => Promise<readonly Address[]>
}

export interface Surroundings {
  readonly links: readonly LinkFacts[]
  readonly addresses: readonly KernelAddress[]
  readonly seeds: readonly Address[]
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

export async function locateUplink(options: UplinkOptions, host: Surroundings): Promise<Uplink> {
  const found = await find(options, host)
  const ifindex = found?.ifindex ?? 0
  const nextHops: Address[] = []
  for (const family of [4, 6] as const) {
    const nextHop =
      options.nextHops.find((hop) => hop.family === family) ??
      lastingSource(host, found, family) ??
      addressAt(host, ifindex, family)
    if (nextHop) nextHops.push(nextHop)
  }
  return {
    ifindex,
    name: host.links.find((link) => link.ifindex === ifindex)?.name ?? '',
    nextHops,
  }
}

/** From the most telling to the least. */
async function find(options: UplinkOptions, host: Surroundings): Promise<Found | undefined> {
  const holder = host.addresses.find(
    (held) => options.nextHops.some((hop) => isSame(hop, held.address)) && !isLoopback(held),
  )
  if (holder) return { ifindex: holder.ifindex, source: undefined }
  if (options.interface !== undefined) {
    const link = host.links.find(({ name }) => name === options.interface)
    return link && { ifindex: link.ifindex, source: undefined }
  }
  return (await towards(host.seeds, host)) ?? (await towards(anywhere, host)) ?? onlyOne(host)
}

async function towards(
  destinations: readonly Address[],
  host: Surroundings,
): Promise<Found | undefined> {
  const sought = destinations.filter((destination) => !isUnroutable(destination))
  const lookups = await host.lookUp(sought)
  for (const [index, { type, ifindex, source }] of lookups.entries()) {
    if (type === 'link' || type === 'gateway') return { ifindex, source }
    // A seed that is this host itself: others reach us there.
    const own = host.addresses.find((held) => isSame(held.address, sought[index]))
    if (own && !isLoopback(own)) return { ifindex: own.ifindex, source: own.address }
  }
  return undefined
}

/** No route says anything, as on an isolated switch: the one interface with a global address is the one. */
function onlyOne({ links, addresses }: Surroundings): Found | undefined {
  const candidates = links.filter(
    ({ ifindex, up }) =>
      up &&
      addresses.some(
        (held) => held.ifindex === ifindex && held.scope === 'global' && !isLoopback(held),
      ),
  )
  const [only] = candidates
  return only && candidates.length === 1 ? { ifindex: only.ifindex, source: undefined } : undefined
}

/** What the kernel would send from, unless it is a privacy address, which nobody can route to tomorrow. */
function lastingSource(
  host: Surroundings,
  found: Found | undefined,
  family: 4 | 6,
): Address | undefined {
  const { source } = found ?? {}
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
