/** One plugin at the other end of a connection: its call, our answer, its receipt. */

import type { Socket } from 'node:net'
import { callBytesMax } from '../../cni/call.ts'
import type { Clock } from '../../ports/clock.ts'

export interface Answer {
  readonly exitCode: 0 | 1
  readonly text: string
}

export class Caller {
  readonly #socket: Socket
  readonly #gone = Promise.withResolvers<false>()
  readonly #receipt = Promise.withResolvers<true>()
  #read: (chunk: Buffer) => void = () => undefined
  #isGone = false

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => this.#read(chunk))
    // A plugin that ends in the middle is told by its 'close'.
    socket.on('error', () => socket.destroy())
    for (const event of ['end', 'close'] as const) {
      socket.on(event, () => {
        this.#isGone = true
        this.#gone.resolve(false)
      })
    }
  }

  /** The plugin has ended, or what runs it has killed it: nobody is told the answer. */
  get isGone(): boolean {
    return this.#isGone
  }

  /** The body of its call; undefined: it sent none that is whole, in time and not too long. */
  async call(clock: Clock): Promise<Buffer | undefined> {
    const body = Promise.withResolvers<Buffer | undefined>()
    const cancel = clock.schedule(clock.now() + callMs, () => body.resolve(undefined))
    const chunks: Buffer[] = []
    let length = 0
    this.#read = (chunk) => {
      chunks.push(chunk)
      length += chunk.length
      if (length < headBytes) return
      const all = chunks.length === 1 ? chunk : Buffer.concat(chunks)
      chunks.splice(0, chunks.length, all)
      const end = headBytes + all.readUInt32BE()
      if (end > headBytes + callBytesMax || length > end) body.resolve(undefined)
      else if (length === end) body.resolve(all.subarray(headBytes))
    }
    const whole = await Promise.race([body.promise, this.#gone.promise])
    cancel()
    this.#read = () => this.#receipt.resolve(true)
    return whole || undefined
  }

  /** Whether it has told its own caller: false when it has gone without saying so. */
  answer({ exitCode, text }: Answer): Promise<boolean> {
    const length = Buffer.byteLength(text)
    const frame = Buffer.alloc(answerHeadBytes + length)
    frame.writeUInt8(exitCode)
    frame.writeUInt32BE(length, 1)
    frame.write(text, answerHeadBytes)
    this.#socket.write(frame)
    // One that has said so is gone right afterwards: what came first counts.
    return Promise.race([this.#receipt.promise, this.#gone.promise])
  }

  end(): void {
    this.#socket.destroy()
  }
}

/** It ends itself after two seconds. */
const callMs = 5_000
const headBytes = 4
const answerHeadBytes = 5
