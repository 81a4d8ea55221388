/** On the switch of the hosts: counts what it should not get, and what agents say to each other. */

import { execute, printed } from './docker.ts'
import { pool } from './pool.ts'
import type { Site } from './site.ts'

const port = 7871

/** Packets so far. */
export interface Seen {
  /** To the pool, at the gateway: their hosts should have refused them. */
  readonly leaked: number
  /** Between agents. */
  readonly said: number
}

export class Sentinel {
  readonly #namespace: string

  private constructor(namespace: string) {
    this.#namespace = namespace
  }

  static async post({ daemonNamespace }: Site): Promise<Sentinel> {
    const sentinel = new Sentinel(daemonNamespace)
    // Sessions of more than one run keep their daemon.
    await sentinel.#nft('add table bridge sentinel; delete table bridge sentinel')
    // What comes to the switch itself, which is the gateway; the rest passes through it.
    const chains = [
      `chain leaked { type filter hook input priority 0; ip daddr ${pool} counter; }`,
      `chain said { type filter hook forward priority 0; tcp dport ${port} counter; tcp sport ${port} counter; }`,
    ]
    await sentinel.#nft(`table bridge sentinel {\n${chains.join('\n')}\n}\n`)
    return sentinel
  }

  async look(): Promise<Seen> {
    const shown = await this.#nft('list table bridge sentinel')
    const counts = [...shown.matchAll(/counter packets (\d+)/g)].map(([, count]) => Number(count))
    const [leaked = 0, ...said] = counts
    return { leaked, said: said.reduce((sum, count) => sum + count, 0) }
  }

  async #nft(script: string): Promise<string> {
    const command = ['ip', 'netns', 'exec', this.#namespace, 'nft', script] as const
    return printed(command, await execute(command))
  }
}
