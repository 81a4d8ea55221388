/** What others on a host do to its kernel: to routes, to the bridge, to forwarding. */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ip } from '../../lab/iproute.ts'
import { NotNow, type Play } from './fault.ts'

/** The cluster's, by default. */
const pool = '172.16.0.0/12'
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
