/** Many route changes in few exchanges: one result per change, and a failing one stops none of the others. */

import type { RouteChange, RouteResult } from '../../core/routing/route.ts'
import { MessageWriter } from './message.ts'
import { isWritable, writeChange } from './route-message.ts'
import { failureOf, NetlinkError, type RequestSocket } from './socket.ts'

/**
 * Only the last message of a chunk is acknowledged, the others speak up when they fail. If all fail, their answers take
 * 0.8 KiB each of the receive buffer, which must never overrun: a chunk fills at most half of it.
 */
const bufferBytesPerChange = 1_664
const chunkSizeMax = 256
const messageBytesMax = 112

/** The writes of one `apply`: change number i carried the sequence number `firstSeq + i`. */
export interface Written {
  readonly firstSeq: number
  readonly results: readonly RouteResult[]
  /** Numbers of the changes that were not done, with the kernel's error names. */
  readonly failures: ReadonlyMap<number, string>
}

/** A part of the changes of one `apply`. */
interface Chunk {
  readonly changes: readonly RouteChange[]
  readonly from: number
  readonly end: number
  /** Of change number 0. */
  readonly firstSeq: number
  readonly failures: Map<number, string>
}

export class RouteWriter {
  readonly #socket: RequestSocket
  readonly #table: number
  readonly #protocol: number
  readonly #chunkSize: number
  readonly #writer: MessageWriter

  /** Nothing else may write through `socket`: the sequence numbers of one `apply` are consecutive. */
  constructor(socket: RequestSocket, scope: { table: number; protocol: number }) {
    this.#socket = socket
    this.#table = scope.table
    this.#protocol = scope.protocol
    this.#chunkSize = Math.min(chunkSizeMax, Math.floor(socket.receiveBytes / bufferBytesPerChange))
    this.#writer = new MessageWriter(this.#chunkSize * messageBytesMax)
  }

  /** One call at a time. */
  async write(changes: readonly RouteChange[]): Promise<Written> {
    const firstSeq = this.#socket.reserve(changes.length)
    const failures = new Map<number, string>()
    for (let from = 0; from < changes.length; from += this.#chunkSize) {
      const end = Math.min(from + this.#chunkSize, changes.length)
      await this.#writeChunk({ changes, from, end, firstSeq, failures })
    }
    const results = changes.map((change, index) => resultOf(change, failures.get(index)))
    return { firstSeq, results, failures }
  }

  async #writeChunk(chunk: Chunk): Promise<void> {
    const { from, end, firstSeq, failures } = chunk
    const lastSeq = this.#encode(chunk)
    if (lastSeq === undefined) return
    try {
      await this.#socket.exchange({
        bytes: this.#writer.bytes,
        firstSeq: (firstSeq + from) >>> 0,
        lastSeq,
        visit: (message) => {
          const failure = failureOf(message)
          if (failure !== undefined) failures.set((message.seq - firstSeq) >>> 0, failure)
        },
      })
    } catch (thrown) {
      // Nobody knows how far the kernel got: each change without an answer of its own counts as failed.
      const code = thrown instanceof NetlinkError ? thrown.code : 'EIO'
      for (let index = from; index < end; index += 1) {
        if (!failures.has(index)) failures.set(index, code)
      }
    }
  }

  /** The number of the last message, undefined where none was written. */
  #encode({ changes, from, end, firstSeq, failures }: Chunk): number | undefined {
    this.#writer.clear()
    let lastSeq: number | undefined
    for (let index = from; index < end; index += 1) {
      const change = changes[index]
      if (change === undefined) continue
      if (!isWritable(change)) {
        failures.set(index, 'EAFNOSUPPORT')
        continue
      }
      lastSeq = (firstSeq + index) >>> 0
      writeChange(this.#writer, change, {
        seq: lastSeq,
        table: this.#table,
        protocol: this.#protocol,
      })
    }
    if (lastSeq !== undefined) this.#writer.acknowledgeLast()
    return lastSeq
  }
}

function resultOf(change: RouteChange, error: string | undefined): RouteResult {
  if (error === undefined) return { change, outcome: 'done', error: '' }
  return { change, outcome: outcomeOf(change, error), error }
}

function outcomeOf(change: RouteChange, error: string): RouteResult['outcome'] {
  // rtnetlink's own refusal. EACCES is something else: IPv6 is disabled on the link.
  if (error === 'EPERM') return 'forbidden'
  if (change.type === 'remove') return error === 'ESRCH' ? 'absent' : 'failed'
  if (error === 'EEXIST') return 'exists'
  return change.target.type === 'via' && offLink.has(error) ? 'not-on-link' : 'failed'
}

/** EINVAL is what IPv4 says of a gateway that is one of the host's own or a broadcast address. */
const offLink: ReadonlySet<string> = new Set([
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENODEV',
  'ENETDOWN',
  'EINVAL',
])
