/** Where a record may make this node connect to: nobody's word sends a cluster's hosts against a stranger. */

import { type Address, parseAddress } from '../../core/ip/address.ts'
import { holds, type Prefix, parsePrefix, prefix } from '../../core/ip/prefix.ts'

/** Private, shared (RFC 6598) and link-local space. */
const usual: readonly Prefix[] = [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  'fc00::/7',
  'fe80::/10',
].flatMap((text) => parsePrefix(text) ?? [])

/** Nodes beside a seed are taken to be in the same /24 or /64. */
const lengthOfSeeds = { 4: 24, 6: 64 } as const
/** Of the networks that seeds were found in; the rest is to be configured. */
const networksMax = 256

export class DialNetworks {
  readonly #configured: readonly Prefix[] | undefined
  readonly #ofSeeds = new Map<string, Prefix>()

  /** Undefined: private and link-local networks, and those of the seeds. */
  constructor(configured: readonly Prefix[] | undefined) {
    this.#configured = configured
  }

  /** A seed stands for this address. */
  seedAt(ip: string): void {
    const address = parseAddress(ip)
    if (!address || this.#ofSeeds.size >= networksMax) return
    const network = prefix(address.family, address.value, lengthOfSeeds[address.family])
    this.#ofSeeds.set(network.text, network)
  }

  allows(ip: string): boolean {
    const address = parseAddress(ip)
    if (!address) return false
    if (this.#configured) return isIn(this.#configured, address)
    return isIn(usual, address) || isIn([...this.#ofSeeds.values()], address)
  }
}

const isIn = (networks: readonly Prefix[], address: Address): boolean =>
  networks.some((network) => holds(network, address))
