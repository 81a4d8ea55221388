/** One host of a chaos run: a namespace on the network that all share, an agent in it, and a container behind it. */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ApiClient, connectApi } from '../../src/adapters/api/client.ts'
import type { StatusResponse } from '../../src/adapters/api/definition.ts'
import { type CniHost, type CniResult, CniRuntime } from '../lab/cni-runtime.ts'
import { type CliResult, executable } from '../lab/host.ts'
import { ip, routesIn, type ShownRoute } from '../lab/iproute.ts'
import type { Observed } from '../lab/observed.ts'
import { childrenOf } from '../lab/processes.ts'
import { addressOf, agentService, holderService } from './compose-file.ts'
import { type Docker, execute } from './docker.ts'
import type { Echoes } from './echoes.ts'

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
}

export class ChaosHost implements CniHost {
  readonly number: number
  readonly name: string
  readonly namespace: string
  readonly directory: string
  readonly address: string
  /** Network namespace of the container behind it. */
  readonly workload: string
  echoes: Echoes | undefined
  /** Of the container; undefined while it has none. */
  workloadAddress: string | undefined
  readonly #docker: Docker
  readonly #project: string
  readonly #runtime: CniRuntime<ChaosHost>
  #hung: { id: string; result: CniResult } | undefined
  #hangings = 0

  constructor({ number, docker, project, directory }: ChaosHostOptions) {
    this.number = number
    this.name = `host${number}`
    this.namespace = `${project}-h${number}`
    this.workload = `${project}-w${number}`
    this.address = addressOf(number)
    this.directory = directory
    this.#docker = docker
    this.#project = project
    this.#runtime = new CniRuntime(this)
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

  routes(): Promise<ShownRoute[]> {
    return routesIn(this.namespace, 'proto 83')
  }

  /** Rejects while no agent answers. */
  observe(): Promise<Observed> {
    return this.withApi(async (api) => {
      const status = await api.call('Status', { wait: false, timeoutMs: 0 }, callMs)
      const { routes } = await api.call('Routes', {}, callMs)
      return {
        name: this.name,
        address: this.address,
        status,
        kernel: await this.routes(),
        told: routes,
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
  }

  async detach(): Promise<void> {
    await ip(`netns del ${this.namespace}`)
  }

  cliInside(...words: string[]): Promise<CliResult> {
    const program = [process.execPath, executable, ...words, '--socket', this.socket]
    return execute(['ip', 'netns', 'exec', this.namespace, ...program])
  }

  /** The container behind it gets an address of its subnet, as by any CNI runtime. */
  async hang(): Promise<string> {
    if (this.#runtime.conflist.plugins.length === 0) await this.#runtime.install()
    await this.unhang()
    this.#hangings += 1
    const id = `${this.workload}-${this.#hangings}`
    const netns = `/run/netns/${this.workload}`
    const result = await this.#runtime.add({ id, ifname: 'eth0', netns })
    this.#hung = { id, result }
    this.workloadAddress = result.ips[0]?.address.split('/')[0] ?? ''
    return this.workloadAddress
  }

  async unhang(): Promise<void> {
    if (!this.#hung) return
    const { id, result } = this.#hung
    this.#hung = undefined
    this.workloadAddress = undefined
    await this.#runtime.del({ id, ifname: 'eth0', netns: `/run/netns/${this.workload}` }, result)
  }

  #inspect(container: string, format: string): Promise<string> {
    return this.#docker.run('inspect', container, '--format', format).then((text) => text.trim())
  }
}
