/** Where on a link multicast DNS is spoken: the family, the own address, and whether a sender is on that link. */

import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { type Address, isLinkLocal, parseAddress } from '../../core/ip/address.ts'
import { holds, type Prefix, parseInterface } from '../../core/ip/prefix.ts'

export interface Place {
  readonly link: string
  readonly family: 4 | 6
  /** What the socket hears and sends on: an address of the link, for IPv6 the link itself. */
  readonly interface: string
  /** The IPv6 address that it sends from. Undefined: IPv4, or the link has none but a link-local one. */
  readonly source?: string
  /** Networks of the link. */
  readonly networks: readonly Prefix[]
}

/**
 * IPv4, or IPv6 where the link has no IPv4 address: hosts of one cluster that can route to each other have a family in
 * common, and two words to each would be one too many. Undefined: the link has no address, or is not there.
 */
export function placeOn(
  link: string,
  nextHops: readonly Address[],
  interfaces = networkInterfaces(),
): Place | undefined {
  const held = interfaces[link] ?? []
  const ofFamily = (family: string) => held.filter((each) => each.family === family)
  const [v4, v6] = [ofFamily('IPv4'), ofFamily('IPv6')]
  const isNextHop = ({ address }: NetworkInterfaceInfo) =>
    nextHops.some(({ text }) => text === address)
  // Others believe only who speaks from a network of theirs, and the next hop is in it.
  const own = v4.find(isNextHop) ?? v4[0]
  if (own) return { link, family: 4, interface: own.address, networks: networksOf(v4) }
  if (v6.length === 0) return undefined
  const place = { link, family: 6, interface: `::%${link}`, networks: networksOf(v6) } as const
  const dialable = v6.filter(({ address }) => !isLinkLocalText(address))
  const source = dialable.find(isNextHop) ?? dialable[0]
  return source ? { ...place, source: source.address } : place
}

/** Another program may have joined the group on another link, and the kernel then delivers from there too. */
export function isOnLink({ link, networks }: Place, sender: string): boolean {
  const [plain = '', zone] = sender.split('%')
  const address = parseAddress(plain)
  if (!address || (zone !== undefined && zone !== link)) return false
  return networks.some((network) => holds(network, address))
}

/** Nobody can dial an agent there: libp2p takes no connection from a link-local address. */
export function isLinkLocalText(text: string): boolean {
  const address = parseAddress(text.split('%')[0] ?? '')
  return address !== undefined && isLinkLocal(address)
}

const networksOf = (held: readonly NetworkInterfaceInfo[]): Prefix[] =>
  held.flatMap(({ cidr }) => parseInterface(cidr ?? '')?.prefix ?? [])
