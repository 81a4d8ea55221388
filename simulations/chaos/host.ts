/** One host of the cluster: a container with an agent, seen through Docker, its command line and its kernel. */

import type { CliResult, LogLine } from '../lab/host.ts'
import type { ShownRoute } from '../lab/iproute.ts'
import type { Observed, Status, ToldRoute } from '../lab/observed.ts'
import { type Docker, execute, printed } from './docker.ts'

/** What Docker tells of a container. */
interface Inspection {
  readonly State: { readonly Pid: number; readonly ExitCode: number }
}

interface ShownInterface {
  readonly addr_info?: readonly { readonly local: string }[]
}

export class Host {
  readonly id: string
  readonly name: string
  readonly #docker: Docker

  constructor(docker: Docker, id: string, name: string) {
    this.#docker = docker
    this.id = id
    this.name = name
  }

  /** Rejects with a DockerError while no agent answers. */
  async observe(): Promise<Observed> {
    const status = await this.cli('status', '--json')
    const routes = await this.cli('routes', '--json')
    return {
      name: this.name,
      address: await this.address(),
      status: answered<Status>(status),
      kernel: await this.routes(),
      told: answered<{ routes: ToldRoute[] }>(routes).routes,
    }
  }

  /** `starling WORDS` inside the container. */
  cli(...words: readonly string[]): Promise<CliResult> {
    return this.#docker.attempt(['exec', this.id, 'starling', ...words])
  }

  async routes(): Promise<ShownRoute[]> {
    return JSON.parse((await this.ip('-j route show proto 83')) || '[]') as ShownRoute[]
  }

  /** This machine's `ip` in the container's network namespace: the image has none. */
  async ip(command: string): Promise<string> {
    const pid = String(await this.pid())
    const words = ['nsenter', '--target', pid, '--net', 'ip', ...command.split(' ')] as const
    return printed(words, await execute(words))
  }

  /** Of its first process, the agent, as this machine sees it; 0 while it does not run. */
  async pid(): Promise<number> {
    return (await this.#inspect()).State.Pid
  }

  async exitCode(): Promise<number> {
    return (await this.#inspect()).State.ExitCode
  }

  /** Of the interface that Docker gave it. */
  async address(): Promise<string> {
    const shown = JSON.parse(await this.ip('-j -4 address show dev eth0')) as ShownInterface[]
    return shown.flatMap(({ addr_info }) => addr_info ?? [])[0]?.local ?? ''
  }

  async log(): Promise<LogLine[]> {
    const { stdout, stderr } = await this.#docker.attempt(['logs', this.id])
    return `${stdout}${stderr}`.split('\n').filter(Boolean).map(parseLine)
  }

  async #inspect(): Promise<Inspection> {
    const [inspection] = JSON.parse(await this.#docker.run('inspect', this.id)) as Inspection[]
    if (!inspection) throw new Error(`docker inspect tells nothing of ${this.name}`)
    return inspection
  }
}

/** Exit code 1 comes with an answer: something is not well, and the answer says what. */
function answered<T>(result: CliResult): T {
  if (result.exitCode > 1 || result.exitCode < 0) {
    printed(['starling'], { ...result })
  }
  return JSON.parse(result.stdout) as T
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine
  } catch {
    // What is said before the log is set up is not JSON, and worth seeing all the same.
    return { level: 'raw', msg: line }
  }
}
