/** The door of scrapers and of whoever watches the process: /metrics, /healthz, /readyz. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Millis } from '../../core/rng.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Durations } from '../../ports/durations.ts'
import type { Operator } from '../../ports/operator.ts'
import type { Traffic } from '../../ports/traffic.ts'
import { exposer } from './exposition.ts'
import { liveness, readiness, type Verdict } from './health.ts'
import { listenOnWeb, type WebEndpoint, type WebListener } from './listener.ts'
import type { Scrape } from './metric.ts'
import { metrics } from './metrics-table.ts'
import { countNotes } from './note-counts.ts'

export interface MetricsOptions {
  readonly endpoint: WebEndpoint
  readonly operator: Pick<Operator, 'view' | 'watch'>
  readonly traffic: Traffic
  readonly applied: Durations
  readonly software: string
  /** As `EventLoop.busyMs`. */
  readonly busyMs: () => Millis | undefined
  readonly clock: Clock
}

/** Rejects with a WebError where it cannot listen. */
export async function serveMetrics(options: MetricsOptions): Promise<WebListener> {
  const { endpoint, operator, busyMs } = options
  const { counts, stop } = countNotes(operator.watch)
  const isReady = readiness(operator.view)
  const scrape = scraper(options, counts, () => isReady() === '')
  const expose = exposer(metrics)
  const answers: Readonly<
    Record<string, (request: IncomingMessage, response: ServerResponse) => void>
  > = {
    '/metrics': (request, response) => {
      expose(scrape, request.headers.accept ?? '').then(
        ({ contentType, text }) => {
          response.writeHead(200, { 'content-type': contentType }).end(text)
        },
        () => say(response, 500, 'The agent could not answer.'),
      )
    },
    '/healthz': (_, response) => judge(response, liveness(busyMs())),
    '/readyz': (_, response) => judge(response, isReady()),
  }
  try {
    const listener = await listenOnWeb(endpoint, '--metrics-listen', (request, response) => {
      const [path = ''] = (request.url ?? '').split('?')
      const answer = Object.hasOwn(answers, path) ? answers[path] : undefined
      if (answer) answer(request, response)
      else say(response, 404, `There are ${Object.keys(answers).join(', ')}.`)
    })
    return {
      close: () => {
        stop()
        return listener.close()
      },
    }
  } catch (error) {
    stop()
    throw error
  }
}

function scraper(
  { operator, traffic, applied, software, clock }: MetricsOptions,
  notes: Scrape['notes'],
  isReady: () => boolean,
): () => Scrape {
  let changed = { to: false, at: clock.now() }
  return () => {
    const { claims, convergence, ipam, kept, nodes, own, problems, root, routes } = operator.view()
    const now = clock.now()
    if (convergence.converged !== changed.to) changed = { to: convergence.converged, at: now }
    return {
      ...{ claims, convergence, ipam, kept, nodes, own, problems, root, routes },
      ...{ notes, traffic, applied, software },
      isReady: isReady(),
      convergedMs: now - changed.at,
    }
  }
}

const judge = (response: ServerResponse, verdict: Verdict): void =>
  verdict === '' ? say(response, 200, 'ok') : say(response, 503, verdict)

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}
