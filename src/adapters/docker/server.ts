/** Serves a set of calls on a plugin socket of Docker: JSON over HTTP, one request for each call. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Clock } from '../../ports/clock.ts'
import { parseBody, Refused } from './body.ts'
import { type Call, Stopping } from './driver.ts'

export interface PluginServer {
  /** Answers what is under way, at most for a moment, ends the rest and removes the socket. */
  close(): Promise<void>
}

/** Rejects as `listen` does, which binds the server to its socket. */
export async function servePlugin(options: {
  readonly calls: ReadonlyMap<string, Call>
  readonly listen: (server: Server) => Promise<void>
  readonly clock: Clock
}): Promise<PluginServer> {
  const { calls, listen, clock } = options
  const server = createServer(
    // Whoever connects and says nothing does not stay for ever.
    { requestTimeout: requestMsMax, headersTimeout: requestMsMax, maxHeaderSize: 16_384 },
    (request, response) => {
      void serve(calls, request, response)
    },
  )
  server.maxConnections = connectionsMax
  await listen(server)
  // Once it listens, a failed accept concerns one caller alone.
  server.on('error', () => {})
  return {
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      const cancel = clock.schedule(clock.now() + graceMs, () => server.closeAllConnections())
      await closed
      cancel()
    },
  }
}

const connectionsMax = 64
const requestMsMax = 10_000
const graceMs = 500
const bodyBytesMax = 65_536
const contentType = 'application/vnd.docker.plugins.v1.1+json'

async function serve(
  calls: ReadonlyMap<string, Call>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // A connection that breaks while it is read or answered concerns nobody else.
  response.on('error', () => {})
  try {
    const call = calls.get((request.url ?? '').slice(1))
    if (!call) return answer(response, 404, { Err: `there is no call ${request.url}` })
    answer(response, 200, await call(parseBody(await read(request))))
  } catch (thrown) {
    if (thrown instanceof Stopping) response.destroy()
    else answer(response, 500, { Err: `starling: ${textOf(thrown)}` })
    request.resume()
  }
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  // Whoever sends too much is answered all the same.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk as Buffer)
    bytes += (chunk as Buffer).length
    if (bytes > bodyBytesMax) throw new Refused(`the request has more than ${bodyBytesMax} bytes`)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': contentType }).end(JSON.stringify(body))
}

const textOf = (thrown: unknown): string => {
  if (thrown instanceof Refused) return thrown.message
  return `internal error: ${thrown instanceof Error ? thrown.message : String(thrown)}`
}
