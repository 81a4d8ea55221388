/** What the agents of a site tell of themselves, for as long as each of them runs. */

import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../lab/observer.ts'
import type { ChaosHost } from './chaos-host.ts'
import type { Site } from './site.ts'

/** Between two attempts to reach an agent that does not answer. */
const againMs = 200

export class Events {
  readonly #ending = new AbortController()
  readonly #following: Promise<unknown>

  constructor(site: Site) {
    this.#following = Promise.all(site.hosts.map((host) => this.#follow(site, host)))
  }

  async stop(): Promise<void> {
    this.#ending.abort()
    await this.#following
  }

  async #follow(site: Site, host: ChaosHost): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      // An agent that dies ends the stream, and its successor has another one.
      await host
        .withApi((api) =>
          api.watch(
            signal,
            () => undefined,
            ({ code, level, message: text }) => {
              site.tell({ type: 'event', host: host.number, atMs: now(), code, level, text })
            },
          ),
        )
        .catch(() => undefined)
      if (!signal.aborted) await sleep(againMs)
    }
  }
}
