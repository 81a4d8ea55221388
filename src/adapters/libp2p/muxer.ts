/** yamux that does not answer every message. */

import type { StreamMuxerFactory } from '@libp2p/interface'
import { type YamuxMuxerInit, yamux } from '@libp2p/yamux'

/** What the muxer makes its streams with, and what they count; private in its types. */
interface StreamMaker {
  _newStream(...words: readonly unknown[]): Crediting
}

interface Crediting {
  /** Bytes. */
  readonly recvWindow: number
  readonly recvWindowCapacity: number
  sendWindowUpdate(): void
}

/**
 * The library gives a sender its credit back after each message: one more frame to encrypt, write, read and decrypt
 * for every message, on the way of that message. Here it is given back when half of it is used, and the frame that
 * opens or accepts a stream is its first data.
 */
export function thriftyYamux(init: YamuxMuxerInit): () => StreamMuxerFactory {
  const create = yamux(init)
  return () => {
    const factory = create()
    const createStreamMuxer = factory.createStreamMuxer.bind(factory)
    return Object.assign(factory, {
      createStreamMuxer(...words: Parameters<typeof createStreamMuxer>) {
        const muxer = createStreamMuxer(...words)
        const maker = muxer as unknown as StreamMaker
        const make = maker._newStream.bind(muxer)
        maker._newStream = (...them) => thrifty(make(...them))
        return muxer
      },
    })
  }
}

function thrifty(stream: Crediting): Crediting {
  const send = stream.sendWindowUpdate.bind(stream)
  stream.sendWindowUpdate = () => {
    if (stream.recvWindowCapacity <= stream.recvWindow / 2) send()
  }
  return stream
}
