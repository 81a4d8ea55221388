/** The page that shows the agent: its files, the stream that it follows, and answers to what is searched for. Read-only. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Address, parseAddress } from '../../core/ip/address.ts'
import { type Prefix, parsePrefix } from '../../core/ip/prefix.ts'
import { listenOnWeb, type WebEndpoint, type WebListener } from './listener.ts'
import { told } from './page-changes.ts'
import { type PageFile, readPageFiles } from './page-files.ts'
import { type PageSource, PageStream } from './page-stream.ts'
import { viewersMax } from './page-viewers.ts'

export interface PageOptions extends PageSource {
  readonly endpoint: WebEndpoint
  /** Everything that is known of an address; may ask another node. */
  readonly explainAddress: (address: Address) => Promise<object>
  readonly explainPrefix: (prefix: Prefix) => object
  /** Where the files of the page are; undefined: where the build puts them. */
  readonly directory?: string
}

/** Rejects with a WebError where it cannot listen, or the page is not built. */
export async function openPage(options: PageOptions): Promise<WebListener> {
  const files = readPageFiles(options.directory)
  const stream = new PageStream(options)
  const explain = explainer(options)
  try {
    const listener = await listenOnWeb(options.endpoint, '--ui-listen', (request, response) => {
      for (const [name, value] of Object.entries(cautions)) response.setHeader(name, value)
      const { pathname, searchParams } = new URL(`http://page${request.url ?? '/'}`)
      const file = files.get(pathname)
      if (file) sendFile(request, response, file)
      else if (!pathname.startsWith('/api/')) notFound(response)
      // Another site's page cannot read the answer, and shall not take up a place either.
      else if (isForeign(request)) answer(response, 403, { problem: 'This is for the page alone.' })
      else if (pathname === '/api/watch') watch(stream, request, response)
      else if (pathname === '/api/explain') void explain(searchParams.get('of') ?? '', response)
      else notFound(response)
    })
    return {
      close: () => {
        stream.close()
        return listener.close()
      },
    }
  } catch (thrown) {
    stream.close()
    throw thrown
  }
}

/** Nothing from elsewhere, nothing inline, and no text that becomes markup. */
const cautions: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
}

function isForeign({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  // Programs that are no browser do not say.
  return site !== undefined && site !== 'same-origin' && site !== 'none'
}

function sendFile(request: IncomingMessage, response: ServerResponse, file: PageFile): void {
  const packed = /(^|[, ])gzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  const body = packed ? file.gzip : file.plain
  response.writeHead(200, {
    'content-type': file.type,
    'content-length': body.length,
    vary: 'accept-encoding',
    ...(packed ? { 'content-encoding': 'gzip' } : {}),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

function watch(stream: PageStream, request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  if (request.method === 'HEAD') response.end()
  else if (stream.isFull) response.end(`event: refused\ndata: ${told({ problem: full })}\n\n`)
  else stream.join(response)
}

const full = `${viewersMax} viewers look at this agent already: close one of them.`

function explainer({
  explainAddress,
  explainPrefix,
  failed,
}: PageOptions): (of: string, response: ServerResponse) => Promise<void> {
  let underWay = 0
  return async (of, response) => {
    const address = parseAddress(of)
    const prefix = address ? undefined : parsePrefix(of)
    // No failure of anything: somebody mistyped.
    if (!address && !prefix) return answer(response, 200, { problem: notUnderstood })
    if (underWay >= explainsMax) return answer(response, 503, { problem: busy })
    underWay += 1
    try {
      const explained = address ? await explainAddress(address) : prefix && explainPrefix(prefix)
      answer(response, 200, explained ?? {})
    } catch (thrown) {
      failed(thrown)
      answer(response, 500, { problem: 'The agent could not answer.' })
    } finally {
      underWay -= 1
    }
  }
}

const notUnderstood =
  'This is no address, no prefix and no known node. A prefix is written with zero host bits: 172.16.4.0/22.'
const busy = 'Too much is asked at once: try again.'
/** Each may wait for another node. */
const explainsMax = 8

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
  response.end(told(body))
}

function notFound(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('Not found.\n')
}
