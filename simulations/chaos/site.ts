/** The hosts of a chaos run, as containers of one compose project, with containers behind them that reach each other. */

import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { check } from '../lab/checkers.ts'
import { ip, namespacesNamed } from '../lab/iproute.ts'
import { now, Observer } from '../lab/observer.ts'
import { ChaosHost } from './chaos-host.ts'
import {
  agentService,
  type Change,
  clockFile,
  composeFile,
  type Project,
  runOf,
  stateOf,
} from './compose-file.ts'
import type { Daemon } from './daemon.ts'
import { type Docker, execute, printed } from './docker.ts'
import type { Line } from './judge/record.ts'
import { Mesh } from './mesh.ts'
import { pool } from './pool.ts'
import { removeMounts, removeNamespaces } from './remains.ts'

export interface SiteOptions {
  readonly daemon: Daemon
  readonly project: Project
  /** Network namespace of the daemon, in which its bridge is. */
  readonly daemonNamespace: string
  readonly tell: (line: Line) => void
  /** An earlier version of starling; undefined: none is known, or none is wanted. */
  readonly earlierImage: string | undefined
}

/** Of the file system on which a host's state is. */
const stateMb = 32
/** Somebody else's routes, which nobody may touch: outside of the pool, and inside of it. */
export const aliens = ['203.0.113.0/24', '172.31.254.0/24'] as const

/** Between two looks at all kernels. */
const lookMs = 100
const patienceMs = 60_000
const ownProtocol = 83

export class Site {
  readonly hosts: readonly ChaosHost[]
  readonly daemon: Daemon
  readonly docker: Docker
  readonly project: Project
  readonly daemonNamespace: string
  readonly tell: (line: Line) => void
  readonly earlierImage: string | undefined
  readonly mesh: Mesh
  /** When a route of any host changed last. */
  changedAtMs = 0
  changes = 0
  readonly #changes = new Map<number, Change>()
  readonly #observers = new Map<ChaosHost, Observer>()
  /** Destinations and metrics of the owned routes of each host, as its kernel told of them. */
  readonly #routes = new Map<ChaosHost, Set<string>>()

  constructor({ daemon, project, daemonNamespace, tell, earlierImage }: SiteOptions) {
    const { docker } = daemon
    this.daemon = daemon
    this.docker = docker
    this.project = project
    this.daemonNamespace = daemonNamespace
    this.tell = tell
    this.earlierImage = earlierImage
    this.hosts = Array.from(
      { length: project.hosts },
      (_, number) =>
        new ChaosHost({
          number,
          docker,
          project: project.name,
          directory: runOf(project.directory, number),
          state: stateOf(project.directory, number),
        }),
    )
    this.mesh = new Mesh(this.hosts, tell)
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
    for (const host of this.hosts) {
      await mkdir(host.directory, { recursive: true })
      await this.setClock(host, '+0')
      await mkdir(host.state, { recursive: true })
      await mount('-t', 'tmpfs', '-o', `size=${stateMb}m,mode=0700`, 'starling-chaos', host.state)
    }
    await this.#describe()
    await this.compose('up', '--detach', '--no-build')
    for (const host of this.hosts) await this.attach(host)
  }

  /** `ahead` as libfaketime has it: `+1h`. */
  setClock(host: ChaosHost, ahead: string): Promise<void> {
    return writeFile(join(host.directory, clockFile), `${ahead}\n`)
  }

  /** Its agent's container is made anew, changed like this; `{}`: as it was. */
  async change(host: ChaosHost, change: Change): Promise<void> {
    this.#changes.set(host.number, change)
    await this.#describe()
    await this.recreate(host)
  }

  /** Its agent's container is made anew. */
  async recreate({ number }: ChaosHost): Promise<void> {
    const how = ['--detach', '--no-build', '--no-deps', '--force-recreate']
    await this.compose('up', ...how, agentService(number))
  }

  /** Nothing of what its agent stored is left. */
  async clearState({ state }: ChaosHost): Promise<void> {
    for (const name of await readdir(state)) await rm(join(state, name), { recursive: true })
  }

  /** The bridge that stands for the switch. */
  async switchName(): Promise<string> {
    const shown = await ip(`-n ${this.daemonNamespace} -j link show type bridge`)
    const bridges = JSON.parse(shown) as { ifname: string }[]
    return bridges.find(({ ifname }) => ifname.startsWith('br-'))?.ifname ?? ''
  }

  async #describe(): Promise<void> {
    await writeFile(this.#file, composeFile({ ...this.project, changes: this.#changes }))
  }

