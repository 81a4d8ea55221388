/** A host's network stack in memory, with Linux's manners: what it drops silently, what it refuses, what it tells. */

import type { Uplink } from '../../src/core/event.ts'
import { type Address, bitsOf, isUnroutable } from '../../src/core/ip/address.ts'
import { contains, type Prefix, prefix } from '../../src/core/ip/prefix.ts'
import type {
  ForwardingAnswer,
  HostAddress,
  KernelChange,
  KernelDump,
  KernelRoute,
  Link,
  LinkAddress,
  NextHopAnswer,
  NextHopQuestion,
  RouteChange,
  RouteKey,
  RouteResult,
  UsageAnswer,
  UsageQuestion,
} from '../../src/core/routing/route.ts'
import { type BridgeAnswers, noAnswers } from '../../src/core/routing/route.ts'
import { routeText } from '../../src/core/routing/route-text.ts'
import type { KernelEvent, KernelScope } from '../../src/ports/kernel.ts'
import { keyText, placeText, RouteTable } from './route-table.ts'

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
  /** In the order in which they came, by table, prefix and metric. */
  readonly #routes = new RouteTable()
  /** Tables that a rule leads to before the main one. */
  readonly #rules = new Set<number>()
  /** Why forwarding cannot be switched on; empty where it can. */
  forwardingError = ''
  #forwards = false
  #answers = noAnswers
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
    this.#links.set(uplinkIndex, {
      ifindex: uplinkIndex,
      name: 'eth0',
      up: true,
      carrier: true,
      kind: 'uplink',
    })
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
      routes: this.routes.filter(
        (route) => route.owned || (this.#isLedTo(route) && this.#isInteresting(route.prefix)),
      ),
      links: [...this.#links.values()].map(linkOf),
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

  lookUpNextHops(questions: readonly NextHopQuestion[]): readonly NextHopAnswer[] {
    return questions.map((question) => ({
      question,
      ifindex: this.#linkOf(question.nextHop, question.ifindex),
    }))
  }

  lookUpUsage(questions: readonly UsageQuestion[]): readonly UsageAnswer[] {
    return questions.map((question) => ({ question, use: this.#useOf(question) }))
  }

  checkForwarding(): ForwardingAnswer {
    if (this.forwardingError !== '') return { restored: [], error: this.forwardingError }
    const restored = this.#forwards ? [] : ['net.ipv4.ip_forward']
    this.#forwards = true
    return { restored, error: '' }
  }

  /** Whom the bridge answers for. */
  get answers(): BridgeAnswers {
    return this.#answers
  }

  get forwards(): boolean {
    return this.#forwards
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
    readonly former: readonly LinkAddress[]
    readonly answers: BridgeAnswers
  }): string {
    this.#answers = bridge.answers
    for (const held of [...this.#addresses]) {
      const name = this.#links.get(held.ifindex)?.name
      const isWanted = bridge.addresses.some((wanted) => sameHolding(held, wanted))
      if (name === bridge.name && isWanted) continue
      const isFormer = bridge.former.some((gone) => gone.link === name && sameHolding(held, gone))
      if (isFormer || (name === bridge.name && held.owned)) this.#dropAddress(held)
    }
    if (bridge.addresses.length === 0) return ''
    const link = this.#linkNamed(bridge.name) ?? this.#makeBridge(bridge.name)
    if (link.kind !== 'bridge') return `${bridge.name} is not a bridge`
    if (!link.up) this.setLink(bridge.name, 'up')
    for (const wanted of bridge.addresses) {
      this.#putAddress({ ...wanted, ifindex: link.ifindex, owned: true })
    }
    return ''
  }

  // What anybody else on the host does: each is drift, or an alien, to the agent.

  /** Like `ip route replace`. */
  putRoute(route: KernelRoute): void {
    const before = this.#routes.get(route)
    this.#routes.set(route)
    if (before && before.owned !== route.owned) this.#tellRoute('route-removed', before)
    this.#tellRoute('route-added', route)
  }

  removeRoute(key: RouteKey & Pick<KernelRoute, 'otherTable'>): void {
    const route = this.#routes.get(key)
    if (!route) return
    this.#routes.delete(key)
    this.#tellRoute('route-removed', route)
  }

  /** A rule before the one that leads to the main table. */
  setRule(table: number, state: 'present' | 'absent'): void {
    if (state === 'present') this.#rules.add(table)
    else this.#rules.delete(table)
    this.#tell({ type: 'rules-changed' })
  }

  /** Takes every route that uses it along, without a word. */
  removeNexthopObject(id: number): void {
    for (const route of [...this.#routes.values()]) {
      const { target } = route
      if (target.type === 'other' && target.text === `nhid ${id}`) this.#routes.delete(route)
    }
    this.#tell({ type: 'nexthop-objects-changed' })
  }

  switchForwardingOff(): void {
    this.#forwards = false
    this.#tell({ type: 'forwarding-changed' })
  }

  setLink(name: string, state: 'up' | 'down'): void {
    const link = this.#linkNamed(name)
    if (!link) return
    const up = state === 'up'
    const changed: Interface = { ...link, up, carrier: up }
    this.#links.set(link.ifindex, changed)
    if (!up) this.#dropRoutesOf(link.ifindex)
    this.#tell({ type: 'link-changed', link: linkOf(changed) })
    if (!up || link.up) return
    for (const held of this.#addresses) {
      if (held.ifindex === link.ifindex) this.#connect(held)
    }
  }

  /** A cable that is pulled and put back: routes stay, and lead nowhere. */
  setCarrier(name: string, state: 'on' | 'off'): void {
    const link = this.#linkNamed(name)
    if (!link?.up) return
    const changed: Interface = { ...link, carrier: state === 'on' }
    this.#links.set(link.ifindex, changed)
    this.#tell({ type: 'link-changed', link: linkOf(changed) })
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

  addLink(name: string): number {
    const { ifindex } = this.#linkNamed(name) ?? this.#makeBridge(name)
    return ifindex
  }

  addAddress(held: HostAddress): void {
    if (this.#putAddress(held)) this.#tell({ type: 'address-added', address: held })
  }

  /** With the last IPv4 address of an interface its IPv4 routes go, too, without a word. */
  removeAddress(held: HostAddress): void {
    if (!this.#dropAddress(held)) return
    this.#tell({ type: 'address-removed', address: held })
    const { ifindex } = held
    const isLast = !this.#addresses.some(
      (other) => other.ifindex === ifindex && other.address.family === 4,
    )
    if (held.address.family === 4 && isLast) this.#dropRoutesOf(ifindex, 4)
  }

  /** The uplink has these addresses in place of those that it had. */
  readdress(addresses: readonly Omit<HostAddress, 'ifindex'>[]): void {
    const former = this.#addresses.filter(({ ifindex }) => ifindex === uplinkIndex)
    for (const held of addresses) this.addAddress({ ...held, ifindex: uplinkIndex })
    for (const held of former) this.removeAddress(held)
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
    const found = this.#routes.get(key)
    if (change.type === 'remove') {
      if (!found?.owned) return ['absent', 'ESRCH']
      this.#routes.delete(key)
      return ['done', '']
    }
    if (found) {
      if (!found.owned) this.#inTheWay.add(keyText(key))
      return ['exists', 'EEXIST']
    }
    const { target } = change
    if (target.type === 'on-link' && !this.isUp(target.ifindex)) return ['failed', 'ENETDOWN']
    if (target.type === 'via' && this.#linkOf(target.nextHop, target.ifindex) !== target.ifindex) {
      return ['not-on-link', 'ENETUNREACH']
    }
    this.#routes.set({ ...key, target, owned: true })
    return ['done', '']
  }

  /** Over which link it is reached without a gateway; `ifindex` 0: any. */
  #linkOf(nextHop: Address, ifindex: number): number | undefined {
    if (isUnroutable(nextHop)) return undefined
    if (this.#addresses.some(({ address }) => address.text === nextHop.text)) return undefined
    const target = this.#match(nextHop, ifindex)?.target
    if (target?.type !== 'other' || target.text !== '' || target.ifindex === undefined)
      return undefined
    return this.isUp(target.ifindex) ? target.ifindex : undefined
  }

  #useOf({ key, destination }: UsageQuestion): UsageAnswer['use'] {
    const route = this.#match(destination, 0)
    if (!route) return { type: 'none', error: 'ENETUNREACH' }
    if (route.owned && keyText(route) === keyText(key)) {
      const { target } = route
      const isDown = target.type === 'via' && !this.#links.get(target.ifindex)?.carrier
      return { type: isDown ? 'dead' : 'ours' }
    }
    if (route.target.type === 'other' && route.target.text === 'blackhole') {
      return { type: 'none', error: 'EINVAL' }
    }
    return { type: 'other', route: routeText(route, (index) => `if${index}`) }
  }

  #match(destination: Address, ifindex: number): KernelRoute | undefined {
    const tables = [...[...this.#rules].sort((a, b) => a - b), undefined]
    return this.#routes.match(destination, ifindex, tables)
  }

  #isLedTo({ otherTable }: KernelRoute): boolean {
    return otherTable === undefined || this.#rules.has(otherTable)
  }

  #makeBridge(name: string): Interface {
    this.#linkIndex += 1
    const link: Interface = {
      ifindex: this.#linkIndex,
      name,
      up: true,
      carrier: false,
      kind: 'bridge',
    }
    this.#links.set(link.ifindex, link)
    return link
  }

  #putAddress(held: HostAddress): boolean {
    if (this.#addresses.some((other) => sameAddress(other, held))) return false
    this.#addresses.push(held)
    this.#connect(held)
    return true
  }

  /** The kernel makes the connected route itself: whoever added the address is told of it as of an alien. */
  #connect(held: HostAddress): void {
    // Of a single address there is no network.
    if (held.length === bitsOf(held.address.family)) return
    const route = connectedRoute(held)
    if (!this.#routes.get(route) && this.isUp(held.ifindex)) this.putRoute(route)
  }

  #dropAddress(held: HostAddress): boolean {
    const rest = this.#addresses.filter((other) => !sameAddress(other, held))
    if (rest.length === this.#addresses.length) return false
    this.#addresses = rest
    const route = connectedRoute(held)
    const isShared = rest.some(
      (other) =>
        other.ifindex === held.ifindex && placeText(connectedRoute(other)) === placeText(route),
    )
    if (!isShared && this.#routes.get(route)?.target.type === 'other') {
      this.removeRoute(route)
    }
    return true
  }

  #dropRoutesOf(ifindex: number, only?: 4 | 6): void {
    for (const route of [...this.#routes.values()]) {
      if (route.target.type === 'unreachable' || route.target.ifindex !== ifindex) continue
      if (only !== undefined && route.prefix.family !== only) continue
      this.#routes.delete(route)
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
    const concerns = this.#isLedTo(route) && (wasInTheWay || this.#isInteresting(route.prefix))
    if (route.owned || concerns) this.#tell({ type, route })
    else this.#tell({ type: 'foreign-routes-changed', count: 1 })
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

const linkOf = ({ ifindex, name, up, carrier }: Interface): Link => ({
  ifindex,
  name,
  up,
  carrier,
})

const sameHolding = (a: Omit<HostAddress, 'ifindex'>, b: Omit<HostAddress, 'ifindex'>): boolean =>
  a.address.text === b.address.text && a.length === b.length

const connectedPrefix = (held: HostAddress): Prefix =>
  prefix(held.address.family, held.address.value, held.length)

const connectedRoute = (held: HostAddress): KernelRoute => ({
  prefix: connectedPrefix(held),
  metric: 0,
  target: { type: 'other', ifindex: held.ifindex, text: '' },
  owned: false,
})

const sameAddress = (a: HostAddress, b: HostAddress): boolean =>
  a.ifindex === b.ifindex && a.address.text === b.address.text && a.length === b.length
