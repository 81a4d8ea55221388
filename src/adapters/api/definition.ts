/** The API as both of its ends see it: the loaded .proto, and its messages as types. */

import { fileURLToPath } from 'node:url'
import type { ServiceClientConstructor } from '@grpc/grpc-js'
import grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

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

/** The constructor of clients; its `service` is what a server implements. */
export function loadOperatorClient(): ServiceClientConstructor {
  const loaded = grpc.loadPackageDefinition(
    loadSync(fileURLToPath(new URL('./proto/starling.proto', import.meta.url)), {
      defaults: true,
      longs: Number,
    }),
  )
  // The loader's type knows nothing of the file that it loaded.
  const { starling } = loaded as unknown as {
    starling: { v1: { Operator: ServiceClientConstructor } }
  }
  return starling.v1.Operator
}
