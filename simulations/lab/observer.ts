/** A third process that says when the route tables of namespaces changed. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { compiled } from './compiler.ts'

export interface RouteChange {
  /** Position of the namespace in the list that is observed. */
  readonly place: number
  readonly type: 'added' | 'removed'
  readonly destination: string
  readonly metric: number
  readonly protocol: number
  /** Ms on the clock of `now`. */
  readonly at: number
}

/** CLOCK_MONOTONIC, which all processes of a machine share, in ms. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6

export class Observer {
  readonly #child: ChildProcess
  readonly #listeners = new Set<(change: RouteChange) => void>()

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** Whether its program can be compiled here. */
  static get isAvailable(): boolean {
    return program() !== undefined
  }

  /** Resolves once it sees what happens; undefined where its program cannot be compiled. */
  static async start(namespaces: readonly string[]): Promise<Observer | undefined> {
    const path = program()
    if (path === undefined) return undefined
    const child = spawn(path, namespaces, { stdio: ['pipe', 'pipe', 'inherit'] })
    const observer = new Observer(child)
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the observer ended: ${code}`)))
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line === 'ready') resolve()
        else observer.#read(line)
      })
    })
    return observer
  }

  /** Returns how to stop listening. */
  listen(listener: (change: RouteChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.stdin?.end()
    await ended
  }

  #read(line: string): void {
    const [place, sign, destination = '', metric, protocol, nanoseconds] = line.split(' ')
    const change: RouteChange = {
      place: Number(place),
      type: sign === '+' ? 'added' : 'removed',
      destination,
      metric: Number(metric),
      protocol: Number(protocol),
      at: Number(nanoseconds) / 1e6,
    }
    for (const listener of this.#listeners) listener(change)
  }
}

const program = (): string | undefined => compiled(new URL('./observer.c', import.meta.url))
