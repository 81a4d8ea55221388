/** One host of the lab: its agent process, its kernel's routes, its containers. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Calls, connectApi } from '../../src/adapters/api/client.ts'
import { Container } from './container.ts'
import { ip, LabError, routesIn, type ShownRoute } from './iproute.ts'

/** A line of an agent's JSON log. */
export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly code?: string
  readonly [field: string]: unknown
}

export interface CliResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

interface LabHostOptions {
  readonly name: string
  readonly namespace: string
  readonly address: string
  /** Its port on the switch. */
  readonly port: string
  readonly switch: string
  readonly directory: string
}

/** Sixteen agents compile the same code once. */
const env = {
  NODE_COMPILE_CACHE: new URL('../../node_modules/.cache/starling-lab', import.meta.url).pathname,
  ...process.env,
  // The Node that runs this is the one that programs find.
  PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
}

/** The sources, unless a test run asks for what is shipped. */
export const executable =
  process.env.LAB_PROGRAM ?? new URL('../../src/starling.ts', import.meta.url).pathname

/** Lines kept of an agent's log; the oldest go first. */
const linesMax = 20_000

export class LabHost {
  readonly name: string
  readonly namespace: string
  readonly address: string
  readonly port: string
  readonly switch: string
  readonly directory: string
  readonly socket: string
  readonly containers: Container[] = []
  readonly lines: LogLine[] = []
  readonly #news = new EventEmitter().setMaxListeners(0)
  #agent: ChildProcess | undefined

  constructor(options: LabHostOptions) {
    this.name = options.name
    this.namespace = options.namespace
    this.address = options.address
    this.port = options.port
    this.switch = options.switch
    this.directory = options.directory
    this.socket = join(options.directory, 'starling.sock')
  }

  get agentPid(): number | undefined {
    return this.#agent?.exitCode === null && this.#agent.signalCode === null
      ? this.#agent.pid
      : undefined
  }

  /** Starts its agent; `options` are further words of its command line, `program` another starling than this one. */
  async startAgent(options: readonly string[] = [], program = executable): Promise<void> {
    await mkdir(this.directory, { recursive: true })
    const flags = [
      ...['--name', this.name, '--state-dir', join(this.directory, 'state')],
      ...['--socket', this.socket, '--log-format', 'json', ...options],
    ]
    // `ip netns exec` becomes the agent: its pid is the agent's.
    const words = ['netns', 'exec', this.namespace, program, 'agent', ...flags]
    const agent = spawn('ip', words, { env, stdio: ['ignore', 'inherit', 'pipe'] })
    this.#agent = agent
    createInterface({ input: agent.stderr }).on('line', (line) => this.#read(line))
    agent.once('exit', (code, signal) =>
      this.#add({ level: 'exit', msg: `agent ended: ${code ?? signal}` }),
    )
  }

  /** Resolves with the exit code, or the signal's name. */
  async stopAgent(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    const agent = this.#agent
    if (!agent) return 0
    if (agent.exitCode !== null || agent.signalCode !== null)
      return agent.exitCode ?? agent.signalCode ?? 0
    const exited = once(agent, 'exit')
    agent.kill(signal)
    await exited
    return agent.exitCode ?? agent.signalCode ?? 0
  }

  /** Resolves when the agent has ended by itself, with its exit code. */
  async agentEnded(): Promise<number> {
    const agent = this.#agent
    if (agent && agent.exitCode === null && agent.signalCode === null) await once(agent, 'exit')
    return agent?.exitCode ?? -1
  }

  /** Its frames go nowhere from here on, and its carrier stays: as behind a switch that fails. */
  async cutOff(): Promise<void> {
    await ip(`-n ${this.switch} link set ${this.port} nomaster`)
  }

  async reconnect(bridge = 'br0'): Promise<void> {
    await ip(`-n ${this.switch} link set ${this.port} master ${bridge}`)
  }

  /** Its agent's own answer, without a process for the asking. Rejects with an ApiError. */
  async ask<Name extends keyof Calls>(
    name: Name,
    request: Partial<Calls[Name][0]> = {},
    timeoutMs = 10_000,
  ): Promise<Calls[Name][1]> {
    const agent = await connectApi(this.socket)
    try {
      return await agent.call(name, request as Calls[Name][0], timeoutMs)
    } finally {
      agent.close()
    }
  }

  /** The command line's client against this host's agent. */
  cli(...words: string[]): Promise<CliResult> {
    return this.#client(process.execPath, [executable, ...words])
  }

  /** The same in the host's network namespace, for what looks at its interfaces. */
  cliInside(...words: string[]): Promise<CliResult> {
    const inside = ['netns', 'exec', this.namespace, process.execPath, executable]
    return this.#client('ip', [...inside, ...words])
  }

  #client(program: string, words: readonly string[]): Promise<CliResult> {
    const args = [...words, '--socket', this.socket]
    return new Promise((resolve) => {
      execFile(program, args, { env }, (error, stdout, stderr) => {
        const exitCode = typeof error?.code === 'number' ? error.code : error ? -1 : 0
        resolve({ exitCode, stdout, stderr })
      })
    })
  }

