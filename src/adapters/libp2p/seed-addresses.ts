/** The addresses that the seeds stand for at the moment. */

import { type Address, parseAddress } from '../../core/ip/address.ts'
import { parseSeed, SeedResolver } from './seeds.ts'

/** Never rejects: a seed that does not resolve has none. */
export async function seedAddresses(
  seeds: readonly string[],
  defaultPort: number,
): Promise<readonly Address[]> {
  const resolver = new SeedResolver()
  const addresses: Address[] = []
  for (const text of seeds) {
    const seed = parseSeed(text, defaultPort)
    const resolution = seed && (await resolver.resolve(seed))
    if (!resolution?.ok) continue
    addresses.push(...resolution.addresses.flatMap((text) => parseAddress(text) ?? []))
  }
  return addresses
}
