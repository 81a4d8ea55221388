/** At the gateway of the hosts' network: counts what is sent to the pool and should have been refused on its host. */

import { execute, printed } from './docker.ts'
import { pool } from './pool.ts'
import type { Site } from './site.ts'

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
    const chain = `chain seen { type filter hook input priority 0; ip daddr ${pool} counter; }`
    await sentinel.#nft(`table bridge sentinel {\n${chain}\n}\n`)
    return sentinel
  }

  /** Packets so far. */
  async count(): Promise<number> {
    const shown = await this.#nft('list table bridge sentinel')
    return Number(/counter packets (\d+)/.exec(shown)?.[1] ?? 0)
  }

  async #nft(script: string): Promise<string> {
    const command = ['ip', 'netns', 'exec', this.#namespace, 'nft', script] as const
    return printed(command, await execute(command))
  }
}
