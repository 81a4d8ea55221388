/** What this process may do, and what the kernel can. */

import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { type Fact, known, readText, unknown } from './fact.ts'

/** Bit of CAP_NET_ADMIN, see capability(7). */
const netAdmin = 12n

export async function readNetAdmin(): Promise<Fact<boolean>> {
  const status = await readText('/proc/self/status')
  const effective = status.isKnown && /^CapEff:\s*([0-9a-f]+)$/m.exec(status.value ?? '')?.[1]
  if (!effective) return unknown('/proc does not show capabilities', 'mount /proc')
  return known(((BigInt(`0x${effective}`) >> netAdmin) & 1n) === 1n)
}

/** Parts of the kernel by the names of their modules, and the options that bring them. */
const parts = {
  bridge: ['BRIDGE'],
  veth: ['VETH'],
  nf_tables: ['NF_TABLES'],
  nft_masq: ['NFT_MASQ'],
  // Either of them serves one flavour of iptables.
  ip_tables: ['NFT_COMPAT', 'IP_NF_IPTABLES_LEGACY', 'IP_NF_IPTABLES'],
} as const

export type KernelPart = keyof typeof parts

/** `unknown`: neither the kernel's configuration nor its modules are to be seen. */
export type Presence = 'there' | 'absent' | 'unknown'

export async function readKernel(): Promise<Readonly<Record<KernelPart, Presence>>> {
  const config = await readConfig()
  const directory = `/lib/modules/${release()}`
  const [loadable, builtIn] = await Promise.all(
    ['modules.dep', 'modules.builtin'].map((name) => readText(`${directory}/${name}`)),
  )
  const modules = [loadable, builtIn].map((file) => (file?.isKnown ? file.value : undefined))
  const presence = async (part: KernelPart): Promise<[KernelPart, Presence]> => {
    const values = parts[part].map((option) =>
      config === undefined ? undefined : (config.get(option) ?? 'n'),
    )
    if (values.includes('y') || (await isLoaded(part))) return [part, 'there']
    const file = new RegExp(`/${part.replaceAll('_', '[_-]')}[.]ko`, 'm')
    if (modules.some((list) => list !== undefined && file.test(list))) return [part, 'there']
    const isRuledOut =
      config === undefined ? modules[0] !== undefined : values.every((each) => each === 'n')
    return [part, isRuledOut ? 'absent' : 'unknown']
  }
  const found = await Promise.all((Object.keys(parts) as KernelPart[]).map(presence))
  return Object.fromEntries(found) as Record<KernelPart, Presence>
}

const isLoaded = async (module: string): Promise<boolean> => {
  const state = await readText(`/sys/module/${module}/initstate`)
  return state.isKnown && state.value === 'live'
}

/** Options that are set. Undefined: the kernel does not tell. */
async function readConfig(): Promise<ReadonlyMap<string, string> | undefined> {
  for (const read of [
    async () => (await promisify(gunzip)(await readFile('/proc/config.gz'))).toString('latin1'),
    async () => readFile(`/boot/config-${release()}`, 'latin1'),
  ]) {
    try {
      const lines = (await read()).matchAll(/^CONFIG_([A-Z0-9_]+)=([ym])$/gm)
      return new Map([...lines].map(([, option = '', value = '']) => [option, value]))
    } catch {
      // Not there, or not readable: the other one may be.
    }
  }
  return undefined
}
