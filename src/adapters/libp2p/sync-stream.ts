/** Frames between two peers: in order, bounded, over one long-lived stream in each direction. */

import type { Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { syncLimits } from '../../core/gossip/message.ts'

/** Holds a whole exchange of a thousand records; what comes beyond it is dropped, anti-entropy asks again. */
const queueBytesMax = 2 ** 20
/** What a peer may have sent ahead of our reading; above our own window of 1 MiB, so that only a broken peer gets there. */
const readBytesMax = 4 * 2 ** 20
/** Asks the peer for a sign of life. */
const ping = new Uint8Array(0)
/** Is one, and no message of any kind. */
const pong = Uint8Array.of(0)
/** Whether a frame is no message but one of these. */
export const isBeat = (frame: Uint8Array): boolean => frame.length <= pong.length
export const asks = (frame: Uint8Array): boolean => frame.length === ping.length

export class Outbox {
  readonly #broken: (reason: string) => void
  readonly #queue: Uint8Array[] = []
  #queuedBytes = 0
  #write: ((frame: Uint8Array) => Promise<void>) | undefined
  #writing = false

  /** `broken` is called at most once, after `opened` was. */
  constructor(broken: (reason: string) => void) {
    this.#broken = broken
  }

  /** Frames that waited for the stream go first. */
  opened(stream: Stream): void {
    const frames = lpStream(stream)
    this.#write = (frame) => frames.write(frame)
    stream.addEventListener('close', () => this.#fail('the sync stream was closed'))
    void this.#drain()
  }

  /** Sent at once where nothing waits. */
  push(frame: Uint8Array): void {
    if (frame.length > syncLimits.messageBytes) return
    if (this.#queuedBytes + frame.length > queueBytesMax) return
    this.#queue.push(frame)
    this.#queuedBytes += frame.length
    void this.#drain()
  }

  ping(): void {
    this.push(ping)
  }

  /** Unneeded where frames wait: each is a sign of life. */
  pong(): void {
    if (this.#queue.length === 0 && !this.#writing) this.push(pong)
  }

  async #drain(): Promise<void> {
    if (this.#writing) return
    this.#writing = true
    try {
      while (this.#write) {
        const frame = this.#queue.shift()
        if (!frame) break
        this.#queuedBytes -= frame.length
        await this.#write(frame)
      }
    } catch (thrown) {
      this.#fail(String(thrown))
    } finally {
      this.#writing = false
    }
  }

  #fail(reason: string): void {
    if (!this.#write) return
    this.#write = undefined
    this.#queue.length = 0
    this.#broken(reason)
  }
}

/** Calls back for every frame, empty ones included, until the stream ends. A frame beyond the limit ends it. */
export async function readFrames(
  stream: Stream,
  received: (frame: Uint8Array) => void,
): Promise<void> {
  const frames = lpStream(stream, {
    maxDataLength: syncLimits.messageBytes,
    maxBufferSize: readBytesMax,
  })
  try {
    for (;;) received((await frames.read()).subarray())
  } catch (thrown) {
    // The usual end of every stream: its peer, or the connection below, is gone.
    stream.abort(thrown instanceof Error ? thrown : new Error(String(thrown)))
  }
}
