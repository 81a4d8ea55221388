/** A host in the namespace that this process runs in: one link with an address, and `ip` as the other process. */

import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { netlinkKernel } from '../../../src/adapters/netlink/kernel.ts'
import { RouteWriter } from '../../../src/adapters/netlink/route-writer.ts'
import { RequestSocket } from '../../../src/adapters/netlink/socket.ts'
import type { UplinkOptions } from '../../../src/adapters/netlink/uplink.ts'
import { type Address, parseAddress } from '../../../src/core/ip/address.ts'
import { type Prefix, parsePrefix } from '../../../src/core/ip/prefix.ts'
import type { RouteChange, RouteKey, RouteResult } from '../../../src/core/routing/route.ts'
import type { Kernel, KernelScope } from '../../../src/ports/kernel.ts'
import type { Hand, HandRoute, Host } from '../../conformance/kernel.ts'

const execute = promisify(execFile)

export const link = 'uplink0'
export const scope: KernelScope = {
  table: 254,
  protocol: 83,
  interest: [prefixOf('172.16.0.0/12'), prefixOf('fd00:10::/40')],
}

/** One `ip` command; rejects with what it says where it fails. */
export async function ip(command: string): Promise<string> {
  return (await execute('ip', command.split(' '))).stdout
}

/** Another process that writes with protocol `protocol`, as fast as we do. */
export class Meddler {
  readonly #socket = new RequestSocket(512)
  readonly #writer: RouteWriter

  constructor(protocol: number) {
    this.#writer = new RouteWriter(this.#socket, { table: scope.table, protocol })
  }

  async write(changes: readonly RouteChange[]): Promise<readonly RouteResult[]> {
    return (await this.#writer.write(changes)).results
  }

  stop(): Promise<void> {
    return this.#socket.close()
  }
}

/** The monitor: the one child of this process that is a Node. */
export function monitorPid(parent = process.pid): number | undefined {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').split(' ')
  const pid = children.find((child) => child !== '' && isMonitor(child))
  return pid === undefined ? undefined : Number(pid)
}

export function isMonitor(pid: number | string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('monitor-child')
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code === 'ENOENT') return false
    if ((thrown as { code?: unknown }).code === 'ESRCH') return false
    throw thrown
  }
}

/** `count` host routes inside the interest. */
export function hostKeys(count: number, metric = 0): RouteKey[] {
  return Array.from({ length: count }, (_, i) => ({
    prefix: prefixOf(`172.${16 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`),
    metric,
  }))
}

/** Waits for what only looking can tell. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Many commands by one process. Failing ones are skipped. */
export async function ipBatch(commands: readonly string[], family: 4 | 6 = 4): Promise<void> {
  const running = execute('ip', [`-${family}`, '-force', '-batch', '-'])
  running.child.stdin?.end(`${commands.join('\n')}\n`)
  await running.catch((thrown: unknown) => {
    // With -force it exits 1 when one command failed.
    if ((thrown as { code?: unknown }).code !== 1) throw thrown
  })
}

/** A fresh host: whatever an earlier test left is gone. */
export async function makeHost(uplink: Partial<UplinkOptions> = {}): Promise<Host> {
  await removeHost()
  await ip('link set lo up')
  await ip(`link add ${link} type veth peer name ${link}p`)
  await ip(`link set ${link}p up`)
  await ip(`link set ${link} up`)
  await ip(`address add 10.0.1.70/24 dev ${link}`)
  await ip(`address add fd00:1::70/64 dev ${link} nodad`)
  const kernel = makeKernel(uplink)
  return {
    kernel,
    hand,
    link,
    stop: async () => {
      await kernel.stop()
      await removeHost()
    },
  }
}

export function makeKernel(uplink: Partial<UplinkOptions> = {}): Kernel {
  return netlinkKernel({
    node: 'test',
    scope,
    uplink: {
      nextHops: [],
      bridge: 'starling0',
      seedAddresses: () => Promise.resolve([]),
      ...uplink,
    },
  })
}

async function removeHost(): Promise<void> {
  const links = JSON.parse(await ip('-json link')) as { ifname: string }[]
  for (const name of [link, 'starling0', 'other0']) {
    if (links.some(({ ifname }) => ifname === name)) await ip(`link del ${name}`)
  }
  // A batch, for without any route there is no table, and a flush of none is an error.
  for (const family of [4, 6] as const) {
    await ipBatch([`route flush table main proto ${scope.protocol}`], family)
  }
}

const hand: Hand = {
  addRoute: async (route) => void (await ip(`route add ${routeText(route)}`)),
  removeRoute: async (route) => void (await ip(`route del ${routeText(route)}`)),
  setLink: async (name, state) => void (await ip(`link set ${name} ${state}`)),
  addAddress: async (name, text) => void (await ip(`address add ${text} dev ${name}`)),
  removeAddress: async (name, text) => void (await ip(`address del ${text} dev ${name}`)),
  setRule: async (table, state) =>
    void (await ip(`rule ${state === 'present' ? 'add' : 'del'} priority 100 lookup ${table}`)),
  addNexthopRoute: async (prefix, id) => {
    await ip(`nexthop add id ${id} via 10.0.1.80 dev ${link}`)
    await ip(`route add ${prefix} nhid ${id}`)
  },
  removeNexthopObject: async (id) => void (await ip(`nexthop del id ${id}`)),
  setCarrier: async (state) =>
    void (await ip(`link set ${link}p ${state === 'on' ? 'up' : 'down'}`)),
  switchForwardingOff: async () => {
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '0')
  },
}

function routeText({ prefix, via, metric, protocol, table }: HandRoute): string {
  const number = protocol === 'ours' ? scope.protocol : 'static'
  return `${prefix} via ${via} proto ${number}${metric === undefined ? '' : ` metric ${metric}`}${table === undefined ? '' : ` table ${table}`}`
}

export function prefixOf(text: string): Prefix {
  const parsed = parsePrefix(text)
  if (!parsed) throw new Error(`not a prefix: ${text}`)
  return parsed
}

export function addressOf(text: string): Address {
  const parsed = parseAddress(text)
  if (!parsed) throw new Error(`not an address: ${text}`)
  return parsed
}
