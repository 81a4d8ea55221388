/** A kernel that is read and never written to: what would be written is told in the words of iproute2. */

import { readFile } from 'node:fs/promises'
import type { Address } from '../../core/ip/address.ts'
import { keyText } from '../../core/routing/fib-view.ts'
import type {
  HostAddress,
  KernelDump,
  KernelRoute,
  Link,
  RouteChange,
  RouteResult,
  RouteTarget,
} from '../../core/routing/route.ts'
import { routeText } from '../../core/routing/route-text.ts'
import { sysctlName } from '../../core/sysctl.ts'
import type { Kernel } from '../../ports/kernel.ts'
import { isSameAddress, obsoleteAddresses, proxyChanges, type WantedBridge } from './bridge.ts'
import { checkForwarding, type Settings } from './forwarding.ts'
import { hostAddressOf, type NetlinkOptions } from './kernel.ts'
import { Reader } from './reader.ts'
import { byteScope, ScopeFilter } from './scope.ts'
import { RequestSocket } from './socket.ts'
import { locateUplink } from './uplink.ts'
import { linkOf, Words } from './words.ts'

/** `record` is called with each command once. */
export function rehearsedKernel(
  options: NetlinkOptions,
  record: (command: string) => void,
): Kernel {
  return new RehearsedKernel(options, record)
}

/** The longest part of a dump that the kernel makes. */
const dumpPartBytes = 32_768
/** Of the bridge that would be made: no link has it. */
const bridgeIndex = 0x7fff_ffff
/** The kernel's own default, which IPv6 uses for 0. */
const usualMetric = { 4: 0, 6: 1_024 } as const

/** What was written so far is there when it is read again, so that the core comes to rest. */
class RehearsedKernel implements Kernel {
  readonly #options: NetlinkOptions
  readonly #record: (command: string) => void
  readonly #socket = new RequestSocket(dumpPartBytes)
  readonly #reader: Reader
  readonly #routes = new Map<string, KernelRoute>()
  readonly #removed = new Set<string>()
  readonly #settings: RehearsedSettings
  #bridge: Link | undefined
  #addresses: HostAddress[] = []
  #gone: HostAddress[] = []

  constructor(options: NetlinkOptions, record: (command: string) => void) {
    const { scope } = options
    this.#options = options
    this.#record = record
    this.#settings = new RehearsedSettings(record)
    const filter = new ScopeFilter(byteScope(scope))
    const { protocol } = scope
    this.#reader = new Reader(this.#socket, { filter, words: new Words(), protocol })
  }

  /** What others change meanwhile is not told. */
  start(): Promise<void> {
    return Promise.resolve()
  }

