/** A place where browsers and scrapers come by HTTP: reading alone, for those who name this host alone, bounded. */

import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { isIP, isIPv6, type Socket } from 'node:net'

export interface WebEndpoint {
  readonly host: string
  readonly port: number
  /** Names besides `localhost` that it may be asked by; any address may. */
  readonly names: readonly string[]
  /** Paths of PEM files; undefined: plaintext. */
  readonly tls: WebTls | undefined
}

export interface WebTls {
  readonly certificate: string
  readonly key: string
  /** Whose clients alone may come; undefined: anybody. */
  readonly clientCa: string | undefined
}

export interface WebListener {
  /** Ends what is under way, too. */
  close(): Promise<void>
}

export class WebError extends Error {
  readonly code = 'listener-unusable'

  constructor(problem: string, mend: string) {
    super(`${problem}: ${mend}`)
    this.name = 'WebError'
  }
}

/**
 * `answer` hears GET and HEAD alone. `flag` is the setting that an operator would change. Rejects with a WebError where
 * it cannot listen.
 */
export async function listenOnWeb(
  { host, port, names, tls }: WebEndpoint,
  flag: '--metrics-listen' | '--ui-listen',
  answer: RequestListener,
): Promise<WebListener> {
  const server = tls ? tlsServer(tls, flag) : createServer({ maxHeaderSize: headerBytesMax })
  server.maxConnections = connectionsMax
  server.headersTimeout = requestMsMax
  server.requestTimeout = requestMsMax
  const connections = new Set<Socket>()
  server.on('connection', (connection: Socket) => {
    connections.add(connection)
    connection.once('close', () => connections.delete(connection))
  })
  server.on('request', (request, response) => {
    for (const [name, value] of Object.entries(cautions)) response.setHeader(name, value)
    const refusal = refusalOf(request, names)
    if (refusal) {
      response.writeHead(refusal.status, plain).end(`${refusal.text}\n`)
      return
    }
    try {
      answer(request, response)
    } catch {
      // What failed is the agent's own, and nothing of the request may come back by it.
      if (!response.headersSent) response.writeHead(500, plain)
      response.end('The agent could not answer.\n')
    }
  })
  await listen(server, { host, port, flag })
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const connection of connections) connection.destroy()
      }),
  }
}

const plain = { 'content-type': 'text/plain; charset=utf-8' }

/** Where a page needs more than this, it says so itself. */
const cautions: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

function refusalOf(
  { method, headers }: IncomingMessage,
  names: readonly string[],
): { readonly status: number; readonly text: string } | undefined {
  if (!isOwnHost(headers.host ?? '', names)) {
    return { status: 421, text: 'This agent does not answer to that host name (see webName).' }
  }
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, text: 'Only GET is answered.' }
  return undefined
}

/**
 * A page of a stranger can have its own name resolve to this host, and then read what it gets; it cannot do so with an
 * address (DNS rebinding).
 */
function isOwnHost(host: string, names: readonly string[]): boolean {
  const name = (/^(.*?)(?::[0-9]{1,5})?$/.exec(host)?.[1] ?? '').toLowerCase()
  return (
    isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0 ||
    name === 'localhost' ||
    names.some((own) => own.toLowerCase() === name)
  )
}

function tlsServer({ certificate, key, clientCa }: WebTls, flag: string): Server {
  const files = { cert: read(certificate), key: read(key) }
  const clients = clientCa
    ? { ca: read(clientCa), requestCert: true, rejectUnauthorized: true }
    : {}
  try {
    return createTlsServer({ ...files, ...clients, maxHeaderSize: headerBytesMax })
  } catch (thrown) {
    throw new WebError(
      `the certificate for ${flag} cannot be used (${reasonOf(thrown)})`,
      'check --web-cert-file, --web-key-file and --web-client-ca-file: they must be PEM',
    )
  }
}

function read(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (thrown) {
    throw new WebError(
      `cannot read ${file} (${reasonOf(thrown)})`,
      'name a PEM file that the agent can read',
    )
  }
}

function listen(
  server: Server,
  { host, port, flag }: { host: string; port: number; flag: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      const place = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
      reject(
        new WebError(
          `cannot listen on ${place} (${error.code ?? error.message})`,
          error.code === 'EADDRINUSE'
            ? `stop what has the port, or set ${flag} to another one`
            : `set ${flag} to an address of this host`,
        ),
      )
    }
    server.once('error', failed)
    server.listen({ host, port }, () => {
      server.off('error', failed)
      // Once it listens, a failed accept concerns one caller alone.
      server.on('error', () => {})
      resolve()
    })
  })
}

const reasonOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown)

const connectionsMax = 64
const headerBytesMax = 8_192
const requestMsMax = 10_000
