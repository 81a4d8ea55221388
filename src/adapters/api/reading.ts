/** What a reader may call: all that changes nothing. */

import grpc, {
  type ServerUnaryCall,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { Refused, serviceError } from './answer.ts'

/** Calls that are not among them, those of later versions included, are refused. */
const reading: ReadonlySet<string> = new Set([
  ...['Status', 'Claims', 'Routes', 'Peers', 'Leases', 'Watch', 'Events', 'Settings'],
  ...['Explain', 'ExplainPrefix', 'ExplainNode', 'ExplainPath', 'Inspect'],
])

export const readingOnly = (handlers: UntypedServiceImplementation): UntypedServiceImplementation =>
  Object.fromEntries(
    Object.entries(handlers).map(([name, handle]) => [name, reading.has(name) ? handle : refuse]),
  )

function refuse(_call: ServerUnaryCall<unknown, unknown>, reply: sendUnaryData<unknown>): void {
  const message = 'this socket is for reading: use the one of the agent, as root or in socketGroup'
  reply(serviceError(new Refused(grpc.status.PERMISSION_DENIED, 'read-only', message)))
}
