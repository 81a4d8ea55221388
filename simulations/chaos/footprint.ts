/** What a machine's firewall, sysctls and interfaces are, as lines that can be compared. */

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { path } from '../../setup/machine.ts'
import { namespacesNamed } from '../lab/iproute.ts'
import { DockerError, execute } from './docker.ts'

/** Kinds of settings that somebody's containers have been known to change. */
const sysctlFolders = ['/proc/sys/net/ipv4', '/proc/sys/net/ipv6', '/proc/sys/net/bridge']

export interface Footprint {
  readonly lines: ReadonlySet<string>
}

/** `prefix` begins the names of the namespaces that are looked for. */
export async function footprint(prefix: string): Promise<Footprint> {
  const lines = [
    ...(await shown('link', ['ip', '-o', 'link', 'show'])),
    ...(await shown('address', ['ip', '-o', 'address', 'show'])),
    ...(await shown('route', ['ip', '-o', 'route', 'show', 'table', 'all'])),
    ...(await shown('iptables', ['iptables-save'])),
    ...(await shown('ip6tables', ['ip6tables-save'])),
    ...(await shown('nft', ['nft', 'list', 'ruleset'])),
    ...(await Promise.all(sysctlFolders.map(sysctls))).flat(),
    ...(await namespacesNamed(prefix)).map((name) => `namespace ${name}`),
  ]
  return { lines: new Set(lines) }
}

/** A line for each thing that came or went. */
export function changes(before: Footprint, after: Footprint): string[] {
  return [
    ...[...before.lines].filter((line) => !after.lines.has(line)).map((line) => `gone: ${line}`),
    ...[...after.lines].filter((line) => !before.lines.has(line)).map((line) => `new: ${line}`),
  ]
}

async function shown(kind: string, command: readonly [string, ...string[]]): Promise<string[]> {
  try {
    // Both families of iptables say on standard error that there are no tables: not ours to judge.
    const { stdout } = await execute(command, { env: { ...process.env, PATH: path } })
    return stdout
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => `${kind} ${steady(line)}`)
  } catch (error) {
    // A machine without the tool has nothing to compare.
    if (error instanceof DockerError && error.code === 'not-installed') return []
    throw error
  }
}

/** Without counters and lifetimes, which move by themselves. */
const steady = (line: string): string =>
  line
    .replace(/\[\d+:\d+\]/g, '')
    .replace(/(valid_lft|preferred_lft|expires) \S+/g, '')
    .replace(/counter packets \d+ bytes \d+/g, '')
    .trim()

async function sysctls(folder: string): Promise<string[]> {
  const found: string[] = []
  for (const entry of await entries(folder)) {
    const file = join(folder, entry.name)
    if (entry.isDirectory()) found.push(...(await sysctls(file)))
    else found.push(`sysctl ${file.slice('/proc/sys/'.length)} ${await value(file)}`)
  }
  return found
}

async function entries(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

async function value(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    // Some can only be written, such as route/flush, and an interface may go while we look.
    if (isAbsent(error)) return '-'
    throw error
  }
}

const isAbsent = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  ['ENOENT', 'EACCES', 'EPERM', 'EIO', 'EINVAL'].includes(String(error.code))
