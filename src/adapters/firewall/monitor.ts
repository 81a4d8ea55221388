/** Tells of changes of nftables that may concern ours, by `nft monitor`. */

import { type ChildProcess, spawn } from 'node:child_process'
import type { Clock } from '../../ports/clock.ts'
import { env } from './program.ts'

/** Where it ends, or there is no nft, it is tried again; meanwhile the core looks by itself now and then. */
const restartMs = 5_000

export class Monitor {
  readonly #concerns: (line: string) => boolean
  readonly #changed: () => void
  readonly #clock: Clock
  #child: ChildProcess | undefined
  #cancel = (): void => {}
  #isStopped = false

  constructor(options: {
    readonly concerns: (line: string) => boolean
    readonly changed: () => void
    readonly clock: Clock
  }) {
    this.#concerns = options.concerns
    this.#changed = options.changed
    this.#clock = options.clock
  }

  start(): void {
    const child = spawn('nft', ['monitor'], { env, stdio: ['ignore', 'pipe', 'ignore'] })
    this.#child = child
    let rest = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = (lines.pop() ?? '').slice(-lineLengthMax)
      // One call for all that came together.
      if (lines.some(this.#concerns)) this.#changed()
    })
    const ended = (): void => {
      if (this.#isStopped || this.#child !== child) return
      this.#child = undefined
      this.#cancel = this.#clock.schedule(this.#clock.now() + restartMs, () => {
        this.start()
        // Nobody watched meanwhile.
        this.#changed()
      })
    }
    child.on('error', ended)
    child.on('exit', ended)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    await new Promise((resolve) => {
      child.once('exit', resolve)
      child.kill('SIGKILL')
    })
  }
}

const lineLengthMax = 65_536
