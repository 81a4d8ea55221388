/** Noise, and behind it each side's certificate: who is not admitted gets no connection, and hears why. */

import type { ConnectionEncrypter, MultiaddrConnection, SecuredConnection } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { lpStream } from '@libp2p/utils'
import type { NodeId } from '../../core/claim/record.ts'
import { paperLimits } from '../../core/trust/paper.ts'
import { remoteAddress } from './remote-address.ts'

export interface Credentials {
  /** Whether peers need a certificate here. */
  readonly required: boolean
  readonly own: () => Uint8Array | undefined
  /** Why a peer with this certificate is not admitted; empty: it is. An empty certificate is none. */
  readonly refusal: (peer: NodeId, certificate: Uint8Array) => string
}

export interface Refused {
  readonly peer: NodeId
  readonly address: string
  readonly certificate: Uint8Array
}

/** Before what the other side says of us, so that whoever catches the failure knows it from others. */
const notAdmitted = 'not admitted: '

type Encrypters = ((components: Parameters<ReturnType<typeof noise>>[0]) => ConnectionEncrypter)[]

/** In the order in which they are offered: nodes that need no certificate show theirs to those that do. */
export function encrypters(
  credentials: Credentials | undefined,
  refused: (refused: Refused) => void,
): Encrypters {
  if (!credentials) return [noise()]
  const certified: Encrypters[number] = (components) => {
    const inner = noise()(components)
    const prove = prover(credentials, refused)
    return {
      protocol: '/starling/certified/1.0.0',
      secureInbound: async (below, options) =>
        prove(await inner.secureInbound(below, options), addressBelow(below), options?.signal),
      secureOutbound: async (below, options) =>
        prove(await inner.secureOutbound(below, options), addressBelow(below), options?.signal),
    }
  }
  return credentials.required ? [certified] : [noise(), certified]
}

/** What the peer says of us, where a failure to connect is that it does not admit us. */
export function notAdmittedBy(message: string): string | undefined {
  const at = message.indexOf(notAdmitted)
  return at < 0 ? undefined : message.slice(at + notAdmitted.length)
}

function prover({ own, refusal }: Credentials, refused: (refused: Refused) => void) {
  return async (
    secured: SecuredConnection,
    address: string,
    signal: AbortSignal | undefined,
  ): Promise<SecuredConnection> => {
    const peer = secured.remotePeer.toString() as NodeId
    const options = signal ? { signal } : {}
    const frames = lpStream(secured.connection, { maxDataLength: paperLimits.bytes })
    await frames.write(own() ?? new Uint8Array(), options)
    const certificate = new Uint8Array((await frames.read(options)).subarray())
    const why = refusal(peer, certificate)
    await frames.write(Buffer.from(why), options)
    const verdict = Buffer.from((await frames.read(options)).subarray()).toString()
    if (verdict !== '') throw new Error(`${notAdmitted}${plain(verdict)}`)
    if (why !== '') {
      refused({ peer, address, certificate })
      // It hears why before it goes; the time that a handshake may take bounds it.
      await frames.read(options).catch(() => undefined)
      throw new Error(`refused: ${why}`)
    }
    return { ...secured, connection: frames.unwrap() }
  }
}

/** The upgrader passes a connection with an address, whatever the type says. */
const addressBelow = (below: unknown): string => remoteAddress(below as MultiaddrConnection)

/** Words of a stranger. */
const plain = (text: string): string => text.replace(/[^ -~]/g, '?').slice(0, 200)
