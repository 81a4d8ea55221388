/** How a call is answered: by a message, or by a failure with a status, a stable code and a text for people. */

import grpc, { type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js'
import type { FailureCode } from '../../core/codes/failures.ts'
import type { CommandResult } from '../../core/effect.ts'
import { codeKey } from './definition.ts'

/** A failure that the caller sees as it is. */
export class Refused extends Error {
  readonly status: grpc.status
  readonly code: FailureCode

  constructor(status: grpc.status, code: FailureCode, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

export const invalid = (code: FailureCode, message: string): Refused =>
  new Refused(grpc.status.INVALID_ARGUMENT, code, message)

export function answer<Request, Response>(
  handle: (call: ServerUnaryCall<Request, Response>) => Promise<Response>,
) {
  return (call: ServerUnaryCall<Request, Response>, reply: sendUnaryData<Response>): void => {
    handle(call).then(
      (response) => reply(null, response),
      (thrown: unknown) => reply(serviceError(thrown)),
    )
  }
}

/** Throws what was refused. */
export function accepted(result: CommandResult): Extract<CommandResult, { ok: true }> {
  if (result.ok) return result
  throw new Refused(
    statuses.get(result.code) ?? grpc.status.FAILED_PRECONDITION,
    result.code,
    result.message,
  )
}

export function asRefused(thrown: unknown): Refused {
  if (thrown instanceof Refused) return thrown
  return new Refused(grpc.status.INTERNAL, 'internal', `internal error: ${String(thrown)}`)
}

export function serviceError(thrown: unknown): Partial<grpc.ServiceError> & Error {
  const refused = asRefused(thrown)
  const metadata = new grpc.Metadata()
  metadata.set(codeKey, refused.code)
  return Object.assign(new Error(refused.message), {
    code: refused.status,
    details: refused.message,
    metadata,
  })
}

/** What the core refuses is a matter of its state, unless it is one of these. */
const statuses: ReadonlyMap<FailureCode, grpc.status> = new Map<FailureCode, grpc.status>([
  ['unknown-node', grpc.status.NOT_FOUND],
  ['not-announced', grpc.status.NOT_FOUND],
  ['ambiguous-node', grpc.status.INVALID_ARGUMENT],
  ['exhausted', grpc.status.RESOURCE_EXHAUSTED],
  ['address-outside', grpc.status.INVALID_ARGUMENT],
  ['address-unusable', grpc.status.INVALID_ARGUMENT],
  ['leases-slow', grpc.status.UNAVAILABLE],
  ['leases-unwritable', grpc.status.UNAVAILABLE],
  ['stopping', grpc.status.UNAVAILABLE],
])
