/** One dial and what came of it, in words an operator can act on. Never throws. */

import type { Connection, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { NodeId } from '../../core/claim/record.ts'
import type { ProbeAnswer } from '../../core/liveness/watch.ts'
import type { Clock } from '../../ports/clock.ts'
import { notAdmittedBy } from './certified.ts'

export type DialOutcome =
  | { readonly type: 'connected'; readonly peer: NodeId }
  /** It is this node that answers there. */
  | { readonly type: 'self' }
  | DialFailure

export interface DialFailure {
  readonly type: 'failed'
  /** `handshake-failed`: TCP connected, so the host is there and answers. */
  readonly code: 'seed-unreachable' | 'handshake-failed' | 'not-admitted'
  readonly reason: string
}

export interface DialHost {
  /** libp2p's own. */
  readonly dial: (
    addresses: readonly Multiaddr[],
    options: {
      onProgress: (event: { type: string }) => void
      signal?: AbortSignal
      /** A connection that is there does not count. */
      force?: boolean
    },
  ) => Promise<Connection>
  readonly clock: Clock
  /** Empty once the peer of this connection proved to be of this cluster, otherwise why it is not. */
  readonly prove: (peer: NodeId) => Promise<string>
}

/** At a time. More handshakes than this slow each other down until they time out. */
const dialsMax = 16

export class Dialler {
  readonly #host: DialHost
  /** Dialled address to the peer that was found there, known before the connection is. */
  readonly #identified = new Map<string, NodeId>()
  readonly #reached = new Set<string>()
  readonly #answers = new Map<string, () => void>()
  readonly #waiting: (() => void)[] = []
  readonly #probed = new Set<NodeId>()
  #running = 0

  constructor(host: DialHost) {
    this.#host = host
  }

  /** The first of the addresses that answers; `answers` is called when one does so by TCP. Beyond 16 at a time dials wait: as many as there are redial tasks. */
  async dial(
    addresses: readonly Multiaddr[],
    answers: () => void = () => undefined,
  ): Promise<DialOutcome> {
    if (this.#running >= dialsMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#running += 1
    try {
      return await this.#dial(addresses, answers)
    } finally {
      this.#running -= 1
      this.#waiting.shift()?.()
    }
  }

  /**
   * Fresh connections to all of the addresses at once, whatever connections there are; the best answer counts.
   * `silentMs`: how long TCP may take. They do not wait for other dials. The addresses name no peer: whoever answers is
   * told.
   */
  async probe(
    peer: NodeId,
    addresses: readonly Multiaddr[],
    silentMs: number,
  ): Promise<ProbeAnswer> {
    if (addresses.length === 0 || this.#probed.has(peer)) return { type: 'unknown' }
    this.#probed.add(peer)
    try {
      const answers = await Promise.all(
        addresses.map((address) => this.#probeOne(peer, address, silentMs)),
      )
      const best = answerOrder.find((type) => answers.some((answer) => answer.type === type))
      return { type: best ?? 'unknown' }
    } finally {
      this.#probed.delete(peer)
    }
  }

  async #probeOne(peer: NodeId, address: Multiaddr, silentMs: number): Promise<ProbeAnswer> {
    const { clock } = this.#host
    const dueAt = clock.now() + silentMs
    const abort = new AbortController()
    let answered = false
    let isLate = false
    const cancel = clock.schedule(dueAt, () => {
      isLate = clock.now() - dueAt > silentMs / 2
      if (!answered) abort.abort()
    })
    try {
      return await this.#probe(peer, [address], abort.signal, () => {
        answered = true
      })
    } catch (thrown) {
      return isLate ? { type: 'unknown' } : answerOf(thrown, answered)
    } finally {
      cancel()
    }
  }

  /** Whether a second connection to it is wanted. */
  isProbing(peer: NodeId): boolean {
    return this.#probed.has(peer)
  }

  async #probe(
    peer: NodeId,
    addresses: readonly Multiaddr[],
    signal: AbortSignal,
    answers: () => void,
  ): Promise<ProbeAnswer> {
    const keys = addresses.map(String)
    this.#forget(keys)
    for (const key of keys) this.#answers.set(key, answers)
    try {
      const connection = await this.#host.dial(addresses, {
        signal,
        force: true,
        onProgress: ({ type }) => {
          if (type === 'upgrader:encrypt-outbound-connection') answers()
        },
      })
      const found = connection.remotePeer.toString()
      return { type: found === peer ? 'connected' : 'displaced' }
    } catch (thrown) {
      if (isSelf(thrown)) return { type: 'displaced' }
      const found = keys.map((key) => this.#identified.get(key)).find((id) => id !== undefined)
      if (!found || !hasName(thrown, 'ConnectionInterceptedError')) throw thrown
      return { type: found === peer ? 'connected' : 'displaced' }
    } finally {
      this.#forget(keys)
    }
  }

  /** TCP is connected there and the handshake begins. */
  reached(address: Multiaddr): void {
    this.#reached.add(address.toString())
    this.#answers.get(address.toString())?.()
  }

  /** The handshake revealed who is there; the connection may still be denied. */
  identified(address: Multiaddr, peer: PeerId): void {
    this.#identified.set(address.toString(), peer.toString() as NodeId)
  }

  async #dial(addresses: readonly Multiaddr[], answers: () => void): Promise<DialOutcome> {
    const keys = addresses.map(String)
    this.#forget(keys)
    for (const key of keys) this.#answers.set(key, answers)
    let reached = false
    try {
      const connection = await this.#host.dial(addresses, {
        onProgress: ({ type }) => {
          if (reached || type !== 'upgrader:encrypt-outbound-connection') return
          reached = true
          answers()
        },
      })
      return await this.#prove(connection.remotePeer.toString() as NodeId)
    } catch (thrown) {
      if (isSelf(thrown)) return { type: 'self' }
      const denied = keys.find((key) => this.#identified.has(key))
      // Denied by our own gater: this peer is connected already.
      if (denied && hasName(thrown, 'ConnectionInterceptedError')) {
        return await this.#prove(this.#identified.get(denied) as NodeId)
      }
      return failure(thrown, reached || keys.some((key) => this.#reached.has(key)))
    } finally {
      this.#forget(keys)
    }
  }

  #forget(keys: readonly string[]): void {
    for (const key of keys) {
      this.#identified.delete(key)
      this.#reached.delete(key)
      this.#answers.delete(key)
    }
  }

  async #prove(peer: NodeId): Promise<DialOutcome> {
    const fault = await this.#host.prove(peer)
    return fault === ''
      ? { type: 'connected', peer }
      : { type: 'failed', code: 'handshake-failed', reason: fault }
  }
}

