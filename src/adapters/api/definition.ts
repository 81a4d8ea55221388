/** The API as both of its ends see it: the .proto's service, and its messages as types. */

import type { ServiceDefinition } from '@grpc/grpc-js'
import protobuf from 'protobufjs/light.js'
import descriptor from './proto/starling.json' with { type: 'json' }

/** Empty messages. */
export type Nothing = Readonly<Record<never, never>>

export interface StatusRequest {
  readonly wait: boolean
  readonly timeoutMs: number
}

export interface StatusResponse {
  readonly name: string
  readonly node: string
  readonly cluster: string
  readonly phase: string
  readonly convergence: ConvergenceMessage
  readonly problems: readonly ProblemMessage[]
  readonly claims: readonly OwnClaimMessage[]
  readonly announced: readonly string[]
  readonly nextHops: readonly string[]
  readonly nodes: number
  readonly peersConnected: number
  readonly routes: RouteCountsMessage
  readonly digest: string
  readonly tombstones: number
  readonly incarnation: number
  readonly software: string
  readonly uptimeMs: number
}

interface ConvergenceMessage {
  readonly converged: boolean
  readonly claimed: boolean
  readonly digestsEqual: boolean
  readonly kernelEqual: boolean
}

export interface ProblemMessage {
  readonly code: string
  readonly level: string
  readonly message: string
  readonly mend: string
}

interface OwnClaimMessage {
  readonly prefix: string
  readonly state: string
  readonly gateway: string
  readonly pool: string
}

export interface RouteCountsMessage {
  readonly wanted: number
  readonly installed: number
  readonly missing: number
  readonly alien: number
  readonly notOnLink: number
  readonly refused: number
  readonly failed: number
  readonly leftover: number
  readonly shadowed: number
  readonly dead: number
}

export interface ClaimsResponse {
  readonly claims: readonly ClaimMessage[]
}

export interface ClaimMessage {
  readonly prefix: string
  readonly name: string
  readonly node: string
  readonly own: boolean
  readonly state: string
  readonly standing: string
  readonly fence: number
  readonly used: boolean
  readonly confirmedAt: string
}

export interface RoutesResponse {
  readonly routes: readonly RouteMessage[]
}

export interface RouteMessage {
  readonly prefix: string
  readonly name: string
  readonly node: string
  readonly kind: string
  readonly state: string
  readonly reason: string
  readonly mend: string
  readonly wanted: TargetMessage | null
  readonly kernel: KernelRouteMessage | null
}

export interface TargetMessage {
  readonly type: string
  readonly nextHop: string
  readonly interface: string
}

export interface KernelRouteMessage {
  readonly target: TargetMessage
  readonly owned: boolean
  readonly metric: number
}

export interface PeersResponse {
  readonly peers: readonly PeerMessage[]
}

export interface PeerMessage {
  readonly name: string
  readonly node: string
  readonly self: boolean
  readonly connected: boolean
  readonly address: string
  readonly digest: string
  readonly subnets: readonly string[]
  readonly announced: readonly string[]
  readonly nextHops: readonly string[]
  readonly draining: boolean
  readonly software: string
}

export interface PrefixRequest {
  readonly prefix: string
}

export interface EvictRequest {
  readonly node: string
}

export interface CommandResponse {
  readonly message: string
}

export interface EventMessage {
  readonly time: string
  readonly code: string
  readonly level: string
  readonly message: string
  readonly mend: string
  readonly fields: string
  readonly dropped: number
}

/** Where a failure's stable code travels, beside its text in the status details. */
export const codeKey = 'starling-code'

/** What a server implements: the calls of the .proto, and how their messages become bytes. */
export function operatorService(): ServiceDefinition {
  const { Operator, types } = loadOperator()
  return Object.fromEntries(
    Operator.methodsArray.map((method) => {
      const [request, response] = [types(method.requestType), types(method.responseType)]
      return [
        method.name,
        {
          path: `/starling.v1.Operator/${method.name}`,
          requestStream: false,
          responseStream: method.responseStream === true,
          requestSerialize: writer(request),
          requestDeserialize: reader(request),
          responseSerialize: writer(response),
          responseDeserialize: reader(response),
        },
      ]
    }),
  )
}

/** From the .proto as it was parsed beforehand: every start would pay for a parser otherwise. */
function loadOperator() {
  const root = protobuf.Root.fromJSON(descriptor as protobuf.INamespace)
  const scope = root.lookup('starling.v1') as protobuf.Namespace
  return {
    Operator: scope.lookupService('Operator'),
    types: (name: string) => scope.lookupType(name),
  }
}

const writer =
  (type: protobuf.Type) =>
  (value: object): Buffer =>
    Buffer.from(type.encode(type.fromObject(value)).finish())

/** What a message lacks is there with the value that it stands for. */
const reader =
  (type: protobuf.Type) =>
  (bytes: Buffer): object =>
    type.toObject(type.decode(bytes), { defaults: true, longs: Number })
