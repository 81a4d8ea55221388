/** What a line of the doctor is, and what it is judged by. */

import type {
  ClaimMessage,
  PeerMessage,
  RouteMessage,
  SettingMessage,
  StatusResponse,
} from '../../adapters/api/definition.ts'
import type { Inspection } from '../../adapters/cni/installation.ts'
import type { Fact } from '../../adapters/doctor/fact.ts'
import type { NftChain } from '../../adapters/doctor/firewall.ts'
import type { KernelPart, Presence } from '../../adapters/doctor/host.ts'
import type { Sysctls } from '../../adapters/doctor/network.ts'
import type { Answer } from '../../adapters/doctor/probe.ts'
import type { HostRoutes } from '../../adapters/doctor/routes.ts'
import type { Docker, Networkd, NetworkManager } from '../../adapters/doctor/services.ts'
import type { StateDirectory, Write } from '../../adapters/doctor/state-directory.ts'
import type { Flavour } from '../../adapters/firewall/flavours.ts'
import type { Prefix } from '../../core/ip/prefix.ts'

/** `unknown` is what could not be looked at: it is never told as good or bad. */
export type Verdict = 'ok' | 'warn' | 'fail' | 'unknown'

export type Group = 'host' | 'network' | 'firewall' | 'containers' | 'cluster'

export interface Finding {
  readonly verdict: Verdict
  readonly message: string
  /** What to do; empty where all is well. */
  readonly mend: string
}

export interface Line extends Finding {
  readonly group: Group
  /** Stable. */
  readonly code: string
}

export interface Check {
  readonly code: string
  readonly group: Group
  /** Where the truth is read, for docs/doctor.md. */
  readonly reads: string
  /** When it warns or fails, and why that matters. */
  readonly wrong: string
  /** What mends it, whatever the host. */
  readonly mend: string
  /** Nothing: it does not concern this host. */
  judge(facts: Facts): readonly Finding[]
}

export interface Facts {
  readonly setup: Setup
  /** Undefined: none answers. */
  readonly agent: AgentFacts | undefined
  /** Why none answers. */
  readonly absence: string
  readonly ownSoftware: string
  readonly netAdmin: Fact<boolean>
  readonly kernel: Readonly<Record<KernelPart, Presence>>
  readonly state: Fact<StateDirectory>
  readonly write: Write
  /** Of this host's own network namespace. */
  readonly links: ReadonlyMap<string, number>
  readonly sysctls: Sysctls
  readonly canWriteSysctls: boolean
  readonly routes: HostRoutes
  /** The interface that leads to other hosts; empty: nothing says which. */
  readonly uplink: string
  readonly networkd: Fact<Networkd>
  readonly networkManager: Fact<NetworkManager>
  readonly docker: Fact<Docker>
  readonly iptables: Fact<readonly Flavour[]>
  readonly nft: Fact<readonly NftChain[]>
  readonly cni: Fact<Inspection>
  readonly seeds: readonly SeedFacts[]
  /** Undefined: nothing was probed, `unprobed` says why. */
  readonly ways: Ways | undefined
  readonly unprobed: string
}

export interface AgentFacts {
  readonly status: StatusResponse
  readonly claims: readonly ClaimMessage[]
  readonly routes: readonly RouteMessage[]
  readonly peers: readonly PeerMessage[]
  readonly settings: readonly SettingMessage[]
  /** Whether its socket was made in this network namespace. */
  readonly isHere: boolean
}

/** Of the settings of the agent, what the checks ask for. */
export interface Setup {
  readonly pools: readonly Prefix[]
  /** Empty: none is managed. */
  readonly bridge: string
  /** Empty: it is found. */
  readonly interface: string
  readonly stateDir: string
  readonly port: number
  readonly protocol: number
  readonly seeds: readonly string[]
  readonly masquerades: boolean
  readonly opens: boolean
  readonly cniConfDir: string
  readonly cniBinDir: string
}

export interface SeedFacts {
  readonly seed: string
  /** What it resolves to; empty: nothing. */
  readonly addresses: readonly string[]
  /** The best of what its addresses said; undefined: none was asked. */
  readonly answer: Answer | undefined
}

/** The way to other hosts' gateways from this one's. */
export interface Ways {
  readonly from: readonly string[]
  readonly probed: readonly Way[]
  /** Further nodes that were left out. */
  readonly left: number
}

export interface Way {
  readonly name: string
  readonly gateway: string
  readonly outcome: Answer['outcome']
  readonly ms: number
}

export const ok = (message: string): Finding => ({ verdict: 'ok', message, mend: '' })
export const warn = (message: string, mend: string): Finding => ({ verdict: 'warn', message, mend })
export const fail = (message: string, mend: string): Finding => ({ verdict: 'fail', message, mend })
export const unknown = (message: string, mend: string): Finding => ({
  verdict: 'unknown',
  message,
  mend,
})

/** A judgement of what is known; what is not known is told as that. */
export function judged<T>(
  fact: Fact<T>,
  what: string,
  judge: (value: T) => readonly Finding[],
): readonly Finding[] {
  return fact.isKnown ? judge(fact.value) : [unknown(`${what}: ${fact.why}`, fact.mend)]
}
