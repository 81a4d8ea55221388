/** CHECK: whether an attachment still holds what the runtime says that it has. */

import { type Address, parseAddress } from '../core/ip/address.ts'
import { holds, parseInterface } from '../core/ip/prefix.ts'
import type { Lease } from '../core/ipam/lease.ts'
import type { AgentView } from '../core/view.ts'
import { Failure } from './failure.ts'
import { asObject, type JsonObject, quoted } from './json.ts'

/** Undefined: the runtime does not say. */
export type Previous = readonly Address[] | undefined

export function previousAddresses({ prevResult }: JsonObject): Previous | Failure {
  if (prevResult === undefined || prevResult === null) return undefined
  const ips = asObject(prevResult)?.ips ?? []
  if (!Array.isArray(ips)) return new Failure('config', 'prevResult.ips is no list')
  const addresses: Address[] = []
  for (const each of ips) {
    const text = asObject(each)?.address
    const address =
      typeof text === 'string' ? (parseInterface(text)?.address ?? parseAddress(text)) : undefined
    if (!address) return new Failure('config', `prevResult.ips: ${quoted(each)} is no address`)
    addresses.push(address)
  }
  return addresses
}

/** After a partition a container of another host may have the address, too, and keep it. */
export function lossAmong(
  leases: readonly Lease[],
  { kept }: Pick<AgentView, 'kept'>,
): Failure | undefined {
  for (const { address } of leases) {
    const { lostTo = '' } = kept.find(({ lease }) => lease.address.text === address.text) ?? {}
    if (lostTo === '') continue
    const message = `${address.text} is lost to a container of ${lostTo}: recreate this container, and it gets another address`
    return new Failure('leaseDiffers', message)
  }
  return undefined
}

/** Addresses of other subnets are other plugins'. */
export function difference(leases: readonly Lease[], previous: Previous): Failure | undefined {
  if (leases.length === 0) {
    return new Failure('leaseDiffers', 'no address is leased to this container and interface')
  }
  if (!previous) return undefined
  const has = new Set(previous.map(({ text }) => text))
  const lacking = leases.find(({ address }) => !has.has(address.text))
  if (lacking) {
    const message = `${lacking.address.text} is leased to this container, and prevResult lacks it`
    return new Failure('leaseDiffers', message)
  }
  const leased = new Set(leases.map(({ address }) => address.text))
  const foreign = previous.find(
    (address) => !leased.has(address.text) && leases.some(({ subnet }) => holds(subnet, address)),
  )
  return (
    foreign &&
    new Failure(
      'leaseDiffers',
      `prevResult has ${foreign.text}, which is not leased to this container`,
    )
  )
}
