/** gRPC's health service: an agent that answers serves. Whether its cluster is well is `starling status`'s to say. */

import grpc, {
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { answer, Refused, serviceError } from './answer.ts'

interface Request {
  readonly service: string
}

interface Response {
  readonly status: 'SERVING' | 'SERVICE_UNKNOWN'
}

/** `services`: the names that can be asked for; the empty one stands for all. */
export function healthHandlers(
  services: readonly string[],
  startLasting: (call: ServerWritableStream<Request, Response>) => AbortController,
): UntypedServiceImplementation {
  const isServed = (service: string) => service === '' || services.includes(service)
  return {
    Check: answer(async ({ request }: ServerUnaryCall<Request, Response>): Promise<Response> => {
      if (isServed(request.service)) return { status: 'SERVING' }
      const message = `no service ${request.service.slice(0, 128)} is served here`
      throw new Refused(grpc.status.NOT_FOUND, 'unknown-service', message)
    }),
    Watch: (call: ServerWritableStream<Request, Response>): void => {
      try {
        // The state lasts as long as the agent does, and with it the stream.
        startLasting(call).signal.addEventListener('abort', () => call.end())
        call.write({ status: isServed(call.request.service) ? 'SERVING' : 'SERVICE_UNKNOWN' })
      } catch (thrown) {
        call.emit('error', serviceError(thrown))
      }
    },
  }
}
