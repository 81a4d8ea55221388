/** A container of the lab: a network namespace with a process that answers and sends echoes. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { EchoAnswer, EchoRequest, PingResult } from './echo-message.ts'

const script = new URL('./echo.ts', import.meta.url).pathname

export class Container {
  readonly name: string
  readonly namespace: string
  readonly address: string
  #process: ChildProcess | undefined
  #nextId = 1

  constructor(name: string, namespace: string, address: string) {
    this.name = name
    this.namespace = namespace
    this.address = address
  }

  async start(): Promise<void> {
    const words = ['netns', 'exec', this.namespace, process.execPath, script]
    this.#process = spawn('ip', words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    await once(this.#process, 'message')
  }

  /** Sends `count` echoes, one every `intervalMs`, and waits at most a second for the last answer. */
  ping(to: Container | string, count = 3, intervalMs = 20): Promise<PingResult> {
    return this.#ask({ type: 'ping', to: addressOf(to), count, intervalMs })
  }

  /** Goes on sending until the returned function is called. */
  async stream(to: Container | string, intervalMs = 20): Promise<() => Promise<PingResult>> {
    const id = this.#nextId
    const result = this.#ask({ type: 'ping', to: addressOf(to), count: 1_000_000, intervalMs })
    return () => {
      this.#process?.send({ id, type: 'stop' } satisfies EchoRequest)
      return result
    }
  }

  async stop(): Promise<void> {
    const running = this.#process
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const exited = once(running, 'exit')
    running.kill('SIGKILL')
    await exited
  }

  #ask(request: {
    type: 'ping'
    to: string
    count: number
    intervalMs: number
  }): Promise<PingResult> {
    const id = this.#nextId
    this.#nextId += 1
    const running = this.#process
    return new Promise((resolve, reject) => {
      if (!running) return reject(new Error(`${this.name} is not started`))
      const answered = (answer: EchoAnswer) => {
        if (answer.id !== id) return
        running.off('message', answered)
        resolve(answer.result)
      }
      running.on('message', answered)
      running.send({ id, ...request } satisfies EchoRequest)
    })
  }
}

const addressOf = (to: Container | string): string => (typeof to === 'string' ? to : to.address)
