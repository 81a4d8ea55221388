/** Questions of one agent to another: a stream of its own for each, one frame there and one frame back. */

import type { Connection, Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'

const callMsMax = 5_000
const frameBytesMax = 65_536
/** Calls of all peers that are answered at one time; beyond it a caller is told at once. */
const answeringMax = 64
/** Calls of one node that are answered at one time: eight nodes that never end theirs do not take all. */
const answeringEachMax = 4

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
  readonly #ofPeers = new Map<string, number>()

  set answer(answer: (request: Uint8Array) => Promise<Uint8Array>) {
    this.#answer = answer
  }

  readonly read = async (stream: Stream, { remotePeer }: Connection): Promise<void> => {
    const signal = AbortSignal.timeout(callMsMax)
    const peer = remotePeer.toString()
    const ofPeer = this.#count(peer, 1)
    this.#running += 1
    try {
      const tooMany = this.#running > answeringMax || ofPeer > answeringEachMax
      if (!this.#answer || tooMany) throw new Error('too many calls')
      const frames = lpStream(stream, { maxDataLength: frameBytesMax })
      const request = await frames.read({ signal })
      await frames.write(await this.#answer(request.subarray().slice()), { signal })
      await stream.close({ signal })
    } catch (thrown) {
      // The peer went, asked nothing in time, or asks too much: it sees its stream end.
      stream.abort(thrown instanceof Error ? thrown : new Error(String(thrown)))
    } finally {
      this.#running -= 1
      this.#count(peer, -1)
    }
  }

  #count(peer: string, change: 1 | -1): number {
    const count = (this.#ofPeers.get(peer) ?? 0) + change
    if (count > 0) this.#ofPeers.set(peer, count)
    else this.#ofPeers.delete(peer)
    return count
  }
}
