/** The one table of settings: flags, variables, file keys, help and documentation all come from it. */

import * as z from 'zod'
import { recordLimits } from '../core/claim/record.ts'
import { defaultLimits, defaultTiming } from '../core/config.ts'
import { defaultSocket } from './socket-path.ts'
import {
  absolutePath,
  duration,
  endpoint,
  integer,
  interfaceName,
  joinToken,
  key,
  label,
  listenAddress,
  nextHopAddress,
  oneOf,
  onOffAuto,
  operatorKey,
  pluginSocket,
  prefix,
  prefixWithin,
  reserveText,
  seedText,
  type TextType,
  truth,
} from './text.ts'

export interface Field<V> {
  readonly group: Group
  /** Written values to meaning. */
  readonly type: z.ZodType<V, readonly string[]>
  readonly list: boolean
  /** Its flag alone means true. */
  readonly isSwitch: boolean
  /** What the value is called in help. */
  readonly value: string
  /** What a plain number means; empty where none is taken. */
  readonly unit: string
  /** Written values; a value that depends on the host is computed from `host`. */
  readonly default: (host: HostFacts) => readonly string[]
  /** The default in words, where the written values do not say it. */
  readonly defaultText: string
  readonly about: string
  /** What one gains and loses by changing it. */
  readonly trade: string
  /** Bounds, those against other settings included. */
  readonly bounds: string
  /** Never printed. */
  readonly secret: boolean
}

type Group = 'Cluster' | 'Subnets' | 'Host network' | 'Process' | 'Limits' | 'Timing'

export interface HostFacts {
  readonly hostname: string
}

export type FieldKey = keyof typeof fields

/** Every setting with its meaning. */
export type Settings = {
  readonly [K in FieldKey]: (typeof fields)[K] extends Field<infer V> ? V : never
}

const hour = 3_600_000
const day = 24 * hour

