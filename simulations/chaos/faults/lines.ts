/** The network between hosts: who reaches whom, what gets lost, and links without a carrier. */

import { setTimeout as sleep } from 'node:timers/promises'
import { ip } from '../../lab/iproute.ts'
import type { ChaosHost } from '../chaos-host.ts'
import { execute, printed } from '../docker.ts'
import type { Witness } from '../judge/record.ts'
import type { Site } from '../site.ts'
import type { Play } from './fault.ts'

const flapMs = 1_000

export const cutOff: Play = (victims) => cutAcross(victims)
export const cutMinority: Play = (victims) => cutAcross(victims)
export const cutHalves: Play = (victims) => cutAcross(victims)

const cutAcross: Play = async ({ site, fault, hosts }) => {
  const others = site.hosts.filter((host) => !hosts.includes(host))
  return cut(site, fault.id, [...apart(await macs(hosts), await macs(others))])
}

export const cutPair: Play = async ({ site, fault, hosts }) => {
  const [one, other] = (await macs(hosts)) as [string, string]
  return cut(site, fault.id, [...apart([one], [other])])
}

export const oneWay: Play = async ({ site, fault, host }) => {
  const [mac] = await macs([host])
  return cut(site, fault.id, [`ether saddr ${mac} counter drop`])
}

/** As many rounds of it as there is time for; the last one ends mended. */
export const flap: Play = async ({ site, fault, hosts }) => {
  const others = site.hosts.filter((host) => !hosts.includes(host))
  const rules = [...apart(await macs(hosts), await macs(others))]
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
  const [mac] = await macs([host])
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
  id: number,
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

const macs = (hosts: readonly ChaosHost[]): Promise<string[]> =>
  Promise.all(
    hosts.map(async (host) => {
      const [link] = JSON.parse(await host.ip('-j link show dev eth0')) as { address: string }[]
      return link?.address ?? ''
    }),
  )

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
