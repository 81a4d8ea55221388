/** The name by which agents find their seeds: not answered, or with an address where nobody is. */

import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { execute, printed } from '../docker.ts'
import { restartAgent, until } from './agents.ts'
import type { Play, Victims } from './fault.ts'

/** Docker's resolver in each container. */
const resolver = '127.0.0.11'
/** Nobody's. */
const old = '192.168.77.250'

export const noNames: Play = async (victims) => {
  const counted = await counting(victims, `ip daddr ${resolver} udp dport 53 counter drop`)
  await restartAgent(victims)
  return async () => ({ what: 'questions that were not answered', count: await counted() })
}

/** The file of names comes before the resolver. */
export const oldName: Play = async (victims) => {
  const { site, host } = victims
  const counted = await counting(victims, `ip daddr ${old} counter`)
  const format = '{{.HostsPath}}'
  const file = (await site.docker.run('inspect', host.holder, '--format', format)).trim()
  const before = await readFile(file, 'utf8')
  await appendFile(file, `${old} host\n`)
  await restartAgent(victims)
  return async () => {
    await writeFile(file, before)
    return { what: 'packets to where nobody is', count: await counted() }
  }
}

/**
 * Before Docker's own rules change where the packet goes. Resolves in the end with how many it hit: on a busy machine an
 * agent may ask only a while after it was restarted, and is waited for.
 */
async function counting({ fault, host }: Victims, rule: string): Promise<() => Promise<number>> {
  const table = `ip chaos${fault.id}`
  const nft = async (script: string) => {
    const command = ['ip', 'netns', 'exec', host.namespace, 'nft', script] as const
    return printed(command, await execute(command))
  }
  await nft(`table ${table} {\nchain seen { type filter hook output priority -300; ${rule}; }\n}\n`)
  return async () => {
    const hits = await until(async () => {
      const shown = await nft(`list table ${table}`)
      return Number(/counter packets (\d+)/.exec(shown)?.[1] ?? 0) || undefined
    })
    await nft(`delete table ${table}`)
    return hits ?? 0
  }
}
