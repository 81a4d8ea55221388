/** Flags over environment over file over defaults: one frozen configuration, or every problem at once. */

import { hostname } from 'node:os'
import { type EffectiveSetting, effectiveSettings, writtenSetting } from './config/effective.ts'
import { type Environment, readEnvironment } from './config/environment.ts'
import { type FieldKey, fieldKeys, fields, type HostFacts, type Settings } from './config/fields.ts'
import { readFile, readKeyFile, readKeysFile } from './config/file.ts'
import { readFlags } from './config/flags.ts'
import { fileFlag, fileVariable } from './config/names.ts'
import { type Problem, printProblems } from './config/problem.ts'
import { checkRules, type Parsed, zipPools } from './config/rules.ts'
import type { Reading, Source } from './config/source.ts'
import type { IssueParams } from './config/text.ts'
import {
  type CoreLimits,
  type CoreTiming,
  defaultTiming,
  type FirewallConfig,
} from './core/config.ts'
import type { Address } from './core/ip/address.ts'
import type { Pool } from './core/ip/pool.ts'
import { type Prefix, parsePrefix } from './core/ip/prefix.ts'
import type { Reserve } from './core/ipam/reserve.ts'

export { type EffectiveSetting, printProblems, writtenSetting }

/** All that an agent is told, parsed. Frozen to the bottom. */
export interface Config {
  readonly cluster: string
  readonly name: string
  readonly seeds: readonly string[]
  /** Whether other nodes are looked for on the LAN. */
  readonly discovers: boolean
  /** Undefined: private and link-local networks, and those of the seeds. */
  readonly dialNetworks: readonly Prefix[] | undefined
  /** 64 hex digits in lower case; undefined: any node may join. */
  readonly clusterKey: string | undefined
  /** Further keys that nodes may come with, as the cluster key is written. */
  readonly clusterKeysAccepted: readonly string[]
  /** As they are written; empty: no certificates are needed. */
  readonly operatorKeys: readonly string[]
  readonly certificateFile: string | undefined
  readonly joinToken: string | undefined
  readonly joinTokenFile: string | undefined
  readonly pools: readonly Pool[]
  readonly accept: readonly Prefix[]
  readonly announce: readonly Prefix[]
  readonly reserve: readonly Reserve[]
  /** Empty: no bridge is managed. */
  readonly bridge: string
  /** Undefined: nothing of the host's firewall is starling's. */
  readonly firewall: FirewallConfig | undefined
  /** Whether what nobody claims of the pools is unreachable. */
  readonly refusesUnclaimed: boolean
  /** Undefined: the interface that reaches the seeds. */
  readonly interface: string | undefined
  /** At most one per family; the interface's address is used for a family without one. */
  readonly nextHops: readonly Address[]
  readonly table: number
  readonly protocol: number
  readonly metric: { readonly 4: number; readonly 6: number }
  readonly listen: readonly Address[]
  readonly port: number
  readonly stateDir: string
  readonly socket: string
  /** By name or number, as they were written. */
  readonly socketGroups: { readonly group?: string; readonly readGroup?: string }
  /** Undefined: Stellar's service is on the unix socket alone. */
  readonly grpc: GrpcEndpoint | undefined
  /** Undefined: there are no metrics. */
  readonly metrics: WebEndpoint | undefined
  /** Undefined: there is no page. */
  readonly ui: WebEndpoint | undefined
  /** Undefined: Docker is not served. */
  readonly dockerPlugin: string | undefined
  /** Undefined: CNI runtimes find a network that somebody else has written, or none. */
  readonly cni: { readonly confDir: string; readonly binDir: string | undefined } | undefined
  readonly log: {
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error'
    readonly format: 'auto' | 'json' | 'pretty'
  }
  readonly timing: CoreTiming
  readonly limits: CoreLimits
}

export interface GrpcEndpoint {
  readonly host: string
  readonly port: number
  /** Paths of PEM files; undefined: plaintext. */
  readonly tls:
    | { readonly certificate: string; readonly key: string; readonly clientCa: string }
    | undefined
}

