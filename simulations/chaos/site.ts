/** The hosts of a chaos run, as containers of one compose project, each with a container behind it that echoes. */

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { check } from '../lab/checkers.ts'
import { ip, namespacesNamed } from '../lab/iproute.ts'
import type { Observed } from '../lab/observed.ts'
import { now, Observer } from '../lab/observer.ts'
import { ChaosHost } from './chaos-host.ts'
import { composeFile, type Project } from './compose-file.ts'
import type { Docker } from './docker.ts'
import { Echoes } from './echoes.ts'
import type { Line } from './judge/record.ts'
import { removeWorkloads } from './workload.ts'

export interface SiteOptions {
  readonly docker: Docker
  readonly project: Project
  /** Network namespace of the daemon, in which its bridge is. */
  readonly daemonNamespace: string
  readonly tell: (line: Line) => void
}

/** Between two looks at all kernels. */
const lookMs = 100
const patienceMs = 60_000
const ownProtocol = 83

export class Site {
  readonly hosts: readonly ChaosHost[]
  readonly docker: Docker
  readonly project: Project
  readonly daemonNamespace: string
  readonly tell: (line: Line) => void
  /** When a route of any host changed last. */
  changedAtMs = 0
  changes = 0
  readonly #observers = new Map<ChaosHost, Observer>()
  /** Destinations of the owned routes of each host, as its kernel told of them. */
  readonly #routes = new Map<ChaosHost, Set<string>>()

  constructor({ docker, project, daemonNamespace, tell }: SiteOptions) {
    this.docker = docker
    this.project = project
    this.daemonNamespace = daemonNamespace
    this.tell = tell
    this.hosts = Array.from(
      { length: project.hosts },
      (_, number) =>
        new ChaosHost({
          number,
          docker,
          project: project.name,
          directory: join(project.directory, `run${number}`),
        }),
    )
  }

  get #file(): string {
    return join(this.project.directory, 'compose.json')
  }

  compose(...words: readonly string[]): Promise<string> {
    return this.docker.compose([
      '--file',
      this.#file,
      '--project-name',
      this.project.name,
      ...words,
    ])
  }

  async up(): Promise<void> {
    for (const { directory } of this.hosts) await mkdir(directory, { recursive: true })
    await writeFile(this.#file, composeFile(this.project))
    await this.compose('up', '--detach', '--no-build')
    for (const host of this.hosts) await this.attach(host)
  }

  /** After each start of the holder of its namespace. */
  async attach(host: ChaosHost): Promise<void> {
    await host.attach()
    const observer = await Observer.start([host.namespace])
    if (!observer) throw new Error('no C compiler: npm run setup')
    const routes = new Set((await host.routes()).map(({ dst }) => dst))
    this.#routes.set(host, routes)
    observer.listen(({ at, protocol, type, destination }) => {
      if (protocol !== ownProtocol) return
      this.changedAtMs = at
      this.changes += 1
      if (type === 'added') routes.add(destination)
      else routes.delete(destination)
    })
    this.#observers.set(host, observer)
  }

  /** How many owned routes a host's kernel has. */
  routesOf(host: ChaosHost): number {
    return this.#routes.get(host)?.size ?? 0
  }

  async detach(host: ChaosHost): Promise<void> {
    this.#routes.delete(host)
    await this.#observers.get(host)?.stop()
    this.#observers.delete(host)
    await host.detach()
  }

  /** A container behind each host, each of which sends echoes to all others. */
  async populate(): Promise<void> {
    for (const host of this.hosts) {
      await ip(`netns add ${host.workload}`)
      await ip(`-n ${host.workload} link set lo up`)
      host.echoes = await Echoes.start(host.number, host.workload, this.tell)
      await host.hang()
    }
    for (const host of this.hosts) this.tellAll(host)
  }

  /** Others send their echoes to where the host's container is, and it to them. */
  tellAll(host: ChaosHost): void {
    for (const other of this.hosts) {
      if (other === host) continue
      if (host.workloadAddress) other.echoes?.towards(host.number, host.workloadAddress)
      else other.echoes?.leave(host.number)
      if (other.workloadAddress) host.echoes?.towards(other.number, other.workloadAddress)
    }
  }

  /** When all was right for the first time since; undefined, with what still is not, when the patience is over. */
  async settle(): Promise<{ rightAtMs: number | undefined; wrong: readonly string[] }> {
    const end = performance.now() + patienceMs
    for (;;) {
      const askedAtMs = now()
      const wrong = await this.#wrong()
      // Nothing changed since the last change of a route, so that it was right from then on.
      if (wrong.length === 0) return { rightAtMs: Math.min(askedAtMs, this.changedAtMs), wrong }
      if (performance.now() > end) return { rightAtMs: undefined, wrong }
      await sleep(lookMs)
    }
  }

  async #wrong(): Promise<readonly string[]> {
    // A kernel is cheap to ask, an agent is not.
    for (const host of this.hosts) {
      const count = (await host.routes().catch(() => [])).length
      if (count !== this.hosts.length - 1) {
        return [`${host.name}: its kernel has ${count} of ${this.hosts.length - 1} routes`]
      }
    }
    const answers = await Promise.allSettled(this.hosts.map((host) => host.observe()))
    const silent = answers.flatMap((answer, number) =>
      answer.status === 'rejected' ? [`host${number}: its agent does not answer`] : [],
    )
    if (silent.length > 0) return silent
    const observed = answers.flatMap((answer): Observed[] =>
      answer.status === 'fulfilled' ? [answer.value] : [],
    )
    return check(observed).map(({ checker, host, what }) => `${checker}: ${host}: ${what}`)
  }

  /** Nothing that it made is left. */
  async down(): Promise<void> {
    for (const host of this.hosts) {
      await host.echoes?.stop()
      await this.#observers.get(host)?.stop()
    }
    await removeWorkloads(`${this.project.name}-w`)
    for (const namespace of await namespacesNamed(`${this.project.name}-h`)) {
      await ip(`netns del ${namespace}`)
    }
    await this.compose('down', '--volumes', '--remove-orphans', '--timeout', '1')
    await rm(this.project.directory, { recursive: true, force: true })
  }
}
