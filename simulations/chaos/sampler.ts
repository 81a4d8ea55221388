/** Looks once a second at how all hosts fare, and at what looking costs. */

import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosHost } from './chaos-host.ts'
import { now, type Site } from './site.ts'

const everyMs = 1_000
/** Of the clock by which the kernel counts CPU. */
const tickMs = 10

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
    const usedMs = await cpuMs(await host.agentPid().catch(() => 0))
    const before = this.#cpu.get(host) ?? usedMs
    this.#cpu.set(host, usedMs)
    // Another process begins anew.
    return { digest, cpuMs: usedMs >= before ? usedMs - before : usedMs }
  }
}

/** Of a process so far; 0 where there is none. */
async function cpuMs(pid: number): Promise<number> {
  const stat = pid === 0 ? '' : await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * tickMs
}