  async dump(): Promise<KernelDump> {
    const routes = await this.#reader.routes()
    const links = (await this.#reader.links()).map(linkOf)
    const addresses = (await this.#reader.addresses()).map(hostAddressOf)
    const stays = (route: KernelRoute) => !(route.owned && this.#removed.has(keyText(route)))
    return {
      routes: [...routes.filter(stays), ...this.#routes.values()],
      links: this.#bridge ? [...links, this.#bridge] : links,
      addresses: [...addresses.filter((one) => !isIn(this.#gone, one)), ...this.#addresses],
    }
  }

  async apply(changes: readonly RouteChange[]): Promise<readonly RouteResult[]> {
    const { routes, links } = await this.dump()
    const nameOf = (ifindex: number) =>
      links.find((link) => link.ifindex === ifindex)?.name ?? `if${ifindex}`
    return changes.map((change): RouteResult => {
      const key = keyText(change.key)
      const isTaken = routes.some((route) => !route.otherTable && keyText(route) === key)
      if (change.type === 'add' && isTaken && !this.#removed.has(key)) {
        return { change, outcome: 'exists', error: 'EEXIST' }
      }
      this.#record(this.#routeCommand(change, nameOf))
      if (change.type === 'add') {
        this.#routes.set(key, { ...change.key, target: change.target, owned: true })
      } else if (!this.#routes.delete(key)) this.#removed.add(key)
      return { change, outcome: 'done', error: '' }
    })
  }

  lookUpNextHops: Kernel['lookUpNextHops'] = (questions) => this.#reader.lookUpNextHops(questions)

  lookUpUsage: Kernel['lookUpUsage'] = async (questions) => {
    const answers = await this.#reader.lookUpUsage(questions)
    return answers.map((answer) =>
      this.#routes.has(keyText(answer.question.key))
        ? { ...answer, use: { type: 'ours' as const } }
        : answer,
    )
  }

  locateUplink: Kernel['locateUplink'] = async (subnets) => {
    const { uplink } = this.#options
    return locateUplink(uplink, {
      links: await this.#reader.links(),
      addresses: await this.#reader.addresses(),
      seeds: await uplink.seedAddresses().catch((): readonly Address[] => []),
      subnets,
      lookUp: (destinations) => this.#reader.lookUp(destinations),
    })
  }

  async configureBridge(wanted: WantedBridge): Promise<string> {
    const { name, addresses, answers } = wanted
    const { protocol } = this.#options.scope
    const links = await this.#reader.links()
    const held = await this.dump()
    const before = { addresses: await this.#reader.addresses(), links }
    for (const one of obsoleteAddresses(wanted, before, protocol)) {
      const link = links.find(({ ifindex }) => ifindex === one.ifindex)?.name
      this.#gone.push(hostAddressOf(one))
      this.#record(`ip addr del ${one.address.text}/${one.length} dev ${link}`)
    }
    if (addresses.length === 0) return ''
    const found = links.find((link) => link.name === name)
    if (found && found.kind !== 'bridge') {
      return `${name} exists and is not a bridge (${found.kind || 'a device'})`
    }
    if (!found && !this.#bridge) {
      this.#record(`ip link add ${name} type bridge`)
      this.#bridge = { ifindex: bridgeIndex, name, up: true, carrier: false }
    }
    if (!found?.up) this.#record(`ip link set ${name} up`)
    if (addresses.some(({ address }) => address.family === 6)) {
      await this.#settings.set(`net/ipv6/conf/${name}/keep_addr_on_down`)
    }
    const ifindex = found?.ifindex ?? bridgeIndex
    for (const one of addresses) {
      if (
        isIn(
          held.addresses.filter((other) => other.ifindex === ifindex),
          one,
        )
      )
        continue
      // With the agent's number as its protocol, which iproute2 cannot write before 6.3.
      this.#record(`ip addr add ${one.address.text}/${one.length} dev ${name}`)
      this.#addresses.push({ ...one, ifindex, owned: true })
    }
    if (answers.arp) await this.#settings.set(`net/ipv4/conf/${name}/proxy_arp`)
    if (answers.neighbours.length > 0) await this.#settings.set(`net/ipv6/conf/${name}/proxy_ndp`)
    const proxied = (await this.#reader.proxied()).filter((one) => one.ifindex === ifindex)
    const { add, remove } = proxyChanges(proxied, answers.neighbours, protocol)
    for (const { text } of remove) this.#record(`ip neigh del proxy ${text} dev ${name}`)
    for (const { text } of add) this.#record(`ip neigh add proxy ${text} dev ${name}`)
    return ''
  }

  checkForwarding: Kernel['checkForwarding'] = (families, links) =>
    checkForwarding(families, links, this.#settings)

  /** Nobody is asked on behalf of a rehearsal. */
  probeNeighbours(): Promise<readonly Address[]> {
    return Promise.resolve([])
  }

  async stop(): Promise<void> {
    await this.#socket.close()
  }

  #routeCommand(change: RouteChange, nameOf: (ifindex: number) => string): string {
    const { prefix, metric } = change.key
    const { table, protocol } = this.#options.scope
    const target: RouteTarget =
      change.type === 'add' ? change.target : { type: 'other', ifindex: undefined, text: '' }
    const shown = metric === usualMetric[prefix.family] ? 0 : metric
    const route = routeText({ prefix, metric: shown, target, owned: true }, nameOf)
    const words = ['ip', ...(prefix.family === 6 ? ['-6'] : []), 'route']
    words.push(change.type === 'add' ? 'add' : 'del', route, `proto ${protocol}`)
    return [...words, ...(table === 254 ? [] : [`table ${table}`])].join(' ')
  }
}

/** Sysctls as they would be. */
class RehearsedSettings implements Settings {
  readonly #record: (command: string) => void
  readonly #written = new Map<string, string>()

  constructor(record: (command: string) => void) {
    this.#record = record
  }

  async read(path: string): Promise<string> {
    return this.#written.get(path) ?? (await readFile(path, 'utf8')).trim()
  }

  async write(path: string, value: string): Promise<void> {
    this.#written.set(path, value)
    this.#record(`sysctl -w ${sysctlName(path.slice('/proc/sys/'.length))}=${value}`)
  }

  /** To 1, where it is not; that of a link that does not exist yet is not. */
  async set(setting: string): Promise<void> {
    const path = `/proc/sys/${setting}`
    if ((await this.read(path).catch(() => '0')) === '0') await this.write(path, '1')
  }
}

type Addressed = Omit<HostAddress, 'ifindex'>

const isIn = (held: readonly Addressed[], one: Addressed): boolean =>
  held.some((other) => isSameAddress(other, one))
