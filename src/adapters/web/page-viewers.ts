/** Viewers and what they are sent: a few, each with a bound on what waits for it; whoever takes too little is dropped. */

import type { ServerResponse } from 'node:http'

/** The part of a response that is used here. */
export type Stream = Pick<ServerResponse, 'write' | 'destroy' | 'writableLength' | 'on'>

interface Viewer {
  /** A slow line needs longer than a second for the first message, which has all of a large cluster. */
  readonly bytesMax: number
  /** Messages that were not taken yet. */
  waiting: number
  /** Whether it took one since the last sweep. */
  hasTaken: boolean
}

export class Viewers {
  readonly #viewers = new Map<Stream, Viewer>()
  readonly #left: () => void

  /** `left` is called when the last one has gone. */
  constructor(left: () => void) {
    this.#left = left
  }

  get size(): number {
    return this.#viewers.size
  }

  get isFull(): boolean {
    return this.size >= viewersMax
  }

  /** With what it is sent at first. */
  add(stream: Stream, messages: readonly Buffer[]): void {
    const bytes = messages.reduce((sum, { length }) => sum + length, 0)
    const viewer = { bytesMax: bytes + waitingBytesMax, waiting: 0, hasTaken: true }
    this.#viewers.set(stream, viewer)
    stream.on('close', () => this.#remove(stream))
    for (const message of messages) write(stream, viewer, message)
  }

  /** The bytes are shared by all of them. */
  send(messages: readonly Buffer[]): void {
    for (const [stream, viewer] of [...this.#viewers]) {
      // They may be larger than the bound: what came before them must be gone.
      if (stream.writableLength > viewer.bytesMax) this.#drop(stream)
      else for (const message of messages) write(stream, viewer, message)
    }
  }

  /** Drops who has taken nothing since the last time, and had something to take. */
  sweep(): void {
    for (const [stream, viewer] of [...this.#viewers]) {
      if (viewer.waiting > 0 && !viewer.hasTaken) this.#drop(stream)
      viewer.hasTaken = false
    }
  }

  close(): void {
    for (const stream of [...this.#viewers.keys()]) this.#drop(stream)
  }

  /** It comes back by itself, and is told everything afresh. */
  #drop(stream: Stream): void {
    stream.destroy()
    this.#remove(stream)
  }

  #remove(stream: Stream): void {
    if (this.#viewers.delete(stream) && this.size === 0) this.#left()
  }
}

function write(stream: Stream, viewer: Viewer, message: Buffer): void {
  viewer.waiting += 1
  stream.write(message, () => {
    viewer.waiting -= 1
    viewer.hasTaken = true
  })
}

export const viewersMax = 8
export const waitingBytesMax = 2 ** 20
