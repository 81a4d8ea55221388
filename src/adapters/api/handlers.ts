/** Answers the calls of the API from an operator's view and commands. */

import grpc, {
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { CommandResult } from '../../core/effect.ts'
import type { Command } from '../../core/event.ts'
import { type Prefix, parseInterface, parsePrefix } from '../../core/ip/prefix.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Operator } from '../../ports/operator.ts'
import {
  type ClaimsResponse,
  type CommandResponse,
  codeKey,
  type EventMessage,
  type EvictRequest,
  type Nothing,
  type PeersResponse,
  type PrefixRequest,
  type RoutesResponse,
  type StatusRequest,
  type StatusResponse,
} from './definition.ts'
import { readLinkNames } from './link-names.ts'
import { claimMessage, peerMessage, routeMessage, statusMessage } from './messages.ts'
import { convergenceWaits } from './wait.ts'
import { streamNotes } from './watchers.ts'

export interface Handlers {
  readonly service: UntypedServiceImplementation
  /** Ends the calls that would last. */
  release(): void
}

export function createHandlers(operator: Operator, clock: Clock): Handlers {
  const waits = convergenceWaits(operator, clock)
  const lasting = new Set<AbortController>()
  const startLasting = (call: { on(event: 'cancelled', listener: () => void): unknown }) => {
    if (lasting.size >= lastingMax) {
      throw new Refused(grpc.status.RESOURCE_EXHAUSTED, 'too-many-callers', 'too many callers wait')
    }
    const controller = new AbortController()
    lasting.add(controller)
    controller.signal.addEventListener('abort', () => lasting.delete(controller))
    call.on('cancelled', () => controller.abort())
    return controller
  }

  const status = async (
    call: ServerUnaryCall<StatusRequest, StatusResponse>,
  ): Promise<StatusResponse> => {
    const { wait, timeoutMs } = call.request
    if (wait && !operator.view().convergence.converged) {
      const controller = startLasting(call)
      await waits.converged(Math.min(timeoutMs || 30_000, 3_600_000), controller.signal)
      controller.abort()
    }
    return statusMessage(operator.view(), process.uptime() * 1_000)
  }
  const command = async (wanted: Command): Promise<CommandResponse> =>
    commandMessage(await operator.command(wanted))

  const watch = (call: ServerWritableStream<Nothing, EventMessage>): void => {
    try {
      const controller = startLasting(call)
      const stop = streamNotes(operator, call)
      controller.signal.addEventListener('abort', () => {
        stop()
        call.end()
      })
      // Headers at once: they tell the caller that from here on no event is missed.
      call.sendMetadata(new grpc.Metadata())
    } catch (thrown) {
      call.emit('error', serviceError(thrown))
    }
  }

  return {
    service: {
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
      Leave: answer<Nothing, CommandResponse>(() => command({ type: 'leave' })),
      Evict: answer<EvictRequest, CommandResponse>(({ request }) =>
        command({ type: 'evict', node: request.node }),
      ),
      Purge: answer<Nothing, CommandResponse>(() => command({ type: 'purge' })),
      Resync: answer<Nothing, CommandResponse>(() => command({ type: 'resync' })),
      Watch: watch,
    },
    release: () => {
      for (const controller of lasting) controller.abort()
    },
  }
}

/** Waits and watches at one time; the next caller is refused. */
const lastingMax = 64

/** A failure that the caller sees as it is. */
class Refused extends Error {
  readonly status: grpc.status
  readonly code: string

  constructor(status: grpc.status, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

function answer<Request, Response>(
  handle: (call: ServerUnaryCall<Request, Response>) => Promise<Response>,
) {
  return (call: ServerUnaryCall<Request, Response>, reply: sendUnaryData<Response>): void => {
    handle(call).then(
      (response) => reply(null, response),
      (thrown: unknown) => reply(serviceError(thrown)),
    )
  }
}

function commandMessage(result: CommandResult): CommandResponse {
  if (result.ok) return { message: result.message }
  throw new Refused(statusOf(result.code), result.code, result.message)
}

/** What the core refuses is a matter of its state, unless the request named what is not there. */
const statusOf = (code: string): grpc.status =>
  statuses.get(code) ?? grpc.status.FAILED_PRECONDITION

const statuses: ReadonlyMap<string, grpc.status> = new Map([
  ['unknown-node', grpc.status.NOT_FOUND],
  ['not-announced', grpc.status.NOT_FOUND],
  ['ambiguous-node', grpc.status.INVALID_ARGUMENT],
])

function prefixOf({ prefix }: PrefixRequest): Prefix {
  const parsed = parsePrefix(prefix)
  if (parsed) return parsed
  const canonical = parseInterface(prefix)?.prefix.text
  throw new Refused(
    grpc.status.INVALID_ARGUMENT,
    'invalid-prefix',
    canonical
      ? `${prefix} has host bits set: write ${canonical}`
      : `${JSON.stringify(prefix)} is no prefix: write address/length`,
  )
}

function serviceError(thrown: unknown): Partial<grpc.ServiceError> & Error {
  const refused =
    thrown instanceof Refused
      ? thrown
      : new Refused(grpc.status.INTERNAL, 'internal', `internal error: ${String(thrown)}`)
  const metadata = new grpc.Metadata()
  metadata.set(codeKey, refused.code)
  return Object.assign(new Error(refused.message), {
    code: refused.status,
    details: refused.message,
    metadata,
  })
}
