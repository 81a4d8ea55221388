/** A host's network stack in memory, with Linux's manners: what it drops silently, what it refuses, what it tells. */

import type { Uplink } from '../../src/core/event.ts'
import { type Address, isUnroutable } from '../../src/core/ip/address.ts'
import { contains, holds, type Prefix, prefix } from '../../src/core/ip/prefix.ts'
import type {
  HostAddress,
  KernelChange,
  KernelDump,
  KernelRoute,
  Link,
  NextHopAnswer,
  RouteChange,
  RouteKey,
  RouteResult,
} from '../../src/core/routing/route.ts'
import type { KernelEvent, KernelScope } from '../../src/ports/kernel.ts'

interface Interface extends Link {
  readonly kind: 'uplink' | 'bridge'
}

export interface FakeKernelOptions {
  readonly scope: KernelScope
  /** Addresses of the uplink, interface 2. */
  readonly addresses: readonly Omit<HostAddress, 'ifindex'>[]
  /** Plans the delivery of notifications. */
  readonly later: (deliver: () => void) => void
}

export const uplinkIndex = 2

export class FakeKernel {
  readonly #scope: KernelScope
  readonly #later: (deliver: () => void) => void
  readonly #routes = new Map<string, KernelRoute>()
  readonly #links = new Map<number, Interface>()
  #addresses: HostAddress[] = []
  /** Keys outside the interest at which `apply` found an alien. */
  readonly #inTheWay = new Set<string>()
  #deliver: ((event: KernelEvent) => void) | undefined
  #undelivered: KernelChange[] = []
  #linkIndex = uplinkIndex
  #failures = 0
  #writes = 0

  constructor(options: FakeKernelOptions) {
    this.#scope = options.scope
    this.#later = options.later
    this.#links.set(uplinkIndex, { ifindex: uplinkIndex, name: 'eth0', up: true, kind: 'uplink' })
    for (const held of options.addresses) this.addAddress({ ...held, ifindex: uplinkIndex })
  }

  /** Route writes that changed something. */
  get writes(): number {
    return this.#writes
  }

