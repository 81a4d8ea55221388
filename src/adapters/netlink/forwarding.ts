/** IP forwarding of this network namespace, switched on by sysctl. */

import { readdir, readFile, writeFile } from 'node:fs/promises'

const sysctlOf = { 4: 'net/ipv4/ip_forward', 6: 'net/ipv6/conf/all/forwarding' } as const

/** An error text per family that cannot forward, or empty. */
export async function enableForwarding(families: readonly (4 | 6)[]): Promise<string> {
  const errors: string[] = []
  for (const family of families) {
    const name = sysctlOf[family].replaceAll('/', '.')
    try {
      await enable(family)
    } catch (thrown) {
      errors.push(textOf(name, thrown))
    }
  }
  return errors.join('; ')
}

async function enable(family: 4 | 6): Promise<void> {
  const path = `/proc/sys/${sysctlOf[family]}`
  if ((await readFile(path, 'utf8')).trim() !== '0') return
  if (family === 6) await keepAdvertisements()
  await writeFile(path, '1')
}

/**
 * A host that forwards IPv6 stops heeding router advertisements where `accept_ra` is 1, and would lose its default
 * route. 2 means "also while forwarding", so that no interface's behaviour changes.
 */
async function keepAdvertisements(): Promise<void> {
  const folder = '/proc/sys/net/ipv6/conf'
  for (const link of await readdir(folder)) {
    if (link === 'all' || link === 'default' || link === 'lo') continue
    const path = `${folder}/${link}/accept_ra`
    try {
      if ((await readFile(path, 'utf8')).trim() === '1') await writeFile(path, '2')
    } catch (thrown) {
      // A link may go while we look. Anything else must stop us before forwarding is set.
      if (codeOf(thrown) !== 'ENOENT') throw thrown
    }
  }
}

function textOf(name: string, thrown: unknown): string {
  const code = codeOf(thrown)
  if (code === 'ENOENT') return `${name}: the kernel has no such protocol (ENOENT)`
  return `${name} cannot be set to 1 (${code})`
}

function codeOf(thrown: unknown): string {
  if (thrown instanceof Error && 'code' in thrown) return String(thrown.code)
  return String(thrown)
}
