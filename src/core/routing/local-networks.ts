/** The networks that this host uses itself, as far as they matter to the pools. Its own bridge is none of them. */

import type { CoreConfig } from '../config.ts'
import type { Address } from '../ip/address.ts'
import { contains, holds, hostPrefix, overlaps, type Prefix, prefix } from '../ip/prefix.ts'
import type { FibView } from './fib-view.ts'
import type { Host } from './host.ts'
import type { Link, RouteTarget } from './route.ts'

export class LocalNetworks {
  readonly #config: CoreConfig
  readonly #host: Host
  readonly #fib: () => FibView

  constructor(config: CoreConfig, host: Host, fib: () => FibView) {
    this.#config = config
    this.#host = host
    this.#fib = fib
  }

  /** Destinations inside the pool that this host uses itself. */
  inside(pool: Prefix): Prefix[] {
    const locals: Prefix[] = []
    for (const { prefix, target } of this.#fib().aliensOverlapping(pool)) {
      if (!this.#isOverBridge(target)) locals.push(prefix)
    }
    const bridge = this.#bridge()?.ifindex
    for (const { address, ifindex } of this.#host.addresses()) {
      if (ifindex !== bridge) locals.push(hostPrefix(address))
    }
    return locals
  }

  /**
   * Whether `inner` lies in one of them, so that a route to it would take a part of that network. One that lies inside
   * `inner` keeps its part by longest match. The very same prefix is a matter of the route key: it is reported as alien.
   */
  surrounds(inner: Prefix): boolean {
    for (const alien of this.#fib().aliensOverlapping(inner)) {
      if (alien.prefix.length >= inner.length || !this.isInPools(alien.prefix)) continue
      if (!this.#isOverBridge(alien.target)) return true
    }
    return false
  }

  /**
   * Whether `route` would take part of the containers' own subnet, or one of this host's addresses together
   * with the network that the address is on.
   */
  isCutOffBy(route: Prefix): boolean {
    const bridge = this.#bridge()?.ifindex
    for (const { ifindex, address, length } of this.#host.addresses()) {
      if (length > route.length) continue
      if (holds(route, address)) return true
      if (ifindex !== bridge || !this.isInPools(route)) continue
      if (overlaps(networkOf(address, length), route)) return true
    }
    return false
  }

  /** Whether this agent made it the network of its bridge. Where another node has it now, that is about to end. */
  isLeaving(candidate: Prefix): boolean {
    const bridge = this.#bridge()?.ifindex
    for (const { ifindex, address, length, owned } of this.#host.addresses()) {
      if (!owned || ifindex !== bridge || length !== candidate.length) continue
      if (holds(candidate, address)) return true
    }
    return false
  }

  /** Whether a network of this host's interfaces holds it, that of the containers excepted. */
  isOnNetwork(address: Address): boolean {
    return this.isInNetwork(hostPrefix(address))
  }

  /** Whether `inner` is a part of such a network. The very same prefix is a matter of the route key. */
  isInNetwork(inner: Prefix): boolean {
    const bridge = this.#bridge()?.ifindex
    for (const { ifindex, address, length } of this.#host.addresses()) {
      if (ifindex === bridge || address.family !== inner.family || length >= inner.length) continue
      if (contains(networkOf(address, length), inner)) return true
    }
    return false
  }

  /** Whether it takes a part of a pool. What is at least as broad as the pool does not: ours is more specific. */
  isInPools(candidate: Prefix): boolean {
    return this.#config.pools.some(
      (pool) => overlaps(pool.prefix, candidate) && !contains(candidate, pool.prefix),
    )
  }

  #isOverBridge(target: RouteTarget): boolean {
    const bridge = this.#bridge()
    return bridge !== undefined && 'ifindex' in target && target.ifindex === bridge.ifindex
  }

  #bridge(): Link | undefined {
    return this.#config.bridge ? this.#host.linkNamed(this.#config.bridge) : undefined
  }
}

const networkOf = (address: Address, length: number): Prefix =>
  prefix(address.family, address.value, length)
