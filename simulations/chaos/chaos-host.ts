/** One host of a chaos run: a namespace on the network that all share, an agent in it, and a container behind it. */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ApiClient, connectApi } from '../../src/adapters/api/client.ts'
import type { StatusResponse } from '../../src/adapters/api/definition.ts'
import { type CniHost, CniRuntime } from '../lab/cni-runtime.ts'
import { type CliResult, executable } from '../lab/host.ts'
import { ip, routesIn, type ShownRoute } from '../lab/iproute.ts'
import type { Observed } from '../lab/observed.ts'
import { childrenOf } from '../lab/processes.ts'
import { addressOf, agentService, holderService } from './compose-file.ts'
import { type Docker, execute } from './docker.ts'
import { Guest } from './guest.ts'
import { pool } from './pool.ts'

const callMs = 5_000
/** Of an agent that was started. */
const answersWithinMs = 60_000
const againMs = 200
/** Until it is converged. */
const waitMs = 20_000

export interface ChaosHostOptions {
  readonly number: number
  readonly docker: Docker
  /** Of the compose project; begins the names of namespaces. */
  readonly project: string
  /** What the agent has as /run/starling. */
  readonly directory: string
  /** What it has as /var/lib/starling. */
  readonly state: string
}

export class ChaosHost implements CniHost {
  readonly number: number
  readonly name: string
  readonly namespace: string
  readonly directory: string
  readonly state: string
  readonly address: string
  /** Sends echoes to those behind all other hosts, and answers theirs. */
  readonly guest: Guest
  /** Asks now and then for what must be answered by an error. */
  readonly prober: Guest
  /** Of its line, which Docker makes from its address: the same each time that it has power. */
  mac = ''
  readonly #docker: Docker
  readonly #project: string
  readonly #runtime: CniRuntime<ChaosHost>

  constructor({ number, docker, project, directory, state }: ChaosHostOptions) {
    this.number = number
    this.name = `host${number}`
    this.namespace = `${project}-h${number}`
    this.address = addressOf(number)
    this.directory = directory
    this.state = state
    this.#docker = docker
    this.#project = project
    this.#runtime = new CniRuntime(this)
    this.guest = new Guest(`${project}-w${number}`, this.#runtime)
    this.prober = new Guest(`${project}-wp${number}`, this.#runtime)
  }

  /** Names of its containers. */
  get agent(): string {
    return `${this.#project}_${agentService(this.number)}_1`
  }

  get holder(): string {
    return `${this.#project}_${holderService(this.number)}_1`
  }

  get socket(): string {
    return join(this.directory, 'starling.sock')
  }

  // What it shows

  status(): Promise<StatusResponse> {
    return this.withApi((api) => api.call('Status', { wait: false, timeoutMs: 0 }, callMs))
  }

  /** Of its first process, as this machine sees it; 0 while it does not run. */
  async agentPid(): Promise<number> {
    return Number(await this.#inspect(this.agent, '{{.State.Pid}}'))
  }

  async agentId(): Promise<string> {
    return this.#inspect(this.agent, '{{.Id}}')
  }

  /** The process that reads the kernel for it; 0 while there is none. */
  async readerPid(): Promise<number> {
    const pid = await this.agentPid()
    if (pid === 0) return 0
    try {
      return childrenOf(pid)[0] ?? 0
    } catch {
      // It died meanwhile.
      return 0
    }
  }

  /** To other hosts. */
  async routes(): Promise<ShownRoute[]> {
    const owned = await routesIn(this.namespace, 'proto 83')
    return owned.filter(({ dst }) => dst !== pool)
  }

  /** Rejects while no agent answers. `problems`: what its status complains of. */
  observe(): Promise<Observed & { readonly problems: readonly string[] }> {
    return this.withApi(async (api) => {
      const status = await api.call('Status', { wait: false, timeoutMs: 0 }, callMs)
      const { routes } = await api.call('Routes', {}, callMs)
      return {
        name: this.name,
        address: this.address,
        status,
        kernel: await this.routes(),
        told: routes,
        problems: status.problems.map(({ message }) => message),
      }
    })
  }

  /** Resolves once its agent answers, and is converged or has not been for long. Rejects where none answers. */
  async converged(): Promise<StatusResponse> {
    const end = performance.now() + answersWithinMs
    for (;;) {
      try {
        return await this.withApi((api) =>
          api.call('Status', { wait: true, timeoutMs: waitMs }, waitMs + callMs),
        )
      } catch (error) {
        if (performance.now() > end) throw error
      }
      await sleep(againMs)
    }
  }

  async withApi<T>(use: (api: ApiClient) => Promise<T>): Promise<T> {
    const api = await connectApi(this.socket)
    try {
      return await use(api)
    } finally {
      api.close()
    }
  }

  // What is done to it

  ip(command: string): Promise<string> {
    return ip(`-n ${this.namespace} ${command}`)
  }

  /** Its namespace gets its name: after each start of its holder. */
  async attach(): Promise<void> {
    await ip(`netns attach ${this.namespace} ${await this.#inspect(this.holder, '{{.State.Pid}}')}`)
    const [link] = JSON.parse(await this.ip('-j link show dev eth0')) as { address: string }[]
    this.mac = link?.address ?? ''
  }

  async detach(): Promise<void> {
    await ip(`netns del ${this.namespace}`)
  }

  cliInside(...words: string[]): Promise<CliResult> {
    const program = [process.execPath, executable, ...words, '--socket', this.socket]
    return execute(['ip', 'netns', 'exec', this.namespace, ...program])
  }

  /** The containers behind it get addresses of its subnet, as by any CNI runtime. */
  async hang(): Promise<void> {
    if (this.#runtime.conflist.plugins.length === 0) await this.#runtime.install()
    await this.guest.hang()
    await this.prober.hang()
  }

  async unhang(): Promise<void> {
    await this.guest.unhang()
    await this.prober.unhang()
  }

  #inspect(container: string, format: string): Promise<string> {
    return this.#docker.run('inspect', container, '--format', format).then((text) => text.trim())
  }
}
