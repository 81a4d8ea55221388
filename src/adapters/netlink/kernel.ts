/** The host's network stack by rtnetlink. */

import type { Uplink } from '../../core/event.ts'
import type { Address } from '../../core/ip/address.ts'
import { contains, type Prefix } from '../../core/ip/prefix.ts'
import { keyText } from '../../core/routing/fib-view.ts'
import type {
  ForwardingAnswer,
  HostAddress,
  KernelChange,
  KernelDump,
  NeighbourQuestion,
  NextHopAnswer,
  NextHopQuestion,
  RouteChange,
  RouteKey,
  RouteResult,
  UsageAnswer,
  UsageQuestion,
} from '../../core/routing/route.ts'
import type { Kernel, KernelEvent, KernelScope } from '../../ports/kernel.ts'
import { BridgeKeeper, type WantedBridge } from './bridge.ts'
import { BridgePorts } from './bridge-ports.ts'
import { checkForwarding } from './forwarding.ts'
import { Ledger } from './ledger.ts'
import { Monitor } from './monitor.ts'
import type { Frame } from './monitor-message.ts'
import { probeNeighbours } from './neighbours.ts'
import { readNotifications } from './notification.ts'
import { type KernelAddress, Reader } from './reader.ts'
import { RouteWriter, type Written } from './route-writer.ts'
import { byteScope, ScopeFilter, watchKey } from './scope.ts'
import { RequestSocket } from './socket.ts'
import { Turns } from './turns.ts'
import { locateUplink, type UplinkOptions } from './uplink.ts'
import { linkOf, Words } from './words.ts'

export interface NetlinkOptions {
  readonly scope: KernelScope
  readonly uplink: UplinkOptions
  /** The id of this node: its bridge has the same hardware address whenever it is made. */
  readonly node: string
}

export function netlinkKernel(options: NetlinkOptions): Kernel {
  return new NetlinkKernel(options)
}

/** Longer than any answer to a route write, each of which is one error or acknowledgement. */
const writeAnswerBytes = 512
/** The longest part of a dump that the kernel makes. */
const dumpPartBytes = 32_768

class NetlinkKernel implements Kernel {
  readonly #scope: KernelScope
  readonly #uplink: UplinkOptions
  readonly #filter: ScopeFilter
  readonly #words = new Words()
  readonly #routeSocket = new RequestSocket(writeAnswerBytes)
  readonly #socket = new RequestSocket(dumpPartBytes)
  readonly #writer: RouteWriter
  readonly #reader: Reader
  readonly #ports: BridgePorts
  readonly #bridges: BridgeKeeper
  readonly #monitor: Monitor
  readonly #turns = new Turns()
  readonly #ledger = new Ledger()
  /** Keys that are watched from here on and whose state is to be read once more; empty unless a read is due. */
  readonly #unread = new Map<string, RouteKey>()
  #deliver: ((event: KernelEvent) => void) | undefined