  /** After each start of the holder of its namespace. */
  async attach(host: ChaosHost): Promise<void> {
    await host.attach()
    const observer = await Observer.start([host.namespace])
    if (!observer) throw new Error('no C compiler: npm run setup')
    const routes = new Set((await host.routes()).map(({ dst, metric = 0 }) => `${dst} ${metric}`))
    this.#routes.set(host, routes)
    observer.listen(({ at, protocol, type, destination, metric }) => {
      if (destination === pool) return
      const isOwned = protocol === ownProtocol
      if (isOwned) {
        this.changedAtMs = at
        this.changes += 1
        if (type === 'added') routes.add(`${destination} ${metric}`)
        else routes.delete(`${destination} ${metric}`)
      } else if (type === 'added' || !aliens.some((alien) => alien === destination)) return
      const { number } = host
      this.tell({ type: 'route', host: number, atMs: at, change: type, destination, isOwned })
    })
    this.#observers.set(host, observer)
    for (const alien of aliens) await host.ip(`route replace unreachable ${alien}`)
  }

  /** By the names of their containers, 0 while one does not run; without those that there are not. */
  async agentPids(): Promise<ReadonlyMap<string, number>> {
    const names = this.hosts.map(({ agent }) => agent)
    const { stdout } = await this.docker.attempt([
      'inspect',
      ...names,
      '--format',
      '{{.Name}} {{.State.Pid}}',
    ])
    return new Map(
      stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split(' ') as [string, string])
        .map(([name, pid]) => [name.slice(1), Number(pid)]),
    )
  }

  /** How many owned routes a host's kernel has. */
  routesOf(host: ChaosHost): number {
    return this.#routes.get(host)?.size ?? 0
  }

  hasRoute(host: ChaosHost, destination: string): boolean {
    const routes = [...(this.#routes.get(host) ?? [])]
    return routes.some((route) => route.startsWith(`${destination} `))
  }

  async detach(host: ChaosHost): Promise<void> {
    this.#routes.delete(host)
    await this.#observers.get(host)?.stop()
    this.#observers.delete(host)
    await host.detach()
  }

  /** When all was right for the first time since; undefined, with what still is not, when the patience is over. */
  async settle(): Promise<{ rightAtMs: number | undefined; wrong: readonly string[] }> {
    const end = performance.now() + patienceMs
    let wereRoutes = true
    for (;;) {
      const askedAtMs = now()
      const { wrong, areRoutes } = await this.#wrong()
      if (wrong.length === 0) {
        // Where nothing but routes was wrong all was right from the last change of a route on.
        const rightAtMs = wereRoutes ? Math.min(askedAtMs, this.changedAtMs) : askedAtMs
        return { rightAtMs, wrong }
      }
      wereRoutes = areRoutes
      if (performance.now() > end) return { rightAtMs: undefined, wrong }
      await sleep(lookMs)
    }
  }

  /** `areRoutes`: a kernel has too many or too few. */
  async #wrong(): Promise<{ wrong: readonly string[]; areRoutes: boolean }> {
    // A kernel is cheap to ask, an agent is not.
    for (const host of this.hosts) {
      const count = (await host.routes().catch(() => [])).length
      if (count !== this.hosts.length - 1) {
        const what = `${host.name}: its kernel has ${count} of ${this.hosts.length - 1} routes`
        return { wrong: [what], areRoutes: true }
      }
    }
    const answers = await Promise.allSettled(this.hosts.map((host) => host.observe()))
    const silent = answers.flatMap((answer, number) =>
      answer.status === 'rejected' ? [`host${number}: its agent does not answer`] : [],
    )
    if (silent.length > 0) return { wrong: silent, areRoutes: false }
    const observed = answers.flatMap((answer) =>
      answer.status === 'fulfilled' ? [answer.value] : [],
    )
    const wrong = [
      ...check(observed).map(({ checker, host, what }) => `${checker}: ${host}: ${what}`),
      ...observed.flatMap(({ name, problems }) =>
        problems.map((what) => `problem: ${name}: ${what}`),
      ),
    ]
    return { wrong, areRoutes: false }
  }

  /** Nothing that it made is left. */
  async down(): Promise<void> {
    await this.mesh.stop()
    for (const host of this.hosts) await this.#observers.get(host)?.stop()
    await removeNamespaces(`${this.project.name}-w`)
    for (const namespace of await namespacesNamed(`${this.project.name}-h`)) {
      await ip(`netns del ${namespace}`)
    }
    await this.compose('down', '--volumes', '--remove-orphans', '--timeout', '1')
    await removeMounts(this.project.directory)
    await rm(this.project.directory, { recursive: true, force: true })
  }
}

async function mount(...words: readonly string[]): Promise<void> {
  const command = ['mount', ...words] as const
  printed(command, await execute(command))
}
