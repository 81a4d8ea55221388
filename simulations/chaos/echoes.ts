/** The program that answers and sends echoes inside one container, and what it tells of those that were lost. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { compiled } from '../lab/compiler.ts'
import type { Line, LossKind } from './judge/record.ts'

/** Between two echoes to one container. */
const intervalMs = 50

export class Echoes {
  readonly #child: ChildProcess
  readonly #self: number
  readonly #tell: (line: Line) => void
  #summed: () => void = () => undefined

  private constructor(self: number, child: ChildProcess, tell: (line: Line) => void) {
    this.#self = self
    this.#child = child
    this.#tell = tell
  }

  /** Of container `self`, in its network namespace. Resolves once it answers others. */
  static async start(self: number, namespace: string, tell: (line: Line) => void): Promise<Echoes> {
    const program = compiled(new URL('./echo.c', import.meta.url))
    if (program === undefined) throw new Error('no C compiler: npm run setup')
    const words = ['netns', 'exec', namespace, program, String(self), String(intervalMs)]
    const child = spawn('ip', words, { stdio: ['pipe', 'pipe', 'inherit'] })
    const echoes = new Echoes(self, child, tell)
    // It may be killed with its namespace, by whoever clears up.
    child.stdin.on('error', () => undefined)
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the echoes ended: ${code}`)))
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line === 'ready') resolve()
        else echoes.#read(line)
      })
    })
    return echoes
  }

  /** From now on to this address. */
  towards(peer: number, address: string): void {
    this.#say(`to ${peer} ${address}`)
  }

  leave(peer: number): void {
    this.#say(`drop ${peer}`)
  }

  /** Resolves once the totals are told. */
  async sum(): Promise<void> {
    const summed = new Promise<void>((resolve) => {
      this.#summed = resolve
    })
    this.#say('sum')
    await Promise.race([summed, once(this.#child, 'exit')])
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.stdin?.end()
    await ended
  }

  #say(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  #read(line: string): void {
    const [what, ...words] = line.split(' ')
    if (what === 'summed') return this.#summed()
    if (what === 'dropped') {
      return this.#tell({ type: 'dropped', host: this.#self, count: Number(words[0]) })
    }
    const to = Number(words[0])
    if (what === 'total') {
      const [sent, good, worstMs] = words.slice(1).map(Number) as [number, number, number]
      return this.#tell({ type: 'echoes', from: this.#self, to, sent, good, worstMs })
    }
    const [, kind = '', first, last, count, detail = '-'] = words
    this.#tell({
      type: 'lost',
      from: this.#self,
      to,
      kind: kind.replace('full-', '') as LossKind,
      isFull: kind.startsWith('full-'),
      firstMs: Number(first),
      lastMs: Number(last),
      count: Number(count),
      detail,
    })
  }
}
