/** The network between hosts: who reaches whom, what gets lost, and links without a carrier. */

import { setTimeout as sleep } from 'node:timers/promises'
import { ip } from '../../lab/iproute.ts'
import type { ChaosHost } from '../chaos-host.ts'
import { execute, printed } from '../docker.ts'
import type { Witness } from '../judge/record.ts'
import { LineProgram } from '../line-program.ts'
import { isApart } from '../plan/ring.ts'
import type { Site } from '../site.ts'
import type { Play } from './fault.ts'

const flapMs = 1_000
const stepMs = 300
const nobodysMac = '02:00:00:00:00:fe'
/** Least and greatest. */
const delayMs = [20, 120] as const

export const cutOff: Play = (victims) => cutAcross(victims)
export const cutMinority: Play = (victims) => cutAcross(victims)
export const cutHalves: Play = (victims) => cutAcross(victims)

const cutAcross: Play = async ({ site, fault, hosts }) => {
  const others = site.hosts.filter((host) => !hosts.includes(host))
  return cut(site, fault.id, [...apart(macs(hosts), macs(others))])
}

export const cutPair: Play = async ({ site, fault, hosts }) => {
  const [one, other] = macs(hosts) as [string, string]
  return cut(site, fault.id, [...apart([one], [other])])
}

export const cutRing: Play = async ({ site, fault, hosts }) => {
  const all = macs(hosts)
  const rules = hosts.flatMap((one, at) => {
    const far = hosts.flatMap((other, index) =>
      isApart(fault.hosts, one.number, other.number) ? [all[index] ?? ''] : [],
    )
    const set = `{ ${far.join(', ')} }`
    return far.length === 0 ? [] : [`ether saddr ${all[at]} ether daddr ${set} counter drop`]
  })
  return cut(site, fault.id, rules)
}

/** Off one after the other, back in the reverse order; all of them are back when it is mended. */
export const swizzle: Play = async ({ site, fault, hosts }) => {
  const each = Math.max(stepMs, fault.forMs / (2 * hosts.length))
  const mends: (() => Promise<Witness>)[] = []
  let isOver = false
  let count = 0
  const swizzling = (async () => {
    for (const [at, host] of hosts.entries()) {
      const others = site.hosts.filter((other) => other !== host)
      const rules = [...apart(macs([host]), macs(others))]
      mends.push(await cut(site, `${fault.id}_${at}`, rules))
      if (isOver) break
      await sleep(each)
    }
    while (mends.length > 0) {
      count += (await mends.pop()?.())?.count ?? 0
      if (!isOver) await sleep(each)
    }
  })()
  return async () => {
    isOver = true
    await swizzling
    return { what: frames, count }
  }
}

/** By a program that stands between the host's port and the switch. */
export const delay: Play = async ({ site, fault, host }) => {
  const port = await portOf(site, host)
  const [near, far] = [`near${fault.id}`, `far${fault.id}`]
  const inside = (command: string) => ip(`-n ${site.daemonNamespace} ${command}`)
  await inside(`link add ${near} type veth peer name ${far}`)
  await inside(`link set ${near} up`)
  let passed = 0
  const relay = await LineProgram.start(
    new URL('../relay.c', import.meta.url),
    site.daemonNamespace,
    [port, near, ...delayMs.map(String)],
    ([count]) => {
      passed = Number(count)
    },
  )
  await inside(`link set ${port} nomaster`)
  await inside(`link set ${far} master ${await site.switchName()} up`)
  return async () => {
    await inside(`link del ${near}`)
    await inside(`link set ${port} master ${await site.switchName()}`)
    await relay.stop()
    return { what: 'frames that were late', count: passed }
  }
}

export const slowLine: Play = async ({ site, host }) => {
  const port = await portOf(site, host)
  const tc = async (...words: readonly string[]) => {
    const command = ['ip', 'netns', 'exec', site.daemonNamespace, 'tc', ...words] as const
    return printed(command, await execute(command))
  }
  await tc(
    'qdisc',
    'add',
    'dev',
    port,
    'root',
    'tbf',
    ...'rate 100kbit burst 8kb latency 200ms'.split(' '),
  )
  return async () => {
    const shown = await tc('-s', '-j', 'qdisc', 'show', 'dev', port)
    await tc('qdisc', 'del', 'dev', port, 'root')
    const [qdisc] = JSON.parse(shown) as { overlimits: number }[]
    return { what: 'times over its limit', count: qdisc?.overlimits ?? 0 }
  }
}

export const smallFrames: Play = async ({ host }) => {
  await host.ip('link set eth0 mtu 1280')
  return async () => {
    const shown = await host.ip('-j link show dev eth0')
    await host.ip('link set eth0 mtu 1500')
    return { what: 'an MTU of 1280', count: shown.includes('"mtu":1280') ? 1 : 0 }
  }
}

