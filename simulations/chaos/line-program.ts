/** A C program in a network namespace that is told what to do, and tells what it sees, a line at a time. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { compiled } from '../lab/compiler.ts'

export class LineProgram {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** Resolves once it says that it is ready. `read` gets each further line, as words. */
  static async start(
    source: URL,
    namespace: string,
    words: readonly string[],
    read: (words: readonly string[]) => void,
  ): Promise<LineProgram> {
    const program = compiled(source)
    if (program === undefined) throw new Error('no C compiler: npm run setup')
    const child = spawn('ip', ['netns', 'exec', namespace, program, ...words], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    // It may be killed with its namespace, by whoever clears up.
    child.stdin.on('error', () => undefined)
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`${program} ended: ${code}`)))
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line === 'ready') resolve()
        else read(line.split(' '))
      })
    })
    return new LineProgram(child)
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Resolves at its end, whatever brings it. */
  async ended(): Promise<void> {
    if (!this.hasEnded) await once(this.#child, 'exit')
  }

  /** All that it said is read. */
  async stop(): Promise<void> {
    if (this.hasEnded) return
    const closed = once(this.#child, 'close')
    this.#child.stdin?.end()
    await closed
  }
}
