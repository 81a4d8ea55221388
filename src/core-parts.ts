/** What an agent's configuration means for its core and its adapters, of the daemon and of a dry run alike. */

import { join } from 'node:path'
import type { Libp2pOptions } from './adapters/libp2p/options.ts'
import { seedAddresses } from './adapters/libp2p/seed-addresses.ts'
import type { NetlinkOptions } from './adapters/netlink/kernel.ts'
import type { Config } from './config.ts'
import type { Agent } from './core/agent.ts'
import type { AdmissionConfig, CoreConfig } from './core/config.ts'
import type { Snapshot } from './core/effect.ts'
import type { Traffic } from './ports/traffic.ts'
import { systemClock } from './runtime/system-clock.ts'
import { version } from './version.ts'
import { type KeyPair, sealer } from './wire/signature.ts'

/** What the core is told. */
export interface CoreParts {
  readonly config: Config
  readonly keys: KeyPair
  readonly admission: AdmissionConfig
  readonly snapshot: Snapshot
  readonly bootId: string
}

export const netlinkOptions = (config: Config, node: string): NetlinkOptions => ({
  node,
  scope: {
    table: config.table,
    protocol: config.protocol,
    interest: config.pools.map((pool) => pool.prefix),
  },
  uplink: {
    ...(config.interface === undefined ? {} : { interface: config.interface }),
    nextHops: config.nextHops,
    bridge: config.bridge,
    seedAddresses: () => seedAddresses(config.seeds, config.port),
  },
})

export const transportOptions = (
  { config, keys, admission }: CoreParts,
  agent: Agent,
  traffic: Traffic,
): Libp2pOptions => ({
  keys,
  cluster: config.cluster,
  // The first is offered, the others are accepted.
  clusterKeys: [config.clusterKey ?? [], config.clusterKeysAccepted]
    .flat()
    .map((key) => Buffer.from(key, 'hex')),
  credentials: {
    required: admission.mode === 'signed',
    own: () => agent.certificate,
    refusal: (peer, certificate) => agent.refusal(peer, certificate),
  },
  listen: config.listen.map(({ text }) => text),
  port: config.port,
  seeds: config.seeds,
  defaultPort: config.port,
  dialNetworks: config.dialNetworks,
  knows: (node) => agent.knows(node),
  hasMember: (node) => agent.hasMember(node),
  joins: () => agent.joins,
  nodesMax: config.limits.nodes,
  watchMs: config.timing.watchMs,
  clock: systemClock,
  rng: Math.random,
  traffic,
})

/** As of routes: each agent of one network namespace has a number of its own. */
export const firewallName = ({ protocol }: Config): string =>
  protocol === 83 ? 'starling' : `starling-${protocol}`

export function coreConfig({ config, keys, snapshot, bootId, admission }: CoreParts): CoreConfig {
  return {
    admission,
    self: keys.id,
    name: config.name,
    cluster: config.cluster,
    software: version,
    seal: sealer(keys),
    bootId,
    wallOffsetMs,
    pools: config.pools,
    accept: config.accept,
    announce: config.announce,
    reserve: config.reserve,
    bridge: config.bridge,
    metric: config.metric,
    port: config.port,
    discovers: config.discovers,
    seeded: config.seeds.length > 0 || snapshot.known.some(({ remainMs }) => remainMs > 0),
    timing: config.timing,
    limits: config.limits,
    ...(config.firewall ? { firewall: config.firewall } : {}),
    refusesUnclaimed: config.refusesUnclaimed,
  }
}

export const markerIn = (stateDir: string): string => join(stateDir, 'firewall')

/** What leases and claims are stamped by: the wall clock as it was at the start, which no step of it moves. */
export const wallOffsetMs = Date.now() - systemClock.now()
