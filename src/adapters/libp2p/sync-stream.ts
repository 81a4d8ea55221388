/** Frames between two peers: in order, bounded, over one long-lived stream in each direction. */

import type { Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { syncLimits } from '../../core/gossip/message.ts'

/** Holds a whole exchange of a thousand records; what comes beyond it is dropped, anti-entropy asks again. */
const queueBytesMax = 2 ** 20
/** What a peer may have sent ahead of our reading; above our own window of 1 MiB, so that only a broken peer gets there. */
const readBytesMax = 4 * 2 ** 20

/** A sign of life, which says what its sender has: the digest of its record set, 16 hex digits. */
export interface Beat {
  /** Whether it asks for one in return. */
  readonly asks: boolean
  readonly root: string
}

/** The first byte of a beat; no message begins with one of these. */
const beatKind = { pong: 0, ping: 1 } as const
export const beatBytes = 9

export function encodeBeat({ asks, root }: Beat): Uint8Array {
  const frame = Buffer.alloc(beatBytes)
  frame[0] = asks ? beatKind.ping : beatKind.pong
  frame.write(root, 1, 'hex')
  return frame
}

/** Undefined: the frame is none. */
export function decodeBeat(frame: Uint8Array): Beat | undefined {
  const [kind] = frame
  if (frame.length !== beatBytes || (kind !== beatKind.ping && kind !== beatKind.pong)) {
    return undefined
  }
  return { asks: kind === beatKind.ping, root: Buffer.from(frame.subarray(1)).toString('hex') }
}

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

  /** Sent at once where nothing waits. False: there is no room for it. */
  push(frame: Uint8Array): boolean {
    if (frame.length > syncLimits.messageBytes) return false
    if (this.#queuedBytes + frame.length > queueBytesMax) return false
    this.#queue.push(frame)
    this.#queuedBytes += frame.length
    void this.#drain()
    return true
  }

  /** An answer is unneeded where frames wait: each is a sign of life. False: it is not sent. */
  beat(beat: Beat): boolean {
    return (
      (beat.asks || (this.#queue.length === 0 && !this.#writing)) && this.push(encodeBeat(beat))
    )
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
