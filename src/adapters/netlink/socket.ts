/** Requests to the kernel and their answers, one exchange at a time. */

import { getSystemErrorName } from 'node:util'
import { RawNetlinkSocket } from 'netlink/dist/raw.js'
import { errnoOf, type Message, walkMessages } from './message.ts'
import { messageType, protocolRoute } from './rtnetlink.ts'

/** The kernel caps it at twice net.core.rmem_max, and silently. */
const receiveBytesWanted = 4 * 1024 * 1024

/** The kernel answers while it is asked, so only an answer that was lost takes longer than this. */
const patienceMsDefault = 2_500

export class NetlinkError extends Error {
  /** The kernel's error name, such as EPERM; ETIMEDOUT where no answer came, ECANCELED after `close`. */
  readonly code: string

  constructor(code: string, message: string) {
    super(`${message}: ${code}`)
    this.code = code
  }
}

export interface Exchange {
  /** Whole messages; they stay unchanged until the exchange ends. */
  readonly bytes: Buffer
  readonly firstSeq: number
  /** The exchange ends with the acknowledgement, error or end of dump that answers this one. */
  readonly lastSeq: number
  /** Called for every answer, the last one included. */
  readonly visit: (message: Message) => void
}

interface Pending extends Exchange {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/**
 * Two traps of the addon shape this class. What a listener throws aborts the process, and so does closing the socket
 * inside one: listeners catch everything, and a socket is closed from a timer. A receive overrun aborts it too: only one
 * exchange is under way, and its callers keep its answers well below the smallest receive buffer.
 */
export class RequestSocket {
  readonly #messageBytes: number
  readonly #patienceMs: number
  #socket: RawNetlinkSocket
  #seq = 0
  #current: Pending | undefined
  /** Bounded by the callers, each of which waits for its exchange. */
  readonly #waiting: Pending[] = []
  #timer: NodeJS.Timeout | undefined
  #answered = false
  #renewing = false
  #closed = false

  /** `messageBytes`: the longest datagram that is read whole. */
  constructor(messageBytes: number, { patienceMs = patienceMsDefault } = {}) {
    this.#messageBytes = messageBytes
    this.#patienceMs = patienceMs
    this.#socket = this.#open()
    this.port = this.#socket.address().port
  }

  /** Stays the same for the socket's life, also when it is opened anew: notifications of own writes carry it. */
  readonly port: number

  /** What the kernel granted for answers that wait to be read. */
  get receiveBytes(): number {
    return this.#socket.getRecvBufferSize()
  }

  /** The latest number that is reserved. */
  get seq(): number {
    return this.#seq
  }

  /** The first of `count` consecutive numbers, which no other request has. Wraps after 2^32. */
  reserve(count: number): number {
    const first = (this.#seq + 1) >>> 0
    this.#seq = (this.#seq + count) >>> 0
    return first
  }

  exchange(exchange: Exchange): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(canceled())
      this.#waiting.push({ ...exchange, resolve, reject })
      this.#next()
    })
  }

  /** Ends what is under way with ECANCELED. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const pending of this.#waiting.splice(0)) pending.reject(canceled())
    this.#finish(canceled())
    await outsideListeners()
    this.#socket.close()
  }

  #open(localPort?: number): RawNetlinkSocket {
    const socket = new RawNetlinkSocket(protocolRoute, {
      messagePeeking: false,
      msgBufferSize: this.#messageBytes,
      recvBufferSize: receiveBytesWanted,
      sendBufferSize: 0,
      ...(localPort === undefined ? {} : { localPort }),
    })
    socket.on('message', (data, sender) => {
      // Port 0 is the kernel; another process may write to us, and nobody listens to it.
      if (sender.port === 0) this.#receive(data)
    })
    socket.on('truncatedMessage', () => {
      this.#renew(new NetlinkError('EMSGSIZE', 'an answer was longer than the buffer'))
    })
    socket.on('error', (error) =>
      this.#renew(new NetlinkError(error.code, 'netlink socket failed')),
    )
    return socket
  }

  #next(): void {
    if (this.#current) return
    const pending = this.#waiting.shift()
    if (!pending) return
    this.#current = pending
    try {
      this.#socket.send(pending.bytes, undefined, (error) => {
        if (error && this.#current === pending) {
          this.#finish(new NetlinkError(error.code, 'cannot send to the kernel'))
        }
      })
    } catch (thrown) {
      return this.#renew(errorOf(thrown))
    }
    this.#wait()
  }

  #receive(data: Buffer): void {
    const pending = this.#current
    if (!pending || this.#renewing) return
    this.#answered = true
    let ended = false
    try {
      walkMessages(data, (message) => {
        // An answer to an exchange that failed meanwhile.
        if (offset(pending, message.seq) > offset(pending, pending.lastSeq)) return
        pending.visit(message)
        const closing = message.type === messageType.error || message.type === messageType.done
        if (closing && message.seq === pending.lastSeq) ended = true
      })
    } catch (thrown) {
      return this.#renew(errorOf(thrown))
    }
    if (ended) this.#finish()
  }

  #finish(error?: Error): void {
    clearTimeout(this.#timer)
    const pending = this.#current
    this.#current = undefined
    if (error) pending?.reject(error)
    else pending?.resolve()
    if (!this.#closed) this.#next()
  }

  /** Two looks without an answer: after a pause of this process the timer is due before what waits in the socket is read. */
  #wait(): void {
    this.#answered = false
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (this.#answered) return this.#wait()
      this.#timer = setTimeout(() => {
        if (this.#answered) return this.#wait()
        this.#renew(new NetlinkError('ETIMEDOUT', 'no answer from the kernel'))
      }, this.#patienceMs)
    }, this.#patienceMs)
  }

  /**
   * An exchange that failed may go on: the kernel refuses a second dump on a socket where one is half read. So the next
   * exchange gets a new socket, bound to the same port.
   */
  #renew(error: Error): void {
    if (this.#renewing) return
    this.#renewing = true
    clearTimeout(this.#timer)
    outsideListeners()
      .then(() => {
        this.#renewing = false
        if (this.#closed) return
        this.#socket.close()
        this.#socket = this.#open(this.port)
        this.#finish(error)
      })
      .catch((thrown: unknown) => this.#finish(errorOf(thrown)))
  }
}

/** What an error or end-of-dump message says; undefined for an acknowledgement and for other messages. */
export function failureOf(message: Message): string | undefined {
  if (message.type !== messageType.error) return undefined
  const errno = errnoOf(message)
  return errno === 0 ? undefined : errorName(errno)
}

export const errorName = (errno: number): string => getSystemErrorName(-errno)

const offset = ({ firstSeq }: Exchange, seq: number): number => (seq - firstSeq) >>> 0

const canceled = (): NetlinkError => new NetlinkError('ECANCELED', 'the netlink socket is closed')

const errorOf = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown))

const outsideListeners = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