function failure(thrown: unknown, reached: boolean): DialFailure {
  const error = rootOf(thrown)
  const verdict = notAdmittedBy(messageOf(error))
  if (verdict !== undefined) return { type: 'failed', code: 'not-admitted', reason: verdict }
  if (!reached)
    return { type: 'failed', code: 'seed-unreachable', reason: unreachableReason(error) }
  const how = isTimeout(error) ? 'is not answered' : `fails (${messageOf(error)})`
  return {
    type: 'failed',
    code: 'handshake-failed',
    reason: `the host answers, but the handshake ${how}: its cluster key is another one, or it is not a starling agent`,
  }
}

/** Of several addresses: whoever answers at one of them is there, however silent another one is. */
const answerOrder = ['connected', 'displaced', 'hung', 'refused', 'unknown', 'silent'] as const

function answerOf(thrown: unknown, answered: boolean): ProbeAnswer {
  if (notAdmittedBy(messageOf(rootOf(thrown))) !== undefined) return { type: 'unknown' }
  if (hasCode(thrown, 'ECONNREFUSED')) return { type: 'refused' }
  if (answered) return { type: 'hung' }
  const isSilent =
    isTimeout(rootOf(thrown)) ||
    ['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN'].some((code) => hasCode(thrown, code))
  return { type: isSilent ? 'silent' : 'unknown' }
}

function unreachableReason(error: unknown): string {
  switch (codeOf(error)) {
    case 'ECONNREFUSED':
      return 'connection refused: no agent listens there'
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'no route to the host'
    default:
      return isTimeout(error) ? 'no answer' : messageOf(error)
  }
}

/** Of several addresses' errors the first one tells. */
function rootOf(thrown: unknown): unknown {
  return thrown instanceof AggregateError && thrown.errors.length > 0
    ? rootOf(thrown.errors[0])
    : thrown
}

const isSelf = (thrown: unknown): boolean =>
  thrown instanceof AggregateError
    ? thrown.errors.some(isSelf)
    : hasName(thrown, 'InvalidPeerIdError') || messageOf(thrown) === 'Tried to dial self'

const hasName = (thrown: unknown, name: string): boolean =>
  thrown instanceof AggregateError
    ? thrown.errors.some((error) => hasName(error, name))
    : thrown instanceof Error && thrown.name === name

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof AggregateError
    ? error.errors.some((each) => hasCode(each, code))
    : codeOf(error) === code

const isTimeout = (error: unknown): boolean =>
  hasName(error, 'TimeoutError') || hasName(error, 'AbortError') || codeOf(error) === 'ETIMEDOUT'

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message.slice(0, 200) : String(error)
