/** Answers the calls of the API from an operator's view and commands. */

import grpc, {
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { Command } from '../../core/event.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Inspection } from '../../ports/inspection.ts'
import type { Operator } from '../../ports/operator.ts'
import type { Noted } from '../../ports/telemetry.ts'
import { accepted, answer, serviceError } from './answer.ts'
import type {
  ClaimsResponse,
  CommandResponse,
  EventMessage,
  EventsResponse,
  EvictRequest,
  InabilityMessage,
  InstallRequest,
  LeaveRequest,
  Nothing,
  PeersResponse,
  PrefixRequest,
  RoutesResponse,
  SettingMessage,
  SettingsResponse,
  StatusRequest,
  StatusResponse,
  WatchRequest,
} from './definition.ts'
import type { AskLease } from './explain.ts'
import { explainHandlers } from './explain-handlers.ts'
import type { AskHost } from './explain-path.ts'
import type { LastingCalls } from './lasting.ts'
import { leaseHandlers } from './leases.ts'
import { readLinkNames } from './link-names.ts'
import {
  claimMessage,
  eventMessage,
  type LinkNames,
  peerMessage,
  routeMessage,
  statusMessage,
} from './messages.ts'
import { prefixOf } from './prefix-of.ts'
import { convergenceWaits } from './wait.ts'
import { streamNotes } from './watchers.ts'

/** What the agent knows of itself beside its view. */
export interface SelfKnowledge {
  /** What this agent cannot do where it runs. */
  readonly inabilities: () => Promise<readonly InabilityMessage[]>
  /** Secrets are masked. */
  readonly settings: readonly SettingMessage[]
  /** At most so many of its last notes, the oldest first. */
  readonly recent: (count: number) => readonly Noted[]
}

export function operatorHandlers(
  {
    operator,
    clock,
    askLease,
    askHost,
    inspection,
    inabilities,
    settings,
    recent,
  }: SelfKnowledge & {
    operator: Operator
    clock: Clock
    askLease: AskLease
    askHost: AskHost
    inspection: Inspection
  },
  lasting: LastingCalls,
): UntypedServiceImplementation {
  const waits = convergenceWaits(operator, clock)
  const status = async (
    call: ServerUnaryCall<StatusRequest, StatusResponse>,
  ): Promise<StatusResponse> => {
    const { wait, timeoutMs } = call.request
    if (wait && !operator.view().convergence.converged) {
      const controller = lasting.start(call)
      await waits.converged(Math.min(timeoutMs || 30_000, 3_600_000), controller.signal)
      controller.abort()
    }
    // The view that ended the waiting is the answer: a moment later it may be another.
    const view = { ...operator.view() }
    // Only routes that differ name links.
    const links: LinkNames = view.convergence.kernelEqual ? new Map() : await readLinkNames()
    const message = statusMessage(view, process.uptime() * 1_000, links)
    return { ...message, inabilities: await inabilities() }
  }
  const command = async (wanted: Command): Promise<CommandResponse> => ({
    message: accepted(await operator.command(wanted)).message,
  })

  const watch = (call: ServerWritableStream<WatchRequest, EventMessage>): void => {
    try {
      const controller = lasting.start(call)
      // Headers at once: they tell the caller that from here on no event is missed.
      call.sendMetadata(new grpc.Metadata())
      const stop = streamNotes(operator, call, recent(call.request.last))
      controller.signal.addEventListener('abort', () => {
        stop()
        call.end()
      })
    } catch (thrown) {
      call.emit('error', serviceError(thrown))
    }
  }

  return {
    ...leaseHandlers(operator),
    ...explainHandlers({ operator, clock, askLease, askHost, inspection }),
    Status: answer(status),
    Claims: answer<Nothing, ClaimsResponse>(async () => ({
      claims: operator.view().claims.map(claimMessage),
    })),
    Routes: answer<Nothing, RoutesResponse>(async () => {
      const links = await readLinkNames()
      const { routes, phase } = operator.view()
      return { routes: routes.map((route) => routeMessage(route, phase, links)) }
    }),
    Peers: answer<Nothing, PeersResponse>(async () => ({
      peers: operator.view().nodes.map(peerMessage),
    })),
    Announce: answer<PrefixRequest, CommandResponse>(async ({ request }) =>
      command({ type: 'announce', prefix: prefixOf(request) }),
    ),
    Withdraw: answer<PrefixRequest, CommandResponse>(async ({ request }) =>
      command({ type: 'withdraw', prefix: prefixOf(request) }),
    ),
    Leave: answer<LeaveRequest, CommandResponse>(({ request: { force } }) =>
      command({ type: 'leave', force }),
    ),
    Evict: answer<EvictRequest, CommandResponse>(({ request }) =>
      command({ type: 'evict', node: request.node }),
    ),
    InstallCertificate: answer<InstallRequest, CommandResponse>(({ request }) =>
      command({
        type: 'install',
        papers: request.papers.slice(0, papersMax).map((bytes) => new Uint8Array(bytes)),
      }),
    ),
    Purge: answer<Nothing, CommandResponse>(() => command({ type: 'purge' })),
    Resync: answer<Nothing, CommandResponse>(() => command({ type: 'resync' })),
    Watch: watch,
    Events: answer<WatchRequest, EventsResponse>(async ({ request }) => ({
      events: recent(request.last || Number.POSITIVE_INFINITY).map(({ note, timeMs }) =>
        eventMessage(note, timeMs, 0),
      ),
    })),
    Settings: answer<Nothing, SettingsResponse>(async () => ({ settings })),
  }
}

/** What one call may bring; each costs a signature check. */
const papersMax = 64