export interface WebEndpoint {
  readonly host: string
  readonly port: number
  /** Names besides `localhost` that it may be asked by. */
  readonly names: readonly string[]
  /** Paths of PEM files; undefined: plaintext. */
  readonly tls:
    | {
        readonly certificate: string
        readonly key: string
        readonly clientCa: string | undefined
      }
    | undefined
}

export type ConfigResult =
  | {
      readonly ok: true
      readonly config: Config
      readonly settings: readonly EffectiveSetting[]
    }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** `others`: flags without a value that the caller handles itself. */
export function loadConfig(input: {
  readonly args: readonly string[]
  readonly env: Environment
  readonly others?: readonly string[]
  readonly host?: HostFacts
}): ConfigResult {
  const { args, env, others = [], host = { hostname: hostname() } } = input
  const flags = readFlags(args, others)
  const path = flags.file ?? env[fileVariable]
  const namedBy = flags.file === undefined ? fileVariable : fileFlag
  const sources: Source[] = [flags, readEnvironment(env)]
  if (path) sources.push(readFile(path, namedBy))
  const problems = sources.flatMap((source) => source.problems)

  const readings = new Map(fieldKeys.map((key) => [key, pick(key, sources, host)]))
  const whereOf = (key: FieldKey): string => readings.get(key)?.where || `default of ${key}`
  const parsed = new Map<FieldKey, unknown>()
  for (const [key, reading] of readings) {
    const result = parse(key, reading)
    if (result.ok) parsed.set(key, result.value)
    else problems.push(...result.problems)
  }
  // Each value comes from the field of its key.
  const settings = Object.fromEntries(parsed) as Parsed
  problems.push(...checkRules(settings, whereOf))
  const clusterKey = settings.clusterKeyFile
    ? readKeyFile(settings.clusterKeyFile, whereOf('clusterKeyFile'))
    : settings.clusterKey
  const accepted = settings.clusterKeyAcceptFile
    ? readKeysFile(settings.clusterKeyAcceptFile, whereOf('clusterKeyAcceptFile'))
    : (settings.clusterKeyAccept ?? [])
  if (typeof clusterKey === 'object') problems.push(clusterKey)
  if (isProblem(accepted)) problems.push(accepted)
  if (problems.length > 0 || typeof clusterKey === 'object' || isProblem(accepted)) {
    return { ok: false, problems }
  }

  // Nothing is missing: whatever could not be parsed was a problem.
  const config = freeze(assemble(settings as Settings, { clusterKey, accepted }, readings))
  return { ok: true, config, settings: effectiveSettings(config, settings as Settings, readings) }
}

const isProblem = (keys: readonly string[] | Problem): keys is Problem => 'mend' in keys

/** The first source that has it, the default otherwise. */
function pick(key: FieldKey, sources: readonly Source[], host: HostFacts): Reading {
  for (const source of sources) {
    const reading = source.readings.get(key)
    if (reading) return reading
  }
  const values = fields[key].default(host).map((text) => ({ text, where: `default of ${key}` }))
  return { from: 'default', where: '', values }
}

function parse(
  key: FieldKey,
  reading: Reading,
): { ok: true; value: unknown } | { ok: false; problems: readonly Problem[] } {
  const { type, secret } = fields[key]
  const result = type.safeParse(reading.values.map(({ text }) => text))
  if (result.success) return { ok: true, value: result.data }
  const problems = result.error.issues.map((issue) => {
    const written = reading.values[Number(issue.path[0])]
    const quoted = written === undefined || secret ? '' : ` ${JSON.stringify(written.text)}`
    const params = 'params' in issue ? (issue.params as IssueParams | undefined) : undefined
    return {
      where: written?.where || reading.where || `default of ${key}`,
      message: `${key}${quoted} ${issue.message}`,
      mend: params?.mend ?? '',
    }
  })
  return { ok: false, problems }
}