  constructor({ scope, uplink, node }: NetlinkOptions) {
    this.#scope = scope
    this.#uplink = uplink
    this.#filter = new ScopeFilter(byteScope(scope))
    this.#writer = new RouteWriter(this.#routeSocket, scope)
    const { protocol } = scope
    this.#reader = new Reader(this.#socket, { filter: this.#filter, words: this.#words, protocol })
    this.#ports = new BridgePorts(uplink.bridge, () => performance.now())
    this.#bridges = new BridgeKeeper(this.#socket, this.#reader, {
      protocol,
      node,
      ports: this.#ports,
    })
    this.#monitor = new Monitor(
      () => ({
        scope: byteScope(scope),
        ownPort: this.#routeSocket.port,
        seq: this.#routeSocket.seq,
        watched: this.#filter.watched,
      }),
      {
        frame: (frame, taken) => this.#turns.deliver(() => this.#takeIn(frame, taken)),
        ready: (seq, missed) => this.#turns.deliver(() => this.#trust(seq, missed)),
        trouble: (trouble) => this.#deliver?.({ type: 'trouble-reported', trouble }),
      },
    )
  }

  start(deliver: (event: KernelEvent) => void): Promise<void> {
    this.#deliver = deliver
    return this.#monitor.start()
  }

  dump(): Promise<KernelDump> {
    return this.#turns.take(async () => {
      const routes = await this.#reader.routes()
      const links = await this.#reader.links()
      this.#ports.read(links)
      const addresses = (await this.#reader.addresses()).map(hostAddressOf)
      return { routes, links: links.map(linkOf), addresses }
    })
  }

  apply(changes: readonly RouteChange[]): Promise<readonly RouteResult[]> {
    if (changes.length === 0) return Promise.resolve([])
    return this.#turns.take(async () => {
      // The monitor reads our own writes too, more slowly than we write: a bulk would overrun it.
      const bulk = changes.length + this.#ledger.unseen > this.#monitor.capacity
      const paused = bulk && (await this.#monitor.pause())
      const written = await this.#writer.write(changes)
      this.#ledger.record(written)
      if (paused) {
        this.#monitor.resume(this.#routeSocket.seq, `${changes.length} routes were written at once`)
      }
      this.#watchAliens(written)
      return written.results
    })
  }

  lookUpNextHops(questions: readonly NextHopQuestion[]): Promise<readonly NextHopAnswer[]> {
    return this.#reader.lookUpNextHops(questions)
  }

  lookUpUsage(questions: readonly UsageQuestion[]): Promise<readonly UsageAnswer[]> {
    return this.#reader.lookUpUsage(questions)
  }

  async locateUplink(subnets: readonly Prefix[]): Promise<Uplink> {
    const seeds = await this.#uplink.seedAddresses().catch((): readonly Address[] => [])
    return locateUplink(this.#uplink, {
      links: await this.#reader.links(),
      addresses: await this.#reader.addresses(),
      seeds,
      subnets,
      lookUp: (destinations) => this.#reader.lookUp(destinations),
    })
  }

  configureBridge(bridge: WantedBridge): Promise<string> {
    return this.#bridges.configure(bridge)
  }

  checkForwarding(
    families: readonly (4 | 6)[],
    links: readonly string[],
  ): Promise<ForwardingAnswer> {
    return checkForwarding(families, links)
  }

  probeNeighbours(questions: readonly NeighbourQuestion[]): Promise<readonly Address[]> {
    return probeNeighbours(questions, this.#reader)
  }

  async stop(): Promise<void> {
    this.#deliver = undefined
    await this.#monitor.stop()
    await Promise.all([this.#routeSocket.close(), this.#socket.close()])
  }

  #takeIn(frame: Frame, taken: () => void): void {
    const notifications = readNotifications(frame.notifications, {
      words: this.#words,
      filter: this.#filter,
      protocol: this.#scope.protocol,
      ports: this.#ports,
    })
    let lost = frame.lost
    const changes: KernelChange[] = []
    if (frame.foreign > 0) changes.push({ type: 'foreign-routes-changed', count: frame.foreign })
    for (const { change, seq } of notifications) {
      const ofRoute = change.type === 'route-added' || change.type === 'route-removed'
      if (ofRoute && !this.#ledger.knowsSince(seq)) lost = true
      if (!ofRoute || !this.#ledger.supersedes(change.route, seq)) changes.push(change)
    }
    this.#ledger.seen(frame.seq)
    if (changes.length > 0) this.#deliver?.({ type: 'kernel-changed', changes })
    if (lost) this.#deliver?.({ type: 'kernel-overrun', reason: 'more changes than can wait' })
    // Asking for the next frame takes longer than a repair, which comes first.
    setImmediate(taken)
  }

  /** The watch works from own write `seq` on, or from a later one: nobody knows which of them it saw. */
  #trust(seq: number, missed: string | undefined): void {
    this.#ledger.seen(seq)
    this.#ledger.distrust()
    if (missed !== undefined) this.#deliver?.({ type: 'kernel-overrun', reason: missed })
  }

  /** What is in the way outside the interest is watched; its removal before that moment is found by reading once more. */
  #watchAliens({ results, failures }: Written): void {
    const keys: string[] = []
    for (const index of failures.keys()) {
      const result = results[index]
      if (result?.outcome !== 'exists') continue
      const { change } = result
      const { prefix } = change.key
      if (this.#scope.interest.some((wide) => contains(wide, prefix))) continue
      const key = watchKey(prefix)
      if (!this.#filter.watch(key)) continue
      keys.push(key)
      this.#unread.set(keyText(change.key), change.key)
    }
    if (keys.length === 0) return
    this.#monitor
      .watch(keys)
      .then(() => this.#readAliens())
      .catch((thrown: unknown) => {
        const reason = `cannot read what is in the way: ${thrown}`
        this.#deliver?.({ type: 'kernel-overrun', reason })
      })
  }

  async #readAliens(): Promise<void> {
    const keys = [...this.#unread.values()]
    this.#unread.clear()
    if (keys.length === 0 || !this.#deliver) return
    await this.#turns.take(async () => {
      const routes = new Map((await this.#reader.routes()).map((route) => [keyText(route), route]))
      const changes: KernelChange[] = []
      for (const key of keys) {
        const route = routes.get(keyText(key))
        if (route?.owned) continue
        changes.push(route ? { type: 'route-added', route } : goneSince(key))
      }
      if (changes.length > 0) this.#deliver?.({ type: 'kernel-changed', changes })
    })
  }
}

const goneSince = (key: RouteKey): KernelChange => ({
  type: 'route-removed',
  route: { ...key, target: { type: 'other', ifindex: undefined, text: '' }, owned: false },
})

export const hostAddressOf = ({ ifindex, address, length, owned }: KernelAddress): HostAddress =>
  owned ? { ifindex, address, length, owned } : { ifindex, address, length }