/** Until then nobody else's. */
export const otherAddress: Play = async ({ fault, host }) => {
  const other = `192.168.77.${60 + (fault.id % 60)}`
  const change = async (from: string, to: string) => {
    await host.ip(`address del ${from}/24 dev eth0`)
    await host.ip(`address add ${to}/24 dev eth0`)
    await host.ip('route replace default via 192.168.77.1')
  }
  await change(host.address, other)
  return async () => {
    const shown = await host.ip('-j address show dev eth0')
    await change(other, host.address)
    return { what: 'another address', count: shown.includes(other) ? 1 : 0 }
  }
}

/** As after its network card was changed, where the first host goes on with the old card's. */
export const wrongNeighbour: Play = async ({ hosts }) => {
  const [host, other] = hosts as [ChaosHost, ChaosHost]
  const is = (mac: string, state: string) =>
    host.ip(`neigh replace ${other.address} lladdr ${mac} dev eth0 nud ${state}`)
  await is(nobodysMac, 'permanent')
  const shown = await host.ip(`-j neigh show to ${other.address}`)
  return async () => {
    await is(other.mac, 'stale')
    return { what: 'neighbours that are nobody', count: shown.includes(nobodysMac) ? 1 : 0 }
  }
}

export const oneWay: Play = async ({ site, fault, host }) => {
  const [mac] = macs([host])
  return cut(site, fault.id, [`ether saddr ${mac} counter drop`])
}

/** As many rounds of it as there is time for; the last one ends mended. */
export const flap: Play = async ({ site, fault, hosts }) => {
  const others = site.hosts.filter((host) => !hosts.includes(host))
  const rules = [...apart(macs(hosts), macs(others))]
  let isOver = false
  let count = 0
  const flapping = (async () => {
    while (!isOver) {
      const mend = await cut(site, fault.id, rules)
      await sleep(flapMs)
      count += (await mend()).count
      if (!isOver) await sleep(flapMs)
    }
  })()
  return async () => {
    isOver = true
    await flapping
    return { what: frames, count }
  }
}

export const loss: Play = async ({ site, fault, host }) => {
  const [mac] = macs([host])
  const percent = 10 + Math.round(fault.share * 20)
  return cut(site, fault.id, [`ether saddr ${mac} numgen random mod 100 < ${percent} counter drop`])
}

export const carrierLost: Play = async ({ site, host }) => {
  const port = await portOf(site, host)
  await ip(`-n ${site.daemonNamespace} link set ${port} down`)
  const shown = await host.ip('-j link show dev eth0')
  const hasNone = shown.includes('NO-CARRIER')
  return async () => {
    await ip(`-n ${site.daemonNamespace} link set ${port} up`)
    return { what: 'no carrier', count: hasNone ? 1 : 0 }
  }
}

const frames = 'frames that were dropped'

/** Frames of hosts go by their Ethernet addresses: those of containers have addresses of their own in them. */
async function cut(
  site: Site,
  id: number | string,
  rules: readonly string[],
): Promise<() => Promise<Witness>> {
  const table = `bridge chaos${id}`
  const chain = `chain lost { type filter hook forward priority 0; ${rules.join('; ')}; }`
  await nft(site, `table ${table} {\n${chain}\n}\n`)
  return async () => {
    const shown = await nft(site, `list table ${table}`)
    await nft(site, `delete table ${table}`)
    const counts = [...shown.matchAll(/counter packets (\d+)/g)].map(([, count]) => Number(count))
    return { what: frames, count: counts.reduce((sum, count) => sum + count, 0) }
  }
}

function* apart(some: readonly string[], others: readonly string[]): Generator<string> {
  const set = (each: readonly string[]) => `{ ${each.join(', ')} }`
  yield `ether saddr ${set(some)} ether daddr ${set(others)} counter drop`
  yield `ether saddr ${set(others)} ether daddr ${set(some)} counter drop`
}

const macs = (hosts: readonly ChaosHost[]): readonly string[] => hosts.map(({ mac }) => mac)

/** The other end of its link, on the switch. */
async function portOf(site: Site, host: ChaosHost): Promise<string> {
  const [link] = JSON.parse(await host.ip('-j link show dev eth0')) as { link_index: number }[]
  const shown = await ip(`-n ${site.daemonNamespace} -j link show type veth`)
  const ports = JSON.parse(shown) as { ifindex: number; ifname: string }[]
  return ports.find(({ ifindex }) => ifindex === link?.link_index)?.ifname ?? ''
}

async function nft({ daemonNamespace }: Site, script: string): Promise<string> {
  const command = ['ip', 'netns', 'exec', daemonNamespace, 'nft', script] as const
  return printed(command, await execute(command))
}
