/** The names of this network namespace's interfaces by index, as far as /proc tells them. */

import { readFile } from 'node:fs/promises'
import type { LinkNames } from './messages.ts'

/** One file lists what has IPv4, the other what has IPv6. An interface in neither carries no route of ours. */
export async function readLinkNames(): Promise<LinkNames> {
  const [ipv4, ipv6] = await Promise.all([
    readLines('/proc/self/net/igmp'),
    readLines('/proc/self/net/if_inet6'),
  ])
  const names = new Map<number, string>()
  for (const line of ipv4) {
    const [, index, name] = /^([0-9]+)\s+(\S+)\s*:/.exec(line) ?? []
    if (index !== undefined && name !== undefined) names.set(Number(index), name)
  }
  for (const line of ipv6) {
    const [, index, , , , name] = line.trim().split(/\s+/)
    if (index !== undefined && name !== undefined) names.set(Number.parseInt(index, 16), name)
  }
  return names
}

async function readLines(path: string): Promise<readonly string[]> {
  try {
    return (await readFile(path, 'utf8')).split('\n')
  } catch {
    // A kernel without that family has no such file; interfaces then show by number.
    return []
  }
}
