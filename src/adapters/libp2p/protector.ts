/** libp2p's pre-shared key (pnet 1.0.0 on the wire) with several keys at once, so that a cluster can change its key. */

import { randomBytes } from 'node:crypto'
import type { AbortOptions, ConnectionProtector, MultiaddrConnection } from '@libp2p/interface'
import { AbstractMultiaddrConnection, byteStream, type SendResult } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import QuickLRU from 'quick-lru'
import xsalsa20, { type Xor } from 'xsalsa20'

const nonceBytes = 24
/** What either side says first inside: multistream-select's header, which tells the right key from a wrong one. */
const header = Buffer.from('\x13/multistream/1.0.0\n')

/** The first key is offered; a peer may come with any of them. At least one. */
export function clusterKeyProtector(
  keys: readonly Uint8Array[],
  reached: (address: Multiaddr) => void,
): () => ConnectionProtector {
  // Who dials speaks first, and so must know which key the other side takes: the one that it took last time.
  const offers = new QuickLRU<string, number>({ maxSize: 4_096 })
  return () => ({
    async protect(connection, options) {
      // The upgrader passes the connection itself, whatever the type says.
      const whole = connection as MultiaddrConnection
      if (connection.direction === 'inbound') return accept(whole, keys, options)
      reached(whole.remoteAddr)
      const address = whole.remoteAddr.toString()
      const index = offers.get(address) ?? 0
      const offered = keys[index % keys.length] as Uint8Array
      // Refused until its answer shows that it was not: the next dial offers the next key.
      offers.set(address, (index + 1) % keys.length)
      return offer(whole, offered, () => offers.set(address, index), options)
    },
  })
}

async function offer(
  connection: MultiaddrConnection,
  key: Uint8Array,
  taken: () => void,
  options?: AbortOptions,
): Promise<MultiaddrConnection> {
  const { nonces, stream } = await exchangeNonces(connection, options)
  return new Sealed(stream.unwrap(), { ...nonces, key, taken })
}

/** Waits for the first bytes, and takes the key that makes sense of them. */
async function accept(
  connection: MultiaddrConnection,
  keys: readonly Uint8Array[],
  options?: AbortOptions,
): Promise<MultiaddrConnection> {
  const { nonces, stream } = await exchangeNonces(connection, options)
  const first = (await stream.read({ bytes: header.length, ...options })).subarray()
  const key = keys.find((each) => header.equals(cipher(nonces.remote, each).update(first)))
  if (!key) throw new Error('its cluster key is another one')
  const raw = stream.unwrap()
  raw.unshift(first)
  return new Sealed(raw, { ...nonces, key, taken: () => undefined })
}

async function exchangeNonces(connection: MultiaddrConnection, options?: AbortOptions) {
  const local = randomBytes(nonceBytes)
  const stream = byteStream(connection)
  const [remote] = await Promise.all([
    stream.read({ bytes: nonceBytes, ...options }),
    stream.write(local, options),
  ])
  return { nonces: { local, remote: remote.subarray() }, stream }
}

const cipher = (nonce: Uint8Array, key: Uint8Array): Xor => xsalsa20(nonce, key)

class Sealed extends AbstractMultiaddrConnection {
  readonly #below: MultiaddrConnection
  readonly #outbound: Xor

  constructor(
    below: MultiaddrConnection,
    keys: {
      readonly local: Uint8Array
      readonly remote: Uint8Array
      readonly key: Uint8Array
      /** The other side answered under this key. */
      readonly taken: () => void
    },
  ) {
    super({
      remoteAddr: below.remoteAddr,
      direction: below.direction,
      log: below.log.newScope('cluster-key'),
    })
    this.#below = below
    this.#outbound = cipher(keys.local, keys.key)
    const inbound = cipher(keys.remote, keys.key)
    let heard = 0
    below.addEventListener('message', ({ data }) => {
      const opened = inbound.update(data instanceof Uint8Array ? data : data.subarray())
      // One byte of the header is enough to tell that this is the key, 255 times in 256.
      if (heard === 0 && opened[0] === header[0]) keys.taken()
      heard += opened.length
      this.onData(opened)
    })
    below.addEventListener('drain', () => this.onMuxerDrain())
    below.addEventListener('close', ({ error, local }) => {
      if (!error) return this.onTransportClosed()
      if (local) this.abort(error)
      else this.onRemoteReset()
    })
  }

  override async sendClose(options?: AbortOptions): Promise<void> {
    await this.#below.close(options)
  }

  override sendData(data: { readonly byteLength: number; subarray(): Uint8Array }): SendResult {
    const canSendMore = this.#below.send(this.#outbound.update(data.subarray()))
    return { sentBytes: data.byteLength, canSendMore }
  }

  override sendReset(error: Error): void {
    this.#below.abort(error)
  }

  override sendPause(): void {
    this.#below.pause()
  }

  override sendResume(): void {
    this.#below.resume()
  }
}
