/** IP forwarding of this network namespace and of single interfaces, switched on by sysctl where it is off. */

import { readdir, readFile, writeFile } from 'node:fs/promises'
import type { ForwardingAnswer } from '../../core/routing/route.ts'
import { sysctlName } from '../../core/sysctl.ts'

/** Files below /proc/sys. */
export interface Settings {
  read(path: string): Promise<string>
  write(path: string, value: string): Promise<void>
}

const kernelSettings: Settings = {
  read: async (path) => (await readFile(path, 'utf8')).trim(),
  write: (path, value) => writeFile(path, value),
}

const families = { 4: 'ipv4', 6: 'ipv6' } as const

/** The whole host first: switching that on switches on every interface. */
export async function checkForwarding(
  wanted: readonly (4 | 6)[],
  links: readonly string[],
  settings: Settings = kernelSettings,
): Promise<ForwardingAnswer> {
  const restored: string[] = []
  const errors: string[] = []
  for (const family of wanted) {
    const whole = family === 4 ? 'net/ipv4/ip_forward' : 'net/ipv6/conf/all/forwarding'
    const single = links.map((link) => `net/${families[family]}/conf/${link}/forwarding`)
    for (const setting of [whole, ...single]) {
      try {
        if (await switchOn(settings, setting, { family, isWhole: setting === whole })) {
          restored.push(sysctlName(setting))
        }
      } catch (thrown) {
        errors.push(textOf(sysctlName(setting), thrown))
      }
    }
  }
  return { restored, error: errors.join('; ') }
}

/** Whether it was off. */
async function switchOn(
  settings: Settings,
  setting: string,
  { family, isWhole }: { readonly family: 4 | 6; readonly isWhole: boolean },
): Promise<boolean> {
  const path = `${root}${setting}`
  if ((await readSetting(settings, path, isWhole)) !== '0') return false
  if (family === 6) await keepAdvertisements(settings)
  await settings.write(path, '1')
  return true
}

const root = '/proc/sys/'

/** An interface that is gone, or that has no IPv6, has nothing to be switched on. */
async function readSetting(settings: Settings, path: string, isWhole: boolean): Promise<string> {
  try {
    return await settings.read(path)
  } catch (thrown) {
    if (!isWhole && codeOf(thrown) === 'ENOENT') return ''
    throw thrown
  }
}

/**
 * A host that forwards IPv6 stops heeding router advertisements where `accept_ra` is 1, and would lose its default
 * route. 2 means "also while forwarding", so that no interface's behaviour changes.
 */
async function keepAdvertisements(settings: Settings): Promise<void> {
  const folder = '/proc/sys/net/ipv6/conf'
  for (const link of await readdir(folder)) {
    if (link === 'all' || link === 'default' || link === 'lo') continue
    const path = `${folder}/${link}/accept_ra`
    try {
      if ((await settings.read(path)) === '1') await settings.write(path, '2')
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
