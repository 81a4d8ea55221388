/** What others on a host do to its kernel: to routes, to the bridge, to forwarding. */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ip } from '../../lab/iproute.ts'
import { pool } from '../pool.ts'
import { until } from './agents.ts'
import { NotNow, type Play } from './fault.ts'

const bridge = 'starling0'
const foreignTable = 1_000
const manyRoutes = 50_000
const broad = (index: number): string => `10.${index >> 8}.${index & 255}`

export const deleteRoutes: Play = async ({ host }) => {
  const count = (await host.routes()).length
  await host.ip('route flush proto 83')
  return async () => ({ what: 'routes deleted', count })
}

export const flushRoutes: Play = async ({ host }) => {
  const count = (await host.routes()).length
  await host.ip(`route flush root ${pool} proto 83`)
  return async () => ({ what: 'routes flushed', count })
}

/** At the same keys: ours are gone while they are there, and nobody else's is touched. */
export const replaceRoutes: Play = async ({ host }) => {
  const routes = await host.routes()
  for (const { dst } of routes) await host.ip(`route replace unreachable ${dst}`)
  return async () => {
    for (const { dst } of routes) await host.ip(`route del unreachable ${dst}`).catch(() => '')
    return { what: 'routes replaced', count: routes.length }
  }
}

export const dropBridgeAddress: Play = async ({ host }) => {
  const shown = await host.ip('-j -4 addr show dev starling0')
  const [link] = JSON.parse(shown) as { addr_info: { local: string; prefixlen: number }[] }[]
  const [held] = link?.addr_info ?? []
  if (!held) throw new NotNow('its bridge has no address')
  await host.ip(`addr del ${held.local}/${held.prefixlen} dev starling0`)
  return async () => ({ what: 'addresses deleted', count: 1 })
}

/** An agent in a container cannot switch it on again: /proc/sys is read-only there. */
export const stopForwarding: Play = async ({ host }) => {
  const set = (value: 0 | 1) =>
    ip(`netns exec ${host.namespace} sysctl -w net.ipv4.ip_forward=${value}`)
  const shown = await set(0)
  return async () => {
    await set(1)
    return { what: 'switches', count: shown.includes('= 0') ? 1 : 0 }
  }
}

export const deleteBridge: Play = async ({ host }) => {
  await host.ip(`link del ${bridge}`)
  return async () => {
    const isBack = await until(async () =>
      host.ip(`link show dev ${bridge}`).then(
        () => true,
        () => undefined,
      ),
    )
    return { what: 'bridges that came back', count: isBack ? 1 : 0 }
  }
}

/** To the half of another host's subnet in which its containers are. */
export const closerAlien: Play = async ({ site, host }) => {
  const other = site.hosts[(host.number + 1) % site.hosts.length]
  const address = other?.guest.address
  if (address === undefined) throw new NotNow('nothing is behind the other host')
  await host.ip(`route replace unreachable ${address}/32`)
  return async () => {
    const shown = await host.ip(`-j route show type unreachable ${address}/32`)
    await host.ip(`route del unreachable ${address}/32`)
    return { what: 'routes of somebody else', count: (JSON.parse(shown) as unknown[]).length }
  }
}

export const foreignRule: Play = async ({ host, fault }) => {
  const table = foreignTable + fault.id
  await host.ip(`route add unreachable default table ${table}`)
  await host.ip(`rule add priority 100 to ${pool} lookup ${table}`)
  return async () => {
    const shown = await host.ip(`-j rule show table ${table}`)
    await host.ip(`rule del priority 100 to ${pool} lookup ${table}`)
    await host.ip(`route del unreachable default table ${table}`)
    return { what: 'rules', count: (JSON.parse(shown) as unknown[]).length }
  }
}

export const strictSource: Play = async ({ host }) => {
  const set = (value: 0 | 1) =>
    ip(`netns exec ${host.namespace} sysctl -w net.ipv4.conf.all.rp_filter=${value}`)
  const shown = await set(1)
  return async () => {
    await set(0)
    return { what: 'switches', count: shown.includes('= 1') ? 1 : 0 }
  }
}

/** What is not the agent's comes back, for Docker's names depend on it. */
export const flushFirewall: Play = async ({ site, host }) => {
  const nft = (...words: string[]) => ip(`netns exec ${host.namespace} nft ${words.join(' ')}`)
  const before = await nft('list', 'ruleset')
  await nft('flush', 'ruleset')
  return async () => {
    const file = join(site.project.directory, `ruleset${host.number}`)
    const tables = before
      .split(/^(?=table )/m)
      .filter((table) => !/^table \S+ starling/.test(table))
    await writeFile(file, tables.join(''))
    await nft('-f', file)
    return { what: 'tables that were flushed', count: tables.length }
  }
}

export const manyForeignRoutes: Play = async ({ site, host }) => {
  const lines = (verb: string) =>
    Array.from(
      { length: manyRoutes },
      (_, index) => `route ${verb} unreachable ${broad(index)}.0/24 metric 4000\n`,
    ).join('')
  const file = join(site.project.directory, `routes${host.number}`)
  await writeFile(file, lines('add'))
  await host.ip(`-batch ${file}`)
  return async () => {
    await writeFile(file, lines('del'))
    await host.ip(`-batch ${file}`)
    return { what: 'routes', count: manyRoutes }
  }
}
