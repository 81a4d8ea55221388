/** Interfaces, and the kernel's settings for them. */

import { readdir } from 'node:fs/promises'
import { readText } from './fact.ts'

/** The settings that are looked at, by their path below /proc/sys/net; undefined: the kernel has no such setting. */
export type Sysctls = ReadonlyMap<string, string | undefined>

export async function readSysctls(links: readonly string[]): Promise<Sysctls> {
  const paths = [
    'ipv4/ip_forward',
    'ipv4/conf/all/rp_filter',
    'ipv6/conf/all/forwarding',
    'bridge/bridge-nf-call-iptables',
    'bridge/bridge-nf-call-ip6tables',
    ...links.flatMap((link) => [
      `ipv4/conf/${link}/forwarding`,
      `ipv4/conf/${link}/rp_filter`,
      `ipv6/conf/${link}/forwarding`,
      `ipv6/conf/${link}/accept_ra`,
    ]),
  ]
  const read = paths.map(async (path): Promise<[string, string | undefined]> => {
    const text = await readText(`/proc/sys/net/${path}`)
    return [path, text.isKnown ? text.value : undefined]
  })
  return new Map(await Promise.all(read))
}

/** Interfaces by name, with their MTU. */
export async function readLinks(): Promise<ReadonlyMap<string, number>> {
  const names = await readdir('/sys/class/net').catch(() => [])
  const read = names.map(async (name): Promise<[string, number]> => {
    const mtu = await readText(`/sys/class/net/${name}/mtu`)
    return [name, mtu.isKnown ? Number(mtu.value) : Number.NaN]
  })
  // What is no interface there, such as bonding_masters, has no MTU.
  return new Map((await Promise.all(read)).filter(([, mtu]) => Number.isInteger(mtu)))
}

/** Whether the socket at `path` was made in this network namespace, and under this path. */
export async function isSocketHere(path: string): Promise<boolean> {
  const sockets = await readText('/proc/net/unix')
  // Num RefCount Protocol Flags Type St Inode Path. What is accepted of one that listens is in the namespace of its client.
  const listens = (line: string): boolean =>
    line.split(' ')[3] === '00010000' && line.endsWith(` ${path}`)
  return sockets.isKnown && (sockets.value ?? '').split('\n').some(listens)
}
