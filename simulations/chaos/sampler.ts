/** Looks once a second at how all hosts fare, and at what looking costs. */

import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../lab/observer.ts'
import { cpuMs } from '../lab/processes.ts'
import type { ChaosHost } from './chaos-host.ts'
import type { Site } from './site.ts'

const everyMs = 1_000

export class Sampler {
  #isOver = false
  readonly #sampling: Promise<void>
  readonly #cpu = new Map<ChaosHost, number>()

  constructor(site: Site) {
    this.#sampling = this.#sample(site)
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#sampling
  }

  async #sample(site: Site): Promise<void> {
    let runner = process.cpuUsage()
    while (!this.#isOver) {
      await sleep(everyMs)
      const answers = await Promise.all(site.hosts.map((host) => this.#look(host)))
      const used = process.cpuUsage(runner)
      runner = process.cpuUsage()
      site.tell({
        type: 'sample',
        atMs: now(),
        complete: site.hosts.filter((host) => site.routesOf(host) >= site.hosts.length - 1).length,
        digests: new Set(answers.flatMap(({ digest }) => digest ?? [])).size,
        agentsCpuMs: answers.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
        runnerCpuMs: (used.user + used.system) / 1_000,
      })
    }
  }

  async #look(host: ChaosHost): Promise<{ digest: string | undefined; cpuMs: number }> {
    const digest = await host
      .withApi((api) => api.call('Status', { wait: false, timeoutMs: 0 }, everyMs))
      .then((status) => status.digest)
      .catch(() => undefined)
    const usedMs = cpuSoFar(await host.agentPid().catch(() => 0))
    const before = this.#cpu.get(host) ?? usedMs
    this.#cpu.set(host, usedMs)
    // Another process begins anew.
    return { digest, cpuMs: usedMs >= before ? usedMs - before : usedMs }
  }
}

/** 0 where there is no such process, or none any more. */
function cpuSoFar(pid: number): number {
  try {
    return pid === 0 ? 0 : cpuMs(pid)
  } catch {
    return 0
  }
}
