/** Many route changes in few exchanges: one result per change, and a failing one stops none of the others. */

import type { RouteChange, RouteResult } from '../../core/routing/route.ts'
import { MessageWriter } from './message.ts'
import { isWritable, writeChange } from './route-message.ts'
import { failureOf, NetlinkError, type RequestSocket } from './socket.ts'

/**
 * Only the last message of a chunk is acknowledged, the others speak up when they fail. If all fail, 128 answers of
 * 0.8 KiB each are half of the kernel's default receive buffer, which must never overrun.
 */
const chunkSize = 128
const messageBytesMax = 112

/** The writes of one `apply`: change number i carried the sequence number `firstSeq + i`. */
export interface Written {
  readonly firstSeq: number
  readonly results: readonly RouteResult[]
}

export class RouteWriter {
  readonly #socket: RequestSocket
  readonly #table: number
  readonly #protocol: number
  readonly #writer = new MessageWriter(chunkSize * messageBytesMax)

  /** Nothing else may write through `socket`: the sequence numbers of one `apply` are consecutive. */
  constructor(socket: RequestSocket, scope: { table: number; protocol: number }) {
    this.#socket = socket
    this.#table = scope.table
    this.#protocol = scope.protocol
  }

  /** One call at a time. */
  async write(changes: readonly RouteChange[]): Promise<Written> {
    const firstSeq = this.#socket.reserve(changes.length)
    const results: RouteResult[] = []
    for (let from = 0; from < changes.length; from += chunkSize) {
      const chunk = changes.slice(from, from + chunkSize)
      for (const result of await this.#writeChunk(chunk, firstSeq + from)) results.push(result)
    }
    return { firstSeq, results }
  }

  async #writeChunk(chunk: readonly RouteChange[], firstSeq: number): Promise<RouteResult[]> {
    const failures: (string | undefined)[] = new Array(chunk.length).fill(undefined)
    const lastSeq = this.#encode(chunk, firstSeq, failures)
    if (lastSeq === undefined)
      return chunk.map((change, index) => resultOf(change, failures[index]))
    try {
      await this.#socket.exchange({
        bytes: this.#writer.bytes,
        firstSeq: firstSeq >>> 0,
        lastSeq,
        visit: (message) => {
          failures[(message.seq - firstSeq) >>> 0] = failureOf(message)
        },
      })
    } catch (thrown) {
      // Nobody knows how far the kernel got: each change without an answer of its own counts as failed.
      const code = thrown instanceof NetlinkError ? thrown.code : 'EIO'
      for (let index = 0; index < chunk.length; index += 1) failures[index] ??= code
    }
    return chunk.map((change, index) => resultOf(change, failures[index]))
  }

  /** The number of the last message, undefined where none was written. */
  #encode(
    chunk: readonly RouteChange[],
    firstSeq: number,
    failures: (string | undefined)[],
  ): number | undefined {
    this.#writer.clear()
    let lastSeq: number | undefined
    for (const [index, change] of chunk.entries()) {
      if (!isWritable(change)) {
        failures[index] = 'EAFNOSUPPORT'
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