  /** Its owned routes, by `ip route`. */
  routes(family: 4 | 6 = 4): Promise<ShownRoute[]> {
    return routesIn(this.namespace, 'proto 83', family)
  }

  /** The first line of its log, from line `after` on, that fits. Rejects with a LabError after `timeoutMs`. */
  async seen(
    what: string,
    fits: (line: LogLine) => boolean,
    { after = 0, timeoutMs = 30_000 }: { after?: number; timeoutMs?: number } = {},
  ): Promise<LogLine> {
    const earlier = this.lines.slice(after).find(fits)
    if (earlier) return earlier
    const timeout = AbortSignal.timeout(timeoutMs)
    return new Promise((resolve, reject) => {
      const look = (line: LogLine) => {
        if (!fits(line)) return
        this.#news.off('line', look)
        resolve(line)
      }
      this.#news.on('line', look)
      timeout.addEventListener('abort', () => {
        this.#news.off('line', look)
        reject(
          new LabError(
            'not-seen',
            `${this.name}: not seen within ${timeoutMs} ms: ${what}\n${this.tail()}`,
          ),
        )
      })
    })
  }

  note(code: string, options: { after?: number; timeoutMs?: number } = {}): Promise<LogLine> {
    return this.seen(`note ${code}`, (line) => line.code === code, options)
  }

  onLine(listener: (line: LogLine) => void): void {
    this.#news.on('line', listener)
  }

  tail(count = 15): string {
    return this.lines
      .slice(-count)
      .map((line) => `  ${this.name} ${line.level} ${line.msg}`)
      .join('\n')
  }

  /** A network namespace behind the agent's bridge, with an address of the host's subnet. */
  async addContainer(address: string, gateway: string): Promise<Container> {
    const name = `c${this.containers.length + 1}`
    const namespace = `${this.namespace}-${name}`
    const [plain] = address.split('/')
    await ip(`netns add ${namespace}`)
    await ip(`-n ${this.namespace} link add v-${name} type veth peer name eth0 netns ${namespace}`)
    await ip(`-n ${this.namespace} link set v-${name} master starling0 up`)
    await ip(`-n ${namespace} link set lo up`)
    await ip(`-n ${namespace} link set eth0 up`)
    await ip(`-n ${namespace} addr add ${address} dev eth0`)
    await ip(`-n ${namespace} route add default via ${gateway}`)
    const container = new Container(`${this.name}/${name}`, namespace, plain ?? '')
    await container.start()
    this.containers.push(container)
    return container
  }

  /** Ends its processes. */
  async end(): Promise<void> {
    await Promise.all(this.containers.map((container) => container.stop()))
    await this.stopAgent('SIGKILL')
  }

  #read(line: string): void {
    try {
      this.#add(JSON.parse(line) as LogLine)
    } catch {
      // Node's own words (a crash, a warning) are not JSON, and worth seeing all the same.
      this.#add({ level: 'raw', msg: line })
    }
  }

  #add(line: LogLine): void {
    this.lines.push(line)
    if (this.lines.length > linesMax) this.lines.shift()
    this.#news.emit('line', line)
  }
}