export const fields = {
  cluster: one(label(64), {
    group: 'Cluster',
    value: 'name',
    default: ['starling'],
    about: 'Name of the cluster; nodes of other clusters are not heard.',
    bounds: '1 to 64 letters, digits, dots, dashes, underscores',
  }),
  name: one(label(recordLimits.nameLength), {
    group: 'Cluster',
    value: 'name',
    default: ({ hostname }) => [hostname],
    defaultText: 'host name',
    about: 'Name of this node, for people; unique names let commands say which node is meant.',
    bounds: `1 to ${recordLimits.nameLength} letters, digits, dots, dashes, underscores`,
  }),
  seed: many(seedText, 64, {
    group: 'Cluster',
    value: 'host[:port]',
    about: 'Where other nodes may be found: host, host:port, [v6]:port or a multiaddr.',
    trade: 'Without any, and without discover, this node claims at once and waits to be found.',
    bounds: 'up to 64',
  }),
  discover: {
    ...one(onOffAuto, {
      group: 'Cluster',
      value: 'on|off|auto',
      default: ['auto'],
      about:
        'Finds the other nodes of the cluster on the LAN by multicast DNS, on the interface that leads there and on no other; auto does so where a cluster key is given. The flag alone means on.',
      trade:
        'Without a cluster key, whoever on the LAN uses the name of this cluster joins it. A first node waits 3 s for an answer.',
      bounds: 'on, off or auto',
    }),
    isSwitch: true,
  },
  dialNetworks: many(prefix, 64, {
    group: 'Cluster',
    value: 'prefix',
    defaultText:
      'private, shared (100.64.0.0/10) and link-local networks, and the /24 or /64 of each seed',
    about: "Networks in which the addresses of other nodes' records are dialled.",
    trade: 'Broader: a compromised node can make every host connect to a stranger.',
    bounds: 'up to 64; seeds are dialled wherever they are',
  }),
  clusterKey: maybe(key, {
    group: 'Cluster',
    value: 'hex',
    secret: true,
    about: 'Key that every node of the cluster must have; without it no handshake succeeds.',
    trade: 'As a flag it is visible in the process list: clusterKeyFile is safer.',
    bounds: '64 hex digits; not together with clusterKeyFile',
  }),
  clusterKeyFile: maybe(absolutePath(4_095), {
    group: 'Cluster',
    value: 'path',
    about: 'File that holds the cluster key.',
    bounds: 'absolute path; not together with clusterKey',
  }),
  clusterKeyAccept: many(key, 4, {
    group: 'Cluster',
    value: 'hex',
    secret: true,
    about: 'Further keys that nodes may come with, while the cluster key is being changed.',
    trade: 'As a flag it is visible in the process list: clusterKeyAcceptFile is safer.',
    bounds: 'up to 4, 64 hex digits each; with clusterKey or clusterKeyFile only',
  }),
  clusterKeyAcceptFile: maybe(absolutePath(4_095), {
    group: 'Cluster',
    value: 'path',
    about: 'File that holds further keys that nodes may come with, one a line.',
    bounds: 'absolute path; not together with clusterKeyAccept',
  }),
  operatorKey: many(operatorKey, 4, {
    group: 'Cluster',
    value: 'key',
    about:
      "Public key of the cluster's operator: nodes without a certificate of this operator are not admitted.",
    trade: 'Several, while the key of the operator is being changed.',
    bounds: 'up to 4',
  }),
  certificateFile: maybe(absolutePath(4_095), {
    group: 'Cluster',
    value: 'path',
    about:
      "File with the operator's certificate of this node; `starling admin install` does without.",
    trade: 'A file that is not there is no certificate.',
    bounds: 'absolute path',
  }),
  joinToken: maybe(joinToken, {
    group: 'Cluster',
    value: 'token',
    secret: true,
    about: 'Token by which this node certifies itself at its first start.',
    trade: 'As a flag it is visible in the process list: joinTokenFile is safer.',
    bounds: 'not together with joinTokenFile',
  }),
  joinTokenFile: maybe(absolutePath(4_095), {
    group: 'Cluster',
    value: 'path',
    about: 'File that holds the join token; it is not needed any more once the node has joined.',
    trade: 'A file that is not there is no token.',
    bounds: 'absolute path; not together with joinToken',
  }),
  pool: many(prefixWithin({ 4: [8, 29], 6: [16, 125] }), 2, {
    group: 'Subnets',
    value: 'prefix',
    default: ['172.16.0.0/12'],
    about: 'Prefix that the subnets of the hosts are cut from; the same on every node.',
    bounds: 'one per family, IPv4 /8 to /29, IPv6 /16 to /125',
  }),
  prefixLength: many(integer(9, 126), 2, {
    group: 'Subnets',
    value: 'bits',
    defaultText: 'pool length + 10, at most 30 (IPv4) or 64 (IPv6, 126 in a pool from /64 on)',
    about: 'Length of each subnet; the first belongs to the first pool, the second to the second.',
    trade: 'Longer: more hosts, fewer addresses on each.',
    bounds: 'above the length of its pool; IPv4 at most 30, IPv6 at most 126',
  }),
  announce: many(prefixWithin({ 4: [8, 32], 6: [16, 128] }), recordLimits.extras, {
    group: 'Subnets',
    value: 'prefix',
    about: 'Further prefixes that others reach through this host.',
    bounds: `up to ${recordLimits.extras}, none broader than /8 (IPv4) or /16 (IPv6)`,
  }),
  acceptPrefixes: many(prefix, 256, {
    group: 'Subnets',
    value: 'prefix',
    defaultText: 'the pools, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7',
    about: 'Further prefixes of other nodes are installed only inside these.',
    trade: "Broader: a misconfigured node can draw more of this host's traffic.",
    bounds: 'up to 256',
  }),
  reserve: many(reserveText, 64, {
    group: 'Subnets',
    value: 'range',
    about:
      "Addresses that are only given to who asks for them: an address, a prefix, first-last, or the same counted from the subnet's first address, such as +10-+20.",
    bounds: 'up to 64',
  }),
  bridge: one(interfaceName, {
    group: 'Host network',
    value: 'name',
    default: ['starling0'],
    about: "Bridge that gets the gateway address of this host's subnet; `none` manages no bridge.",
    bounds: 'interface name of at most 15 characters; not the same as interface',
  }),
  masquerade: onOff({
    group: 'Host network',
    about:
      "Gives what this host's containers send out of the cluster the host's address. Inside the pools, the prefixes that nodes announce, `noMasquerade`, and `acceptPrefixes` where it is set, the containers' own addresses stay.",
    trade: 'Needs the program nft. Without it outsiders must know the way to the containers.',
  }),
  noMasquerade: many(prefix, 256, {
    group: 'Host network',
    value: 'prefix',
    about: "Further destinations that see the containers' own addresses.",
    trade: 'They must know the way back.',
    bounds: 'up to 256',
  }),
  refuseUnclaimed: onOff({
    group: 'Host network',
    about:
      'Makes what nobody claims of the pools unreachable on this host: senders fail at once, and nothing for the pool leaks to the default gateway.',
    trade:
      'Networks inside the pools that this host reaches through a router need routes of their own; the default route does not lead to them any more.',
  }),
  openForward: onOff({
    group: 'Host network',
    about:
      'Lets what goes to and from the bridge pass where rules of others drop it: one commented rule in DOCKER-USER, or else in FORWARD.',
    trade: 'Needs the program iptables. What others drop on purpose passes too.',
  }),
  interface: maybe(interfaceName, {
    group: 'Host network',
    value: 'name',
    defaultText: 'the interface that reaches the seeds',
    about: 'Interface whose addresses other hosts use as next hop.',
    bounds: 'interface name of at most 15 characters; not the same as bridge',
  }),
  nextHop: many(nextHopAddress, 2, {
    group: 'Host network',
    value: 'address',
    defaultText: 'addresses of the interface',
    about: 'Address that other hosts route to.',
    trade: 'Fixed here, it does not follow the interface when that changes its address.',
    bounds: 'one per family',
  }),
  table: one(integer(1, 0xffff_ffff), {
    group: 'Host network',
    value: 'number',
    default: ['254'],
    about: 'Kernel routing table that routes are written to; 254 is main.',
    trade: 'Another table needs an `ip rule` that leads there, which starling does not make.',
    bounds: '1 to 4294967295, not 255 (local)',
  }),
  metric: one(integer(0, 0xffff_ffff), {
    group: 'Host network',
    value: 'number',
    default: ['0'],
    about: 'Kernel priority of the routes; IPv6 has no 0 and uses 1024 for it.',
    trade: 'Higher: a route of another program to the same prefix wins over ours.',
    bounds: '0 to 4294967295',
  }),
  protocol: one(integer(1, 255), {
    group: 'Host network',
    value: 'number',
    default: ['83'],
    about:
      'Route protocol number that marks the routes as ours; routes with it are ours to remove.',
    trade: 'After a change, routes with the former number stay: starling purge before it.',
    bounds: '1 to 255, none that the kernel or a known routing daemon uses',
  }),
  listen: many(listenAddress, 16, {
    group: 'Process',
    value: 'address',
    default: ['0.0.0.0', '::'],
    about: 'Addresses to accept connections of other nodes on.',
    bounds: '1 to 16',
  }),
  port: one(integer(1, 65_535), {
    group: 'Process',
    value: 'number',
    unit: 'TCP port',
    default: ['7871'],
    about: 'Port of the peer protocol.',
    bounds: '1 to 65535',
  }),
  stateDir: one(absolutePath(4_000), {
    group: 'Process',
    value: 'path',
    default: ['/var/lib/starling'],
    about: 'Directory of the identity and what must survive a restart.',
    trade: 'Two agents must not share one; a copy of it is a copied identity.',
    bounds: 'absolute path',
  }),
  socket: one(absolutePath(107), {
    group: 'Process',
    value: 'path',
    default: [defaultSocket],
    about: 'Unix socket of the operator API.',
    bounds: 'absolute path of at most 107 bytes',
  }),
  socketGroup: maybe(label(32), {
    group: 'Process',
    value: 'group',
    about: 'Group that may use the unix socket, by name or number.',
    defaultText: 'the group that the agent runs as',
    trade: 'Its members may do whatever starling can do on this host.',
    bounds: 'a group of /etc/group, or a number',
  }),
  socketReadGroup: maybe(label(32), {
    group: 'Process',
    value: 'group',
    about:
      'Group that may see but not change: it gets a second socket beside the first, starling-read.sock beside starling.sock, that answers only what reads.',
    defaultText: 'no second socket',
    trade: 'Its members see names, addresses and leases of the whole cluster.',
    bounds: 'a group of /etc/group, or a number; not the same as socketGroup',
  }),
  grpcListen: maybe(endpoint, {
    group: 'Process',
    value: 'address:port',
    about: "Where Stellar's network service is served over TCP, besides the unix socket.",
    trade: 'Whoever reaches it can take and free addresses.',
    bounds: 'a loopback address in plaintext; any other with the three files below, or insecure',
  }),
  grpcCertFile: maybe(absolutePath(4_095), {
    group: 'Process',
    value: 'path',
    about: 'Certificate of this agent for grpcListen, PEM.',
    bounds: 'absolute path; together with grpcKeyFile and grpcClientCaFile',
  }),
  grpcKeyFile: maybe(absolutePath(4_095), {
    group: 'Process',
    value: 'path',
    about: 'Private key of grpcCertFile, PEM.',
    bounds: 'absolute path; together with grpcCertFile and grpcClientCaFile',
  }),
  grpcClientCaFile: maybe(absolutePath(4_095), {
    group: 'Process',
    value: 'path',
    about: 'Certificate authority whose clients may use grpcListen, PEM.',
    bounds: 'absolute path; together with grpcCertFile and grpcKeyFile',
  }),
  metricsListen: maybe(endpoint, {
    group: 'Process',
    value: 'address:port',
    about:
      'Where `/metrics` is served for Prometheus, and `/healthz` and `/readyz` for whoever watches the process.',
    trade: 'Whoever reaches it sees numbers of this node and its cluster, and no names.',
    bounds:
      'a loopback address in plaintext; any other with webCertFile and webKeyFile, or insecure',
  }),
  uiListen: maybe(endpoint, {
    group: 'Process',
    value: 'address:port',
    about: 'Where the page that shows the cluster is served, for a browser.',
    trade: 'Whoever reaches it sees names, addresses and leases of the whole cluster.',
    bounds:
      'a loopback address in plaintext; any other with webCertFile and webKeyFile, or insecure',
  }),
  webName: many(label(253), 16, {
    group: 'Process',
    value: 'name',
    about:
      'Host names by which metricsListen and uiListen may be asked, besides localhost and addresses.',
    trade:
      'Any other name is refused: a page of a stranger could resolve its own name to this host.',
    bounds: 'up to 16',
  }),
  webCertFile: maybe(absolutePath(4_095), {
    group: 'Process',
    value: 'path',
    about: 'Certificate of this agent for metricsListen and uiListen, PEM.',
    bounds: 'absolute path; together with webKeyFile',
  }),
  webKeyFile: maybe(absolutePath(4_095), {
    group: 'Process',
    value: 'path',
    about: 'Private key of webCertFile, PEM.',
    bounds: 'absolute path; together with webCertFile',
  }),
  webClientCaFile: maybe(absolutePath(4_095), {
    group: 'Process',
    value: 'path',
    about: 'Certificate authority whose clients alone may use metricsListen and uiListen, PEM.',
    defaultText: 'none: anybody who reaches them may read',
    bounds: 'absolute path; with webCertFile and webKeyFile only',
  }),
  insecure: onOff({
    group: 'Process',
    about:
      'Lets grpcListen, metricsListen and uiListen listen in plaintext where other hosts can reach them.',
    trade: 'Whoever is on the way can read and change what is said there.',
  }),
  dockerPlugin: one(pluginSocket, {
    group: 'Process',
    value: 'path',
    default: ['none'],
    about:
      'Plugin socket by which Docker gets addresses; the name of the file is that of the IPAM driver. `none` serves no Docker.',
    trade: 'Docker finds `/run/docker/plugins/starling.sock` by itself, as driver starling.',
    bounds:
      'absolute path of at most 107 bytes that ends in .sock, or `none`; not the same as socket',
  }),
  cniConfDir: maybe(absolutePath(4_000), {
    group: 'Process',
    value: 'directory',
    about:
      'Directory in which CNI runtimes look for networks. The agent writes 10-starling.conflist there as soon as containers can be served, and the plugin beside `bridge`, writes both again where they are gone or differ, and leaves them when it stops.',
    defaultText: 'none; `starling cni install` writes them',
    trade: 'A runtime takes its host for ready from then on, and not before.',
    bounds: 'absolute path; not with bridge none',
  }),
  cniBinDir: maybe(absolutePath(4_000), {
    group: 'Process',
    value: 'directory',
    about: 'Directory of the CNI plugins, for cniConfDir.',
    defaultText: '/opt/cni/bin, /usr/lib/cni or /usr/libexec/cni: where `bridge` is',
    bounds: 'absolute path; with cniConfDir only',
  }),
  logLevel: one(oneOf('trace', 'debug', 'info', 'warn', 'error'), {
    group: 'Process',
    value: 'trace|debug|info|warn|error',
    default: ['info'],
    about: 'Least level that is logged.',
    bounds: 'trace, debug, info, warn or error',
  }),
  logFormat: one(oneOf('auto', 'json', 'pretty'), {
    group: 'Process',
    value: 'auto|json|pretty',
    default: ['auto'],
    about: 'JSON lines, or lines for people; auto is pretty on a terminal.',
    bounds: 'auto, json or pretty',
  }),
  nodesMax: one(integer(16, 16_384), {
    group: 'Limits',
    value: 'number',
    default: [`${defaultLimits.nodes}`],
    about:
      'Nodes that this one knows at the most; twice as many that are gone are remembered. Beyond it the newest are not heard.',
    trade: 'Higher: strangers in an open cluster can take more memory.',
    bounds: '16 to 16384',
  }),
  routesMax: one(integer(0, 65_536), {
    group: 'Limits',
    value: 'number',
    default: [`${defaultLimits.routes}`],
    about:
      'Routes to prefixes that nodes announce beside their subnets, at the most. Beyond it the newest are refused.',
    bounds: '0 to 65536',
  }),
  settleMs: one(duration(10, hour), {
    group: 'Timing',
    value: 'duration',
    unit: 'ms',
    default: [`${defaultTiming.settleMs}`],
    about: 'How long a claim must stand undisputed before it is confirmed and used.',
    trade: 'Shorter: a node is ready sooner, and races are settled after confirmation more often.',
    bounds: '10ms to 1h; below joinTimeoutMs',
  }),
  tenureMs: one(duration(100, hour), {
    group: 'Timing',
    value: 'duration',
    unit: 'ms',
    default: [`${defaultTiming.tenureMs}`],
    about:
      'How long a node must have been routed to before nobody takes its subnet by what they say of themselves, and how long a contested subnet waits for what others saw.',
    trade: 'Shorter: two clusters that were joined settle sooner, and a node is protected sooner.',
    bounds: '100ms to 1h',
  }),
  joinTimeoutMs: one(duration(100, hour), {
    group: 'Timing',
    value: 'duration',
    unit: 'ms',
    default: [`${defaultTiming.joinTimeoutMs}`],
    about: 'How long a node with seeds waits for the first answer before it claims alone.',
    trade: 'Shorter: a node whose seeds are slow may claim a subnet that it must give back.',
    bounds: '100ms to 1h; above settleMs',
  }),
  antiEntropyMs: one(duration(100, hour), {
    group: 'Timing',
    value: 'duration',
    unit: 'ms',
    default: [`${defaultTiming.antiEntropyMs}`],
    about: 'Time between two comparisons with a random neighbour.',
    trade: 'Shorter: what gossip lost is repaired sooner, at more traffic.',
    bounds: '100ms to 1h; at most a tenth of tombstoneMs',
  }),
  watchMs: one(duration(50, 60_000), {
    group: 'Timing',
    value: 'duration',
    unit: 'ms',
    default: [`${defaultTiming.watchMs}`],
    about:
      'How often a neighbour is asked for a sign of life. A silent host is found after less than four times as long.',
    trade: 'Shorter: a host that dies is found sooner, at more work for every host.',
    bounds: '50ms to 1min',
  }),
  displacedAfter: one(duration(1_000, 365 * day), {
    group: 'Timing',
    value: 'duration',
    unit: 'ms',
    default: ['60s'],
    about:
      'How long a node must be gone, with another one answering at its address, before it is evicted.',
    trade:
      'Shorter: the subnet of a host that was set up anew is free sooner; too short: a host that moved has no time to say so.',
    bounds: '1s to 365d; not above reclaimAfter',
  }),
  reclaimAfter: one(duration(1_000, 365 * day), {
    group: 'Timing',
    value: 'duration',
    unit: 'ms',
    default: ['24h'],
    about:
      'How long a host must be gone, while most of the known nodes live, before its subnet is free for others.',
    trade:
      'Shorter: subnets of dead hosts are free sooner; a host that comes back later must take another one.',
    bounds: '1s to 365d; not below displacedAfter',
  }),
  tombstoneMs: one(duration(1_000, 365 * day), {
    group: 'Timing',
    value: 'duration',
    unit: 'ms',
    default: [`${defaultTiming.tombstoneMs}`],
    about: 'How long the end of a node is remembered.',
    trade: 'Shorter: less memory, and a node cut off for longer may bring ended ones back.',
    bounds: '1s to 365d; at least ten times antiEntropyMs',
  }),
  resyncMs: one(duration(1_000, day), {
    group: 'Timing',
    value: 'duration',
    unit: 'ms',
    default: [`${defaultTiming.resyncMs}`],
    about:
      "Time between two full readings of the kernel's routes; changes are seen at once anyway.",
    trade: 'Shorter: a missed notification is repaired sooner, at more work for the kernel.',
    bounds: '1s to 1d',
  }),
  leakMs: one(duration(1_000, hour), {
    group: 'Timing',
    value: 'duration',
    unit: 'ms',
    default: [`${defaultTiming.leakMs}`],
    about:
      'How long a container that nobody released must be missed before its address is free, and how often containers are looked for.',
    trade: 'Shorter: leaked addresses are free sooner, at more work for the host.',
    bounds: '1s to 1h',
  }),
} as const

