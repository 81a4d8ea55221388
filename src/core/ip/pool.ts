/** A pool and its division into equal subnets, numbered from 0. */

import { type Address, address, bitsOf } from './address.ts'
import { contains, type Prefix, prefix } from './prefix.ts'

export interface Pool {
  readonly prefix: Prefix
  /** Length of each subnet that is cut from it. */
  readonly subnetLength: number
}

/** Number of subnets; a bigint, for a /8 of IPv6 divided into /64 has 2^56. */
export const subnetCount = (pool: Pool): bigint =>
  1n << BigInt(pool.subnetLength - pool.prefix.length)

export function subnetAt(pool: Pool, index: bigint): Prefix {
  const size = BigInt(bitsOf(pool.prefix.family) - pool.subnetLength)
  return prefix(pool.prefix.family, pool.prefix.first + (index << size), pool.subnetLength)
}

/** The number of the subnet that holds `value`, an address inside the pool. */
export function subnetIndex(pool: Pool, value: bigint): bigint {
  return (value - pool.prefix.first) >> BigInt(bitsOf(pool.prefix.family) - pool.subnetLength)
}

/** Whether `candidate` is one of the pool's subnets. */
export const isSubnet = (pool: Pool, candidate: Prefix): boolean =>
  candidate.length === pool.subnetLength && contains(pool.prefix, candidate)

/** The first address of a subnet after the network address. */
export const gatewayOf = (subnet: Prefix): Address => address(subnet.family, subnet.first + 1n)

/** Addresses that containers and the gateway can have: network and, for IPv4, broadcast excepted. */
export const usableAddresses = (subnet: Prefix): bigint =>
  subnet.last - subnet.first - (subnet.family === 4 ? 1n : 0n)
