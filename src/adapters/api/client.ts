/** Calls the API of the agent behind a unix socket; every failure is an ApiError. */

import { connect } from 'node:net'
import grpc, { type ClientReadableStream, type ServiceError } from '@grpc/grpc-js'
import type { FailureCode } from '../../core/codes/failures.ts'
import {
  type AdoptLeasesRequest,
  type AllocateLeaseRequest,
  type ClaimsResponse,
  type CommandResponse,
  codeKey,
  type EventMessage,
  type EventsResponse,
  type EvictRequest,
  type ExplainNodeRequest,
  type ExplainNodeResponse,
  type ExplainPathRequest,
  type ExplainPathResponse,
  type ExplainPrefixResponse,
  type ExplainRequest,
  type ExplainResponse,
  type InstallRequest,
  type LeaseResponse,
  type LeasesResponse,
  type LeaveRequest,
  type Nothing,
  operatorService,
  type PeersResponse,
  type PrefixRequest,
  type ReleaseLeaseRequest,
  type RoutesResponse,
  type SettingsResponse,
  type StatusRequest,
  type StatusResponse,
  type WatchRequest,
} from './definition.ts'

/** The unary calls: name to request and response. */
export interface Calls {
  readonly Status: [StatusRequest, StatusResponse]
  readonly Claims: [Nothing, ClaimsResponse]
  readonly Routes: [Nothing, RoutesResponse]
  readonly Peers: [Nothing, PeersResponse]
  readonly Announce: [PrefixRequest, CommandResponse]
  readonly Withdraw: [PrefixRequest, CommandResponse]
  readonly Leave: [LeaveRequest, CommandResponse]
  readonly Evict: [EvictRequest, CommandResponse]
  readonly InstallCertificate: [InstallRequest, CommandResponse]
  readonly Purge: [Nothing, CommandResponse]
  readonly Resync: [Nothing, CommandResponse]
  readonly Leases: [Nothing, LeasesResponse]
  readonly AllocateLease: [AllocateLeaseRequest, LeaseResponse]
  readonly ReleaseLease: [ReleaseLeaseRequest, LeaseResponse]
  readonly AdoptLeases: [AdoptLeasesRequest, LeaseResponse]
  readonly Explain: [ExplainRequest, ExplainResponse]
  readonly Events: [WatchRequest, EventsResponse]
  readonly Settings: [Nothing, SettingsResponse]
  readonly ExplainPrefix: [PrefixRequest, ExplainPrefixResponse]
  readonly ExplainNode: [ExplainNodeRequest, ExplainNodeResponse]
  readonly ExplainPath: [ExplainPathRequest, ExplainPathResponse]
}

export interface ApiClient {
  call<Name extends keyof Calls>(
    name: Name,
    request: Calls[Name][0],
    timeoutMs: number,
  ): Promise<Calls[Name][1]>
  /** Events until the agent ends the stream, which is a failure, or `signal` aborts, which is none. */
  watch(
    signal: AbortSignal,
    started: () => void,
    event: (event: EventMessage) => void,
    request?: WatchRequest,
  ): Promise<void>
  close(): void
}

/** `unreachable`: nobody answered. Any other code is the agent's own. */
export class ApiError extends Error {
  readonly code: FailureCode
  /** No agent is there, and one that is started now will answer. */
  readonly isAbsence: boolean

  constructor(code: FailureCode, message: string, isAbsence = false) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.isAbsence = isAbsence
  }
}

/** Rejects with an ApiError that names the socket and what to do where no agent listens. */
export async function connectApi(socket: string): Promise<ApiClient> {
  await knock(socket)
  const Client = grpc.makeGenericClientConstructor(operatorService().definition, 'Operator')
  const client = new Client(`unix:${socket}`, grpc.credentials.createInsecure(), {
    // An answer about a thousand nodes is about half a megabyte.
    'grpc.max_receive_message_length': 64 * 1_048_576,
  })
  // grpc makes one method for each call of the service that was loaded.
  const methods = client as unknown as Record<string, Method>
  return {
    call: (name, request, timeoutMs) =>
      new Promise((resolve, reject) => {
        const deadline = Date.now() + timeoutMs
        methods[name]?.call(client, request, { deadline }, (error, response) => {
          if (error) reject(apiError(error, socket))
          else resolve(response as Calls[typeof name][1])
        })
      }),
    watch: (signal, started, event, request = { last: 0 }) =>
      new Promise((resolve, reject) => {
        const stream = (client as unknown as { Watch: OpenStream }).Watch(request)
        signal.addEventListener('abort', () => stream.cancel())
        stream.on('metadata', started)
        stream.on('data', event)
        stream.on('error', (error: ServiceError) =>
          signal.aborted ? resolve() : reject(apiError(error, socket)),
        )
        stream.on('end', () => {
          if (!signal.aborted) reject(new ApiError('unreachable', 'the agent ended'))
        })
      }),
    close: () => client.close(),
  }
}

type Method = (
  request: unknown,
  options: { deadline: number },
  callback: (error: ServiceError | null, response: unknown) => void,
) => void

type OpenStream = (request: WatchRequest) => ClientReadableStream<EventMessage>

/** The kernel's own answer says more than grpc's, and says it at once. */
function knock(socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket)
    connection.once('connect', () => {
      connection.destroy()
      resolve()
    })
    connection.once('error', (error: NodeJS.ErrnoException) => {
      const isAbsence = error.code === 'ENOENT' || error.code === 'ECONNREFUSED'
      reject(new ApiError('unreachable', unreachableText(error, socket), isAbsence))
    })
  })
}

function unreachableText(error: NodeJS.ErrnoException, socket: string): string {
  switch (error.code) {
    case 'ENOENT':
      return `no agent listens on ${socket}: start one (starling agent), or name its socket (--socket)`
    case 'ECONNREFUSED':
      return `the agent of ${socket} is gone: start it again (starling agent)`
    case 'EACCES':
      return `no permission to use ${socket}: run as root, or as a member of its group`
    default:
      return `cannot connect to ${socket}: ${error.message}`
  }
}

function apiError(error: ServiceError, socket: string): ApiError {
  const [code] = error.metadata.get(codeKey)
  // The agent's own answer, whatever its status. A newer one may have further codes.
  if (typeof code === 'string') return new ApiError(code as FailureCode, error.details)
  if (error.code === grpc.status.DEADLINE_EXCEEDED) {
    return new ApiError('unreachable', `the agent of ${socket} does not answer: is it stopped?`)
  }
  if (error.code === grpc.status.UNAVAILABLE || error.code === grpc.status.CANCELLED) {
    return new ApiError('unreachable', `the agent of ${socket} ended`, true)
  }
  if (error.code === grpc.status.UNIMPLEMENTED) {
    return new ApiError('unsupported', 'the agent is older than this command: update it')
  }
  return new ApiError('internal', error.details)
}
