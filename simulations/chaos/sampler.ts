/** Looks once a second at how all hosts fare, and at what looking costs. */

import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StatusResponse } from '../../src/adapters/api/definition.ts'
import { now } from '../lab/observer.ts'
import { cpuMs } from '../lab/processes.ts'
import type { ChaosHost } from './chaos-host.ts'
import { Sentinel } from './sentinel.ts'
import type { Site } from './site.ts'

const everyMs = 1_000
const pageBytes = 4_096

export class Sampler {
  readonly #site: Site
  readonly #sentinel: Sentinel
  #isOver = false
  /** Resolves with what it failed by. */
  readonly #sampling: Promise<unknown>
  readonly #cpu = new Map<ChaosHost, number>()
  readonly #told = new Map<ChaosHost, string>()
  /** When each agent answered last. */
  readonly #heardAtMs = new Map<ChaosHost, number>()

  private constructor(site: Site, sentinel: Sentinel) {
    this.#site = site
    this.#sentinel = sentinel
    this.#sampling = this.#sample().catch((error: unknown) => error)
  }

  static async start(site: Site): Promise<Sampler> {
    return new Sampler(site, await Sentinel.post(site))
  }

  async stop(): Promise<void> {
    this.#isOver = true
    const error = await this.#sampling
    if (error !== undefined) throw error
  }

  async #sample(): Promise<void> {
    const site = this.#site
    let runner = process.cpuUsage()
    while (!this.#isOver) {
      await sleep(everyMs)
      const pids = await site.agentPids()
      const answers = await Promise.all(
        site.hosts.map((host) => this.#look(host, pids.get(host.agent) ?? 0)),
      )
      const used = process.cpuUsage(runner)
      runner = process.cpuUsage()
      site.tell({
        type: 'sample',
        atMs: now(),
        complete: site.hosts.filter((host) => site.routesOf(host) >= site.hosts.length - 1).length,
        digests: new Set(answers.flatMap(({ digest }) => digest ?? [])).size,
        agentsCpuMs: answers.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
        runnerCpuMs: (used.user + used.system) / 1_000,
        ...(await this.#sentinel.look()),
      })
    }
  }

  async #look(
    host: ChaosHost,
    pid: number,
  ): Promise<{ digest: string | undefined; cpuMs: number }> {
    const status = await host
      .withApi((api) => api.call('Status', { wait: false, timeoutMs: 0 }, everyMs))
      .catch(() => undefined)
    if (status && pid !== 0) this.#tellNode(host, pid, status)
    const usedMs = cpuSoFar(pid)
    const before = this.#cpu.get(host) ?? usedMs
    this.#cpu.set(host, usedMs)
    // Another process begins anew.
    return { digest: status?.digest, cpuMs: usedMs >= before ? usedMs - before : usedMs }
  }

  #tellNode(host: ChaosHost, pid: number, status: StatusResponse): void {
    const atMs = now()
    const sinceMs = this.#heardAtMs.get(host) ?? atMs
    this.#heardAtMs.set(host, atMs)
    const { node, incarnation } = status
    const claims = status.claims.map(({ prefix }) => prefix)
    const residentMb = residentMbOf(pid)
    const descriptors = descriptorsOf(pid)
    const said = JSON.stringify([node, incarnation, claims, pid, residentMb >> 5, descriptors >> 6])
    if (this.#told.get(host) === said) return
    this.#told.set(host, said)
    this.#site.tell({
      type: 'node',
      host: host.number,
      atMs,
      sinceMs,
      node,
      incarnation,
      claims,
      pid,
      residentMb,
      descriptors,
    })
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

/** 0 where it has just ended. */
function residentMbOf(pid: number): number {
  try {
    const [, pages] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')
    return Math.round((Number(pages) * pageBytes) / 1e6)
  } catch {
    return 0
  }
}

/** 0 where it has just ended. */
function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}