  /** Every route, whatever the scope. */
  get routes(): readonly KernelRoute[] {
    return [...this.#routes.values()]
  }

  isUp(ifindex: number): boolean {
    return this.#links.get(ifindex)?.up === true
  }

  // What the agent does. All of it happens at once; the shell adds the delay.

  watch(deliver: (event: KernelEvent) => void): void {
    this.#deliver = deliver
    this.#undelivered = []
  }

  unwatch(): void {
    this.#deliver = undefined
  }

  dump(): KernelDump {
    return {
      routes: this.routes.filter((route) => route.owned || this.#isInteresting(route.prefix)),
      links: [...this.#links.values()].map(({ ifindex, name, up }) => ({ ifindex, name, up })),
      addresses: [...this.#addresses],
    }
  }

  apply(changes: readonly RouteChange[]): readonly RouteResult[] {
    return changes.map((change) => {
      const [outcome, error] = this.#attempt(change)
      if (outcome === 'done') this.#writes += 1
      return { change, outcome, error }
    })
  }

  lookUpNextHops(nextHops: readonly Address[], ifindex: number): readonly NextHopAnswer[] {
    return nextHops.map((nextHop) => ({ nextHop, ifindex: this.#linkOf(nextHop, ifindex) }))
  }

  locateUplink(): Uplink {
    const link = this.#links.get(uplinkIndex)
    if (!link?.up) return { ifindex: 0, name: '', nextHops: [] }
    const held = this.#addresses.filter(({ ifindex }) => ifindex === uplinkIndex)
    const nextHops = ([4, 6] as const).flatMap((family) => {
      const first = held.find(({ address }) => address.family === family)
      return first ? [first.address] : []
    })
    return { ifindex: uplinkIndex, name: link.name, nextHops }
  }

  configureBridge(bridge: {
    readonly name: string
    readonly addresses: readonly Omit<HostAddress, 'ifindex'>[]
    readonly within: readonly Prefix[]
  }): string {
    const link = this.#linkNamed(bridge.name) ?? this.#makeBridge(bridge.name)
    if (link.kind !== 'bridge') return `${bridge.name} is not a bridge`
    if (!link.up) this.setLink(bridge.name, 'up')
    const isWanted = (held: HostAddress): boolean =>
      bridge.addresses.some((wanted) => sameAddress(held, { ...wanted, ifindex: link.ifindex }))
    for (const held of this.#addresses.filter(({ ifindex }) => ifindex === link.ifindex)) {
      const isOurs = bridge.within.some((inside) => holds(inside, held.address))
      if (isOurs && !isWanted(held)) this.#dropAddress(held)
    }
    for (const wanted of bridge.addresses) this.#putAddress({ ...wanted, ifindex: link.ifindex })
    return ''
  }

  // What anybody else on the host does: each is drift, or an alien, to the agent.

  /** Like `ip route replace`. */
  putRoute(route: KernelRoute): void {
    const key = keyText(route)
    const before = this.#routes.get(key)
    this.#routes.set(key, route)
    if (before && before.owned !== route.owned) this.#tellRoute('route-removed', before)
    this.#tellRoute('route-added', route)
  }

  removeRoute(key: RouteKey): void {
    const route = this.#routes.get(keyText(key))
    if (!route) return
    this.#routes.delete(keyText(key))
    this.#tellRoute('route-removed', route)
  }

  setLink(name: string, state: 'up' | 'down'): void {
    const link = this.#linkNamed(name)
    if (!link) return
    const changed: Interface = { ...link, up: state === 'up' }
    this.#links.set(link.ifindex, changed)
    if (!changed.up) this.#dropRoutesOf(link.ifindex)
    this.#tell({ type: 'link-changed', link: { ifindex: link.ifindex, name, up: changed.up } })
  }

  removeLink(name: string): void {
    const link = this.#linkNamed(name)
    if (!link) return
    this.#links.delete(link.ifindex)
    this.#dropRoutesOf(link.ifindex)
    for (const held of this.#addresses.filter(({ ifindex }) => ifindex === link.ifindex)) {
      this.removeAddress(held)
    }
    this.#tell({ type: 'link-removed', ifindex: link.ifindex, name })
  }

  addAddress(held: HostAddress): void {
    if (this.#putAddress(held)) this.#tell({ type: 'address-added', address: held })
  }

  removeAddress(held: HostAddress): void {
    if (this.#dropAddress(held)) this.#tell({ type: 'address-removed', address: held })
  }

  linkIndex(name: string): number | undefined {
    return this.#linkNamed(name)?.ifindex
  }

  /** The reader loses what it was not told yet. */
  overrun(reason: string): void {
    this.#undelivered = []
    this.#later(() => this.#deliver?.({ type: 'kernel-overrun', reason }))
  }

  /** The next `count` writes fail. */
  failWrites(count: number): void {
    this.#failures = count
  }

  #attempt(change: RouteChange): [RouteResult['outcome'], string] {
    if (this.#failures > 0) {
      this.#failures -= 1
      return ['failed', 'ENOBUFS']
    }
    const { key } = change
    const found = this.#routes.get(keyText(key))
    if (change.type === 'remove') {
      if (!found?.owned) return ['absent', 'ESRCH']
      this.#routes.delete(keyText(key))
      return ['done', '']
    }
    if (found) {
      if (!found.owned) this.#inTheWay.add(keyText(key))
      return ['exists', 'EEXIST']
    }
    const { target } = change
    if (target.type === 'via' && this.#linkOf(target.nextHop, target.ifindex) !== target.ifindex) {
      return ['not-on-link', 'ENETUNREACH']
    }
    this.#routes.set(keyText(key), { ...key, target, owned: true })
    return ['done', '']
  }

  #linkOf(nextHop: Address, ifindex: number): number | undefined {
    if (isUnroutable(nextHop)) return undefined
    if (this.#addresses.some(({ address }) => address.text === nextHop.text)) return undefined
    const connected = this.#addresses.filter(
      (held) => this.isUp(held.ifindex) && holds(connectedPrefix(held), nextHop),
    )
    return connected.find((held) => held.ifindex === ifindex)?.ifindex ?? connected[0]?.ifindex
  }

  #makeBridge(name: string): Interface {
    this.#linkIndex += 1
    const link: Interface = { ifindex: this.#linkIndex, name, up: true, kind: 'bridge' }
    this.#links.set(link.ifindex, link)
    return link
  }

  #putAddress(held: HostAddress): boolean {
    if (this.#addresses.some((other) => sameAddress(other, held))) return false
    this.#addresses.push(held)
    const key = { prefix: connectedPrefix(held), metric: 0 }
    // The kernel makes the connected route itself: whoever added the address is told of it as of an alien.
    if (!this.#routes.has(keyText(key))) this.putRoute(connectedRoute(held))
    return true
  }

  #dropAddress(held: HostAddress): boolean {
    const rest = this.#addresses.filter((other) => !sameAddress(other, held))
    if (rest.length === this.#addresses.length) return false
    this.#addresses = rest
    const route = connectedRoute(held)
    if (this.#routes.get(keyText(route))?.target.type === 'other') this.removeRoute(route)
    return true
  }

  #dropRoutesOf(ifindex: number): void {
    for (const [key, route] of this.#routes) {
      if (route.target.type === 'unreachable' || route.target.ifindex !== ifindex) continue
      this.#routes.delete(key)
      // IPv4 routes go without a word.
      if (route.prefix.family === 6) this.#tellRoute('route-removed', route)
    }
  }

  #linkNamed(name: string): Interface | undefined {
    for (const link of this.#links.values()) if (link.name === name) return link
    return undefined
  }

  #isInteresting(candidate: Prefix): boolean {
    return this.#scope.interest.some((interest) => contains(interest, candidate))
  }

  #tellRoute(type: 'route-added' | 'route-removed', route: KernelRoute): void {
    const wasInTheWay = this.#inTheWay.has(keyText(route)) && !route.owned
    if (wasInTheWay && type === 'route-removed') this.#inTheWay.delete(keyText(route))
    if (route.owned || wasInTheWay || this.#isInteresting(route.prefix)) this.#tell({ type, route })
  }

  #tell(change: KernelChange): void {
    if (!this.#deliver) return
    this.#undelivered.push(change)
    if (this.#undelivered.length > 1) return
    this.#later(() => {
      const changes = this.#undelivered
      this.#undelivered = []
      if (changes.length > 0) this.#deliver?.({ type: 'kernel-changed', changes })
    })
  }
}

export const keyText = (key: RouteKey): string => `${key.prefix.text}#${key.metric}`

const connectedPrefix = (held: HostAddress): Prefix =>
  prefix(held.address.family, held.address.value, held.length)

const connectedRoute = (held: HostAddress): KernelRoute => ({
  prefix: connectedPrefix(held),
  metric: 0,
  target: { type: 'other', ifindex: held.ifindex },
  owned: false,
})

const sameAddress = (a: HostAddress, b: HostAddress): boolean =>
  a.ifindex === b.ifindex && a.address.text === b.address.text && a.length === b.length