function assemble(
  settings: Settings,
  keys: { readonly clusterKey: string | undefined; readonly accepted: readonly string[] },
  readings: ReadonlyMap<FieldKey, Reading>,
): Config {
  const acceptsDefault = readings.get('acceptPrefixes')?.from === 'default'
  return {
    cluster: settings.cluster,
    name: settings.name,
    seeds: settings.seed,
    discovers:
      settings.discover === 'on' || (settings.discover === 'auto' && keys.clusterKey !== undefined),
    dialNetworks:
      readings.get('dialNetworks')?.from === 'default' ? undefined : settings.dialNetworks,
    clusterKey: keys.clusterKey,
    clusterKeysAccepted: keys.accepted,
    operatorKeys: settings.operatorKey,
    certificateFile: settings.certificateFile,
    joinToken: settings.joinToken,
    joinTokenFile: settings.joinTokenFile,
    pools: zipPools(settings.pool, settings.prefixLength),
    accept: acceptsDefault ? defaultAccept(settings.pool) : settings.acceptPrefixes,
    announce: settings.announce,
    reserve: settings.reserve,
    bridge: settings.bridge === 'none' ? '' : settings.bridge,
    firewall: firewallOf(settings, acceptsDefault ? [] : settings.acceptPrefixes),
    refusesUnclaimed: settings.refuseUnclaimed,
    interface: settings.interface,
    nextHops: settings.nextHop,
    table: settings.table,
    protocol: settings.protocol,
    metric: { 4: settings.metric, 6: settings.metric || ipv6Metric },
    listen: settings.listen,
    port: settings.port,
    stateDir: settings.stateDir,
    socket: settings.socket,
    socketGroups: {
      ...(settings.socketGroup !== undefined && { group: settings.socketGroup }),
      ...(settings.socketReadGroup !== undefined && { readGroup: settings.socketReadGroup }),
    },
    grpc: grpcOf(settings),
    metrics: webOf(settings.metricsListen, settings),
    ui: webOf(settings.uiListen, settings),
    dockerPlugin: settings.dockerPlugin,
    cni:
      settings.cniConfDir === undefined
        ? undefined
        : { confDir: settings.cniConfDir, binDir: settings.cniBinDir },
    log: { level: settings.logLevel, format: settings.logFormat },
    limits: { nodes: settings.nodesMax, routes: settings.routesMax },
    timing: {
      ...defaultTiming,
      settleMs: settings.settleMs,
      tenureMs: settings.tenureMs,
      joinTimeoutMs: settings.joinTimeoutMs,
      antiEntropyMs: settings.antiEntropyMs,
      watchMs: settings.watchMs,
      displacedMs: settings.displacedAfter,
      reclaimMs: settings.reclaimAfter,
      tombstoneMs: settings.tombstoneMs,
      resyncMs: settings.resyncMs,
      leakMs: settings.leakMs,
    },
  }
}

function grpcOf(settings: Settings): GrpcEndpoint | undefined {
  const { grpcListen, grpcCertFile: certificate, grpcKeyFile: key } = settings
  const { grpcClientCaFile: clientCa } = settings
  if (!grpcListen) return undefined
  const tls = certificate && key && clientCa ? { certificate, key, clientCa } : undefined
  return { host: grpcListen.host.text, port: grpcListen.port, tls }
}

function webOf(
  listen: Settings['metricsListen'],
  { name, webName, webCertFile: certificate, webKeyFile: key, webClientCaFile: clientCa }: Settings,
): WebEndpoint | undefined {
  if (!listen) return undefined
  const tls = certificate && key ? { certificate, key, clientCa } : undefined
  return { host: listen.host.text, port: listen.port, names: [name, ...webName], tls }
}

/** The default accept list says what other nodes may announce, not what they do. */
function firewallOf(settings: Settings, accept: readonly Prefix[]): FirewallConfig | undefined {
  const { masquerade, openForward, noMasquerade } = settings
  if (!masquerade && !openForward) return undefined
  return { masquerades: masquerade, inside: [...accept, ...noMasquerade], opens: openForward }
}

const defaultAccept = (pools: readonly Prefix[]): readonly Prefix[] => [
  ...pools.filter((pool) => privateSpace.every((space) => space.text !== pool.text)),
  ...privateSpace,
]

const privateSpace: readonly Prefix[] = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  'fc00::/7',
].flatMap((text) => parsePrefix(text) ?? [])

/** The kernel's own default, which it also uses for a priority of 0. */
const ipv6Metric = 1024

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) freeze(inner)
    Object.freeze(value)
  }
  return value
}
