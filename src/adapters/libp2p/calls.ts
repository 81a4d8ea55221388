/** Questions of one agent to another: a stream of its own for each, one frame there and one frame back. */

import type { Connection, Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'

const callMsMax = 5_000
const frameBytesMax = 65_536
/** Calls of all peers that are answered at one time; beyond it a caller is told at once. */
const answeringMax = 64

/** Streams that one peer may have open at a time. */
export const callStreamsMax = 8

/** Rejects where the peer does not answer in time, or not in this protocol. */
export async function ask(
  connection: Connection,
  protocol: string,
  request: Uint8Array,
): Promise<Uint8Array> {
  const signal = AbortSignal.timeout(callMsMax)
  const stream = await connection.newStream(protocol, { signal })
  try {
    const frames = lpStream(stream, { maxDataLength: frameBytesMax })
    await frames.write(request, { signal })
    const answer = await frames.read({ signal })
    await stream.close({ signal })
    return answer.subarray().slice()
  } catch (thrown) {
    stream.abort(thrown instanceof Error ? thrown : new Error(String(thrown)))
    throw thrown
  }
}

export class Answers {
  #answer: ((request: Uint8Array) => Promise<Uint8Array>) | undefined
  #running = 0

  set answer(answer: (request: Uint8Array) => Promise<Uint8Array>) {
    this.#answer = answer
  }

  readonly read = async (stream: Stream): Promise<void> => {
    const signal = AbortSignal.timeout(callMsMax)
    this.#running += 1
    try {
      if (!this.#answer || this.#running > answeringMax) throw new Error('too many calls')
      const frames = lpStream(stream, { maxDataLength: frameBytesMax })
      const request = await frames.read({ signal })
      await frames.write(await this.#answer(request.subarray().slice()), { signal })
      await stream.close({ signal })
    } catch (thrown) {
      // The peer went, asked nothing in time, or asks too much: it sees its stream end.
      stream.abort(thrown instanceof Error ? thrown : new Error(String(thrown)))
    } finally {
      this.#running -= 1
    }
  }
}
