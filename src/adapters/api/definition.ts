/** The API as both of its ends see it: the .proto's service, and its messages as types. */

import descriptor from './proto/starling.json' with { type: 'json' }
import { loadService, type Service } from './service.ts'

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
  readonly bridge: string
  readonly uplink: string
  readonly subnets: readonly SubnetUseMessage[]
  readonly inabilities: readonly InabilityMessage[]
  readonly admission: string
  readonly missed: MissedMessage
  readonly kept: readonly KeptUseMessage[]
  readonly differing: readonly DifferingMessage[]
  readonly differingPeers: number
  readonly openRoutes: readonly RouteMessage[]
  readonly versions: readonly VersionCountMessage[]
  /** Null: nobody is looked for on the LAN. */
  readonly discovery: DiscoveryMessage | null
}

export interface DifferingMessage {
  readonly name: string
  readonly node: string
  readonly digest: string
}

export interface DiscoveryMessage {
  readonly link: string
  readonly heard: number
}

interface VersionCountMessage {
  readonly software: string
  readonly nodes: number
}

export interface KeptUseMessage {
  readonly prefix: string
  readonly holder: string
  readonly addresses: number
  readonly lost: number
}

/** Numbers of nodes. */
export interface MissedMessage {
  readonly suspect: number
  readonly agentDown: number
  readonly hostDown: number
  readonly displaced: number
}

export interface InabilityMessage {
  readonly code: string
  readonly message: string
  readonly mend: string
}

/** Numbers of addresses. */
export interface SubnetUseMessage {
  readonly prefix: string
  readonly gateway: string
  readonly size: number
  readonly used: number
  readonly resting: number
  readonly free: number
  readonly withheld: number
}

export interface LeaseMessage {
  readonly address: string
  readonly subnet: string
  readonly door: string
  readonly network: string
  readonly id: string
  readonly interface: string
  readonly name: string
  readonly since: string
  readonly mac: string
  readonly standing: string
  readonly lostTo: string
}

export interface LeasesResponse {
  readonly subnets: readonly SubnetUseMessage[]
  readonly leases: readonly LeaseMessage[]
}

export interface AllocateLeaseRequest {
  readonly id: string
  readonly name: string
  readonly addresses: readonly string[]
  readonly families: readonly number[]
}

export interface ReleaseLeaseRequest {
  readonly id: string
  readonly address: string
}

export interface AdoptLeasesRequest {
  readonly leases: readonly Partial<LeaseMessage>[]
}

export interface LeaseResponse {
  readonly message: string
  readonly leases: readonly LeaseMessage[]
}

export interface LeaveRequest {
  readonly force: boolean
}

export interface ExplainRequest {
  readonly address: string
}

export interface ExplainResponse {
  readonly address: string
  readonly claims: readonly ClaimMessage[]
  readonly announcers: readonly AnnouncerMessage[]
  readonly route: RouteMessage | null
  readonly state: string
  readonly lease: LeaseMessage | null
  readonly last: LeaseMessage | null
  readonly released: string
  readonly unanswered: string
  readonly owner: PeerMessage | null
  readonly kernel: LookupMessage | null
}

export interface LookupMessage {
  readonly route: string
  readonly owned: boolean
  readonly down: boolean
  readonly error: string
  readonly nextHop: string
  readonly interface: string
  readonly neighbour: string
}

export interface ExplainPrefixResponse {
  readonly prefix: string
  readonly claims: readonly ClaimMessage[]
  readonly announcers: readonly AnnouncerMessage[]
  readonly routes: readonly RouteMessage[]
  readonly excludedBy: readonly AnnouncerMessage[]
  readonly leftOut: number
}

export interface ExplainNodeRequest {
  readonly node: string
}

export interface ExplainNodeResponse {
  readonly peer: PeerMessage
  readonly claims: readonly ClaimMessage[]
  readonly routes: readonly RouteMessage[]
  readonly incarnation: number
  readonly started: string
  readonly pools: readonly string[]
  readonly exclusions: readonly string[]
  readonly differences: readonly string[]
}

export interface ExplainPathRequest {
  readonly from: string
  readonly to: string
}

export interface ExplainPathResponse {
  readonly from: string
  readonly to: string
  readonly hops: readonly HopMessage[]
  readonly verdict: string
  readonly message: string
  readonly mend: string
}

export interface HopMessage {
  readonly direction: string
  readonly name: string
  readonly node: string
  readonly unanswered: string
  readonly steps: readonly StepMessage[]
}

export interface StepMessage {
  readonly code: string
  readonly verdict: string
  readonly message: string
  readonly mend: string
}

export interface InspectResponse {
  readonly there: readonly StepMessage[]
  readonly back: readonly StepMessage[]
}

export interface AnnouncerMessage {
  readonly prefix: string
  readonly name: string
  readonly node: string
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
  readonly cause: number
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
  readonly lostTo: string
  readonly lostBy: string
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
  readonly liveness: string
  readonly since: string
  readonly missedBy: readonly string[]
}

export interface PrefixRequest {
  readonly prefix: string
}

export interface EvictRequest {
  readonly node: string
}

export interface InstallRequest {
  readonly papers: readonly Uint8Array[]
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

export interface WatchRequest {
  readonly last: number
}

export interface EventsResponse {
  readonly events: readonly EventMessage[]
}

export interface SettingsResponse {
  readonly settings: readonly SettingMessage[]
}

export interface SettingMessage {
  readonly key: string
  readonly values: readonly string[]
  readonly from: string
  readonly where: string
}

/** Where a failure's stable code travels, beside its text in the status details. */
export const codeKey = 'starling-code'

/** The names under which services are served and found. */
export const serviceNames = {
  operator: 'starling.v1.Operator',
  network: 'stellar.services.network.v1.Network',
  health: 'grpc.health.v1.Health',
  reflection: 'grpc.reflection.v1.ServerReflection',
} as const

/** The service of this project's own. */
export const operatorService = (): Service => loadService(descriptor, serviceNames.operator)