export const fieldKeys = Object.keys(fields) as readonly FieldKey[]

/** What a field says of itself, beyond what its kind knows. */
interface Spec {
  readonly group: Group
  readonly value: string
  readonly unit?: string
  readonly default?: readonly string[] | ((host: HostFacts) => readonly string[])
  readonly defaultText?: string
  readonly about: string
  readonly trade?: string
  readonly bounds: string
  readonly secret?: boolean
}

function one<T>(type: TextType<T>, spec: Spec): Field<T> {
  return field(
    z.array(type).transform(([value]) => value as T),
    false,
    spec,
  )
}

function maybe<T>(type: TextType<T>, spec: Spec): Field<T | undefined> {
  return field(
    z.array(type).transform(([value]) => value),
    false,
    spec,
  )
}

function many<T>(type: TextType<T>, most: number, spec: Spec): Field<readonly T[]> {
  return field(z.array(type).max(most, `has more than ${most} values`), true, spec)
}

function onOff(spec: Pick<Spec, 'group' | 'about' | 'trade'>): Field<boolean> {
  const written = { value: 'true|false', default: ['false'], bounds: 'true or false' } as const
  return { ...one(truth, { ...spec, ...written }), isSwitch: true }
}

function field<V>(type: z.ZodType<V, readonly string[]>, list: boolean, spec: Spec): Field<V> {
  const { default: written = [], unit = '', defaultText = '', trade = '', secret = false } = spec
  return {
    group: spec.group,
    type,
    list,
    isSwitch: false,
    value: spec.value,
    unit,
    default: typeof written === 'function' ? written : () => written,
    defaultText,
    about: spec.about,
    trade,
    bounds: spec.bounds,
    secret,
  }
}
