/** Where Stellar's clients come over TCP: in plaintext from this host alone, from others with certificates on both sides. */

import { readFileSync } from 'node:fs'
import { isIPv6, type Server } from 'node:net'
import grpc from '@grpc/grpc-js'
import { SocketError } from './socket.ts'

export interface TcpEndpoint {
  readonly host: string
  readonly port: number
  /** Paths of PEM files; undefined: plaintext. */
  readonly tls:
    | { readonly certificate: string; readonly key: string; readonly clientCa: string }
    | undefined
}

/** Throws a SocketError where a certificate cannot be read. */
export function listenOnTcp({ host, port, tls }: TcpEndpoint): {
  readonly credentials: grpc.ServerCredentials
  readonly listen: (listener: Server) => Promise<void>
} {
  const listen = (listener: Server) =>
    new Promise<void>((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException) => reject(unusable(host, port, error))
      listener.once('error', failed)
      listener.listen({ host, port }, () => {
        listener.off('error', failed)
        // Once it listens, a failed accept concerns one caller alone.
        listener.on('error', () => {})
        resolve()
      })
    })
  if (!tls) return { credentials: grpc.ServerCredentials.createInsecure(), listen }
  const pair = { cert_chain: read(tls.certificate), private_key: read(tls.key) }
  try {
    const credentials = grpc.ServerCredentials.createSsl(read(tls.clientCa), [pair], true)
    return { credentials, listen }
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    throw new SocketError(
      'socket-unusable',
      `the certificate for --grpc-listen cannot be used (${reason})`,
      'check --grpc-cert-file, --grpc-key-file and --grpc-client-ca-file: they must be PEM',
    )
  }
}

function read(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    throw new SocketError(
      'socket-unusable',
      `cannot read ${file} (${reason})`,
      'name a PEM file that the agent can read',
    )
  }
}

function unusable(host: string, port: number, error: NodeJS.ErrnoException): SocketError {
  const place = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
  const mend =
    error.code === 'EADDRINUSE'
      ? 'stop what has the port, or set --grpc-listen to another one'
      : 'set --grpc-listen to an address of this host'
  return new SocketError(
    'socket-unusable',
    `cannot listen on ${place} (${error.code ?? error.message})`,
    mend,
  )
}
