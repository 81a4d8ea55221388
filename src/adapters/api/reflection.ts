/** gRPC's reflection service: tells tools that know no .proto which services there are and what their messages hold. */

import grpc, { type ServerDuplexStream, type UntypedServiceImplementation } from '@grpc/grpc-js'
import { serviceError } from './answer.ts'
import files from './proto/files.json' with { type: 'json' }

interface Request {
  readonly host: string
  readonly messageRequest?: string
  readonly fileByFilename?: string
  readonly fileContainingSymbol?: string
}

type Call = ServerDuplexStream<Request, object>

/** The file of each package that is served. */
const packages: readonly (readonly [string, keyof typeof files])[] = [
  ['starling.v1', 'starling.proto'],
  ['stellar.services.network.v1', 'network.proto'],
  ['grpc.health.v1', 'health.proto'],
  ['grpc.reflection.v1', 'reflection.proto'],
  ['google.protobuf', 'google/protobuf/empty.proto'],
]

export function reflectionHandlers(
  services: readonly string[],
  startLasting: (call: Call) => AbortController,
): UntypedServiceImplementation {
  return {
    ServerReflectionInfo: (call: Call): void => {
      try {
        const controller = startLasting(call)
        controller.signal.addEventListener('abort', () => call.end())
        call.on('data', (request: Request) => call.write(answerTo(request, services)))
        call.on('end', () => controller.abort())
      } catch (thrown) {
        call.emit('error', serviceError(thrown))
      }
    },
  }
}

function answerTo(request: Request, services: readonly string[]): object {
  const envelope = { validHost: request.host, originalRequest: request }
  switch (request.messageRequest) {
    case 'listServices': {
      const service = services.map((name) => ({ name }))
      return { ...envelope, listServicesResponse: { service } }
    }
    case 'fileByFilename':
      return { ...envelope, ...fileAnswer(request.fileByFilename ?? '') }
    case 'fileContainingSymbol': {
      const symbol = request.fileContainingSymbol ?? ''
      const [, file = ''] = packages.find(([name]) => symbol.startsWith(`${name}.`)) ?? []
      return { ...envelope, ...fileAnswer(file) }
    }
    default:
      return { ...envelope, ...failure(grpc.status.NOT_FOUND, 'there are no extensions') }
  }
}

/** With what it imports: a tool need not ask again. */
function fileAnswer(name: string): object {
  const bytes = new Map(Object.entries(files))
  const wanted = name === 'network.proto' ? [name, 'google/protobuf/empty.proto'] : [name]
  const found = wanted.flatMap((each) => bytes.get(each) ?? [])
  if (found.length === 0) return failure(grpc.status.NOT_FOUND, 'it is in no file of this server')
  const fileDescriptorProto = found.map((text) => Buffer.from(text, 'base64'))
  return { fileDescriptorResponse: { fileDescriptorProto } }
}

const failure = (errorCode: grpc.status, errorMessage: string): object => ({
  errorResponse: { errorCode, errorMessage },
})
