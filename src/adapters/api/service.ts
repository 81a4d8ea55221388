/** A service as grpc wants it, from its .proto as it was parsed beforehand: every start would pay for a parser otherwise. */

import type { ServiceDefinition } from '@grpc/grpc-js'
import protobuf from 'protobufjs/light.js'

export interface Service {
  /** What a server implements: the calls, and how their messages become bytes. */
  readonly definition: ServiceDefinition
  /** Messages of a call as bytes and back, by the name of the call. */
  codec(method: string): Codec | undefined
}

export interface Codec {
  encodeRequest(value: object): Buffer
  decodeRequest(bytes: Uint8Array): object
  encodeResponse(value: object): Buffer
  decodeResponse(bytes: Uint8Array): object
}

/** `descriptor`: protobufjs's JSON. `name`: with its package. */
export function loadService(descriptor: unknown, name: string): Service {
  const root = protobuf.Root.fromJSON(descriptor as protobuf.INamespace)
  const service = root.lookupService(name)
  const type = (typeName: string): protobuf.Type =>
    (service.parent as protobuf.Namespace).lookupType(typeName)
  const codecs = new Map(
    service.methodsArray.map((method) => {
      const [request, response] = [type(method.requestType), type(method.responseType)]
      const codec: Codec = {
        encodeRequest: writer(request),
        decodeRequest: reader(request),
        encodeResponse: writer(response),
        decodeResponse: reader(response),
      }
      return [method.name, { method, codec }]
    }),
  )
  return {
    codec: (method) => codecs.get(method)?.codec,
    definition: Object.fromEntries(
      [...codecs].map(([method, { method: parsed, codec }]) => [
        method,
        {
          path: `/${name}/${method}`,
          requestStream: parsed.requestStream === true,
          responseStream: parsed.responseStream === true,
          requestSerialize: codec.encodeRequest,
          requestDeserialize: codec.decodeRequest,
          responseSerialize: codec.encodeResponse,
          responseDeserialize: codec.decodeResponse,
        },
      ]),
    ),
  }
}

const writer =
  (type: protobuf.Type) =>
  (value: object): Buffer =>
    Buffer.from(type.encode(type.fromObject(value)).finish())

/** What a message lacks is there with the value that it stands for. */
const reader =
  (type: protobuf.Type) =>
  (bytes: Uint8Array): object =>
    type.toObject(type.decode(bytes), { defaults: true, longs: Number, oneofs: true })
