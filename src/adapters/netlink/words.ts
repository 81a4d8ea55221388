/** From decoded messages to the core's words. Equal bytes give the same object, so that a second dump costs a fraction. */

import { type Address, address } from '../../core/ip/address.ts'
import { type Prefix, prefix } from '../../core/ip/prefix.ts'
import type { HostAddress, KernelRoute, Link, RouteTarget } from '../../core/routing/route.ts'
import type { AddressFacts } from './address-message.ts'
import type { LinkFacts } from './link-message.ts'
import type { RouteFacts } from './route-message.ts'
import { routeType } from './rtnetlink.ts'

/** At the bound everything is forgotten and made anew. */
const cachedMax = 65_536

export class Words {
  readonly #prefixes = new Map<string, Prefix>()
  readonly #addresses = new Map<string, Address>()

  /** `otherTable`: its table, where that is not the agent's. */
  route(facts: RouteFacts, owned: boolean, otherTable?: number): KernelRoute {
    const route = {
      prefix: this.#prefix(facts),
      metric: facts.metric,
      target: this.#target(facts, owned),
      owned,
    }
    return otherTable === undefined ? route : { ...route, otherTable }
  }

  address(data: Buffer, family: 4 | 6, at: number): Address {
    const key = data.toString('latin1', at, at + (family === 4 ? 4 : 16))
    return cached(this.#addresses, key, () => address(family, valueAt(data, family, at)))
  }

  hostAddress(facts: AddressFacts, ownProtocol: number): HostAddress {
    const held = {
      ifindex: facts.ifindex,
      address: this.address(facts.message.data, facts.family, facts.addressAt),
      length: facts.length,
    }
    return facts.protocol === ownProtocol ? { ...held, owned: true } : held
  }

  #target(facts: RouteFacts, owned: boolean): RouteTarget {
    if (facts.type === routeType.unreachable) return { type: 'unreachable' }
    const { gatewayAt, oif, plain, type } = facts
    if (plain && type === routeType.unicast && gatewayAt !== 0 && oif !== 0) {
      const nextHop = this.address(facts.message.data, facts.family, gatewayAt)
      return { type: 'via', nextHop, ifindex: oif }
    }
    if (owned && plain && type === routeType.unicast && gatewayAt === 0 && oif !== 0) {
      return { type: 'on-link', ifindex: oif }
    }
    return { type: 'other', ifindex: oif === 0 ? undefined : oif, text: this.#kindText(facts) }
  }

  /** What it does that is not on-link delivery, as `ip route` has it. */
  #kindText({ message, type, family, gatewayAt, nextHopId, multipath }: RouteFacts): string {
    const named = typeNames.get(type)
    if (named !== undefined) return named
    if (nextHopId !== 0) return `nhid ${nextHopId}`
    if (multipath) return 'nexthop ...'
    return gatewayAt === 0 ? '' : `via ${this.address(message.data, family, gatewayAt).text}`
  }

  #prefix({ message, family, length, destinationAt: at }: RouteFacts): Prefix {
    const { data } = message
    const bytes = at === 0 ? '' : data.toString('latin1', at, at + (family === 4 ? 4 : 16))
    const key = `${bytes}${String.fromCharCode(length, family)}`
    return cached(this.#prefixes, key, () =>
      prefix(family, at === 0 ? 0n : valueAt(data, family, at), length),
    )
  }
}

const typeNames: ReadonlyMap<number, string> = new Map([
  [routeType.blackhole, 'blackhole'],
  [routeType.unreachable, 'unreachable'],
  [routeType.prohibit, 'prohibit'],
  [routeType.throw, 'throw'],
])

export const linkOf = ({ ifindex, name, up, carrier }: LinkFacts): Link => ({
  ifindex,
  name,
  up,
  carrier,
})

function cached<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key)
  if (known !== undefined) return known
  if (map.size >= cachedMax) map.clear()
  const made = make()
  map.set(key, made)
  return made
}

function valueAt(data: Buffer, family: 4 | 6, at: number): bigint {
  if (family === 4) return BigInt(data.readUInt32BE(at))
  return (data.readBigUInt64BE(at) << 64n) | data.readBigUInt64BE(at + 8)
}
