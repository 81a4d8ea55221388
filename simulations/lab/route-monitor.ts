/** A third process that watches the owned routes of a namespace: `ip monitor route`. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { ip } from './iproute.ts'

/** A route that the monitor makes itself, to see that it sees. Outside every pool. */
const probe = '192.0.2.1/32'

export class RouteMonitor {
  readonly namespace: string
  readonly #process: ChildProcess
  readonly #changes: string[] = []

  private constructor(namespace: string, child: ChildProcess) {
    this.namespace = namespace
    this.#process = child
  }

  /** Resolves once it sees what happens. */
  static async start(namespace: string): Promise<RouteMonitor> {
    const words = ['netns', 'exec', namespace, 'ip', '-o', 'monitor', 'route']
    const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] })
    const monitor = new RouteMonitor(namespace, child)
    await monitor.#ready(child)
    return monitor
  }

  get changes(): readonly string[] {
    return this.#changes
  }

  /** Ends it; resolves with a line for each change of an owned route that it saw. */
  async stop(): Promise<readonly string[]> {
    const seen = new Promise<void>((resolve) => this.#onProbe(resolve))
    await this.#probe()
    await seen
    this.#process.kill('SIGTERM')
    await once(this.#process, 'exit')
    return this.#changes
  }

  #probed: () => void = () => undefined

  #onProbe(callback: () => void): void {
    this.#probed = callback
  }

  async #ready(child: ChildProcess): Promise<void> {
    if (!child.stdout) throw new Error('the monitor has no output')
    const seen = new Promise<void>((resolve) => this.#onProbe(resolve))
    createInterface({ input: child.stdout }).on('line', (line) => this.#read(line))
    // Until it has subscribed, a probe goes unseen: it is repeated until one comes back.
    let isSeen = false
    void seen.then(() => {
      isSeen = true
    })
    while (!isSeen) await this.#probe()
  }

  async #probe(): Promise<void> {
    await ip(`-n ${this.namespace} route add blackhole ${probe}`)
    await ip(`-n ${this.namespace} route del blackhole ${probe}`)
  }

  #read(line: string): void {
    if (line.includes(probe.slice(0, -3))) {
      if (line.startsWith('Deleted')) this.#probed()
    } else if (/ proto 83 /.test(`${line} `)) this.#changes.push(line.trim())
  }
}
