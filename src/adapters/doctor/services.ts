/** Other programs of the host that manage networks, by what they leave in the file system. */

import { access, readdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Fact, known, readText, unknown } from './fact.ts'

export interface Networkd {
  readonly isRunning: boolean
  /** Whether it removes routes that others made. */
  readonly managesForeignRoutes: boolean
}

export interface NetworkManager {
  readonly isRunning: boolean
  /** Interfaces that it leaves alone, as its configuration has them. */
  readonly unmanaged: readonly string[]
}

export interface Docker {
  readonly isThere: boolean
  /** What networks are cut from that are made without a subnet; undefined: Docker's own defaults. */
  readonly pools: readonly string[] | undefined
}

export async function readNetworkd(): Promise<Fact<Networkd>> {
  const running = await runs('/run/systemd/netif/state', 'systemd-networkd')
  if (!running.isKnown) return running
  const places = ['/etc/systemd', '/run/systemd', '/usr/local/lib/systemd', '/usr/lib/systemd']
  const texts = await configurations('networkd.conf', places)
  const values = texts.flatMap((text) =>
    [...text.matchAll(/^\s*ManageForeignRoutes\s*=\s*(\S+)\s*$/gim)].map(([, value = '']) => value),
  )
  const isOff = /^(no|false|off|n|f|0)$/i.test(values.at(-1) ?? 'yes')
  return known({ isRunning: running.value, managesForeignRoutes: !isOff })
}

export async function readNetworkManager(): Promise<Fact<NetworkManager>> {
  const running = await runs('/run/NetworkManager', 'NetworkManager')
  if (!running.isKnown) return running
  const places = ['/etc/NetworkManager', '/run/NetworkManager', '/usr/lib/NetworkManager']
  const texts = await configurations('NetworkManager.conf', places, 'conf.d')
  const unmanaged = texts.flatMap((text) =>
    [...text.matchAll(/^\s*unmanaged-devices\s*[+]?=\s*(.+)$/gim)].flatMap(([, list = '']) =>
      [...list.matchAll(/interface-name:=?([^;,\s]+)/g)].map(([, name = '']) => name),
    ),
  )
  return known({ isRunning: running.value, unmanaged })
}

export async function readDocker(links: ReadonlyMap<string, number>): Promise<Fact<Docker>> {
  const text = await readText('/etc/docker/daemon.json')
  if (!text.isKnown) return text
  const isThere = (await isPresent('/var/run/docker.sock')) || links.has('docker0')
  if (text.value === undefined) {
    // Its settings may be where this process does not see them.
    if (isThere && !(await seesHost())) return elsewhere('the settings of Docker')
    return known({ isThere, pools: undefined })
  }
  try {
    const { 'default-address-pools': pools } = JSON.parse(text.value || '{}') as {
      'default-address-pools'?: { base?: string }[]
    }
    return known({ isThere, pools: pools?.map(({ base }) => String(base)) })
  } catch {
    return unknown(
      '/etc/docker/daemon.json is no JSON',
      'correct it: dockerd does not start with it',
    )
  }
}

/** A program that leaves `trace` while it runs. */
async function runs(trace: string, name: string): Promise<Fact<boolean>> {
  if (await isPresent(trace)) return known(true)
  return (await seesHost()) ? known(false) : elsewhere(`whether ${name} runs`)
}

const elsewhere = (what: string): Fact<never> =>
  unknown(`${what} is not to be seen from this container`, 'run starling doctor on the host itself')

/** Threads of the kernel are seen where all processes are, and that is the host as a rule. */
async function seesHost(): Promise<boolean> {
  const name = await readText('/proc/2/comm')
  return name.isKnown && name.value === 'kthreadd'
}

/** A file, and then the files of directories beside it by their names; what comes later wins. */
async function configurations(
  file: string,
  places: readonly string[],
  dropIns = `${file}.d`,
): Promise<string[]> {
  // Of files of one name the first place's is read, of main files the first one.
  const named = new Map<string, string>()
  for (const place of places) {
    for (const name of await readdir(`${place}/${dropIns}`).catch(() => [])) {
      if (name.endsWith('.conf') && !named.has(name)) named.set(name, `${place}/${dropIns}/${name}`)
    }
  }
  const later = [...named.values()].sort((a, b) => (basename(a) < basename(b) ? -1 : 1))
  const texts: string[] = []
  for (const path of [...places.map((place) => `${place}/${file}`), ...later]) {
    const text = await readText(path)
    const isSecondMain = !later.includes(path) && texts.length > 0
    if (text.isKnown && text.value !== undefined && !isSecondMain) texts.push(text.value)
  }
  return texts
}

const isPresent = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
