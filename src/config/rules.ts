/** What must hold between settings, whatever each of them says alone. */

import type { Family } from '../core/ip/address.ts'
import { isLoopback } from '../core/ip/address.ts'
import type { Pool } from '../core/ip/pool.ts'
import type { Prefix } from '../core/ip/prefix.ts'
import type { FieldKey, Settings } from './fields.ts'
import type { Problem } from './problem.ts'

/** Settings whose own problems were reported already are missing here, and rules about them are silent. */
export type Parsed = Partial<Settings>

export function checkRules(parsed: Parsed, whereOf: (key: FieldKey) => string): Problem[] {
  const problems: Problem[] = []
  const refuse = (key: FieldKey, message: string, mend: string): void => {
    problems.push({ where: whereOf(key), message, mend })
  }
  const { settleMs, joinTimeoutMs, tombstoneMs, antiEntropyMs } = parsed
  if (settleMs !== undefined && joinTimeoutMs !== undefined && settleMs >= joinTimeoutMs) {
    refuse(
      'settleMs',
      `settleMs (${settleMs}) is not below joinTimeoutMs (${joinTimeoutMs})`,
      'lower settleMs or raise joinTimeoutMs',
    )
  }
  if (
    tombstoneMs !== undefined &&
    antiEntropyMs !== undefined &&
    tombstoneMs < 10 * antiEntropyMs
  ) {
    refuse(
      'tombstoneMs',
      `tombstoneMs (${tombstoneMs}) is below ten times antiEntropyMs (${antiEntropyMs})`,
      'raise tombstoneMs or lower antiEntropyMs',
    )
  }
  if (parsed.clusterKey !== undefined && parsed.clusterKeyFile !== undefined) {
    refuse(
      'clusterKey',
      `clusterKey and clusterKeyFile (${whereOf('clusterKeyFile')}) are both set`,
      'keep one of them',
    )
  }
  checkKeys(parsed, whereOf, refuse)
  if (parsed.interface !== undefined && parsed.interface === parsed.bridge) {
    refuse(
      'interface',
      `interface is ${parsed.interface}, the bridge that starling manages`,
      'name the interface that reaches the other hosts, or another bridge',
    )
  }
  if (parsed.dockerPlugin !== undefined && parsed.dockerPlugin === parsed.socket) {
    refuse(
      'dockerPlugin',
      `dockerPlugin is ${parsed.socket}, the socket of the operator API`,
      'write /run/docker/plugins/starling.sock or another path',
    )
  }
  if (parsed.cniConfDir !== undefined && parsed.bridge === 'none') {
    refuse(
      'cniConfDir',
      'cniConfDir is set, and bridge is none',
      'name a bridge for the containers, or remove cniConfDir',
    )
  }
  if (parsed.cniBinDir !== undefined && parsed.cniConfDir === undefined) {
    refuse('cniBinDir', 'cniBinDir is set, and cniConfDir is not', 'set cniConfDir, or remove it')
  }
  if (parsed.socketReadGroup !== undefined && parsed.socketReadGroup === parsed.socketGroup) {
    refuse(
      'socketReadGroup',
      `socketReadGroup is ${parsed.socketGroup}, whose members may change everything`,
      'name another group, or remove it',
    )
  }
  if (parsed.table === 255) {
    refuse('table', "table 255 is the kernel's own (local)", 'use 254 (main) or another table')
  }
  const holder = parsed.protocol === undefined ? undefined : protocolHolder(parsed.protocol)
  if (holder !== undefined) {
    refuse(
      'protocol',
      `protocol ${parsed.protocol} belongs to ${holder}, whose routes would count as ours`,
      'use 83 or another free number',
    )
  }
  checkGrpc(parsed, refuse)
  checkWeb(parsed, refuse)
  if (parsed.listen?.length === 0) refuse('listen', 'listen is empty', 'name at least one address')
  for (const key of ['pool', 'nextHop'] as const) {
    const families = parsed[key]?.map(({ family }) => family) ?? []
    for (const family of [4, 6] as const) {
      if (families.filter((other) => other === family).length < 2) continue
      refuse(key, `${key} has more than one of IPv${family}`, 'keep one per family')
    }
  }
  if (parsed.pool?.length === 0) refuse('pool', 'pool is empty', 'name at least one prefix')
  if (parsed.pool && parsed.prefixLength) {
    checkLengths(parsed.pool, parsed.prefixLength, (message, mend) =>
      refuse('prefixLength', message, mend),
    )
  }
  return problems
}

function checkKeys(
  parsed: Parsed,
  whereOf: (key: FieldKey) => string,
  refuse: (key: FieldKey, message: string, mend: string) => void,
): void {
  const { clusterKeyAccept = [], clusterKeyAcceptFile, joinToken, joinTokenFile } = parsed
  const hasKey = parsed.clusterKey !== undefined || parsed.clusterKeyFile !== undefined
  const accepting = clusterKeyAcceptFile === undefined ? 'clusterKeyAccept' : 'clusterKeyAcceptFile'
  const accepts = clusterKeyAccept.length > 0 || clusterKeyAcceptFile !== undefined
  if (accepts && !hasKey) {
    refuse(
      accepting,
      `${accepting} is set, and no cluster key is`,
      'set clusterKeyFile, the key that this node offers',
    )
  }
  if (clusterKeyAccept.length > 0 && clusterKeyAcceptFile !== undefined) {
    refuse(
      'clusterKeyAccept',
      `clusterKeyAccept and clusterKeyAcceptFile (${whereOf('clusterKeyAcceptFile')}) are both set`,
      'keep one of them',
    )
  }
  if (joinToken !== undefined && joinTokenFile !== undefined) {
    refuse(
      'joinToken',
      `joinToken and joinTokenFile (${whereOf('joinTokenFile')}) are both set`,
      'keep one of them',
    )
  }
}

function checkGrpc(
  parsed: Parsed,
  refuse: (key: FieldKey, message: string, mend: string) => void,
): void {
  const { grpcListen, insecure } = parsed
  const files = (['grpcCertFile', 'grpcKeyFile', 'grpcClientCaFile'] as const).filter(
    (key) => parsed[key] !== undefined,
  )
  const [first] = files
  if (first && files.length < 3) {
    refuse(
      first,
      `${files.join(' and ')} ${files.length === 1 ? 'is' : 'are'} set alone`,
      'set grpcCertFile, grpcKeyFile and grpcClientCaFile, or none of them',
    )
  } else if (first && !grpcListen) {
    refuse(first, `${first} is set, and grpcListen is not`, 'set grpcListen, or remove the files')
  } else if (grpcListen && !first && !insecure && !isLoopback(grpcListen.host)) {
    refuse(
      'grpcListen',
      `grpcListen ${grpcListen.text} can be reached from other hosts, in plaintext`,
      'listen on 127.0.0.1, or set grpcCertFile, grpcKeyFile and grpcClientCaFile',
    )
  }
}

function checkWeb(
  parsed: Parsed,
  refuse: (key: FieldKey, message: string, mend: string) => void,
): void {
  const { metricsListen, uiListen, webCertFile, webKeyFile, webClientCaFile, insecure } = parsed
  const hasPair = webCertFile !== undefined && webKeyFile !== undefined
  const alone = webCertFile === undefined ? 'webKeyFile' : 'webCertFile'
  if (!hasPair && parsed[alone] !== undefined) {
    refuse(alone, `${alone} is set alone`, 'set webCertFile and webKeyFile, or neither')
  } else if (!hasPair && webClientCaFile !== undefined) {
    refuse(
      'webClientCaFile',
      'webClientCaFile is set, and no certificate is',
      'set webCertFile and webKeyFile',
    )
  } else if (hasPair && !metricsListen && !uiListen) {
    refuse(
      'webCertFile',
      'webCertFile is set, and neither metricsListen nor uiListen is',
      'set one of them, or remove the files',
    )
  }
  for (const key of ['metricsListen', 'uiListen'] as const) {
    const listen = parsed[key]
    if (!listen || hasPair || insecure || isLoopback(listen.host)) continue
    refuse(
      key,
      `${key} ${listen.text} can be reached from other hosts, in plaintext`,
      'listen on 127.0.0.1, set webCertFile and webKeyFile, or set insecure',
    )
  }
  if (metricsListen && uiListen && metricsListen.text === uiListen.text) {
    refuse('uiListen', `uiListen is ${uiListen.text}, as metricsListen is`, 'set another port')
  }
}

/** Pools and lengths belong together in the order in which they are written; a missing length is the default. */
export const zipPools = (prefixes: readonly Prefix[], lengths: readonly number[]): Pool[] =>
  prefixes.map((prefix, index) => ({
    prefix,
    subnetLength: lengths[index] ?? defaultSubnetLength(prefix),
  }))

function defaultSubnetLength({ family, length }: Prefix): number {
  const usual = family === 4 ? 30 : length < 64 ? 64 : subnetLengthMax[6]
  return Math.min(length + 10, usual)
}

/** A subnet needs a network address, a gateway and at least one address more. */
const subnetLengthMax: Readonly<Record<Family, number>> = { 4: 30, 6: 126 }

function checkLengths(
  prefixes: readonly Prefix[],
  lengths: readonly number[],
  refuse: (message: string, mend: string) => void,
): void {
  if (lengths.length > prefixes.length) {
    refuse(
      `there are more prefix lengths (${lengths.length}) than pools (${prefixes.length})`,
      'give one --prefix-length for each --pool, in the same order',
    )
  }
  for (const { prefix, subnetLength } of zipPools(prefixes, lengths)) {
    const max = subnetLengthMax[prefix.family]
    if (subnetLength > prefix.length && subnetLength <= max) continue
    refuse(
      `prefix length ${subnetLength} does not divide pool ${prefix.text} (IPv${prefix.family})`,
      `write ${prefix.length + 1} to ${max}`,
    )
  }
}

/** Who uses a route protocol number, after linux/rtnetlink.h and iproute2's rt_protos. */
function protocolHolder(protocol: number): string | undefined {
  if (protocol >= 186 && protocol <= 198) return 'FRR'
  return protocolHolders.get(protocol)
}

const protocolHolders: ReadonlyMap<number, string> = new Map([
  [1, 'ICMP redirects'],
  [2, 'the kernel'],
  [3, 'routes set at boot'],
  [4, 'static routes'],
  [8, 'gated'],
  [9, 'router advertisements'],
  [10, 'mrt'],
  [11, 'zebra'],
  [12, 'BIRD'],
  [13, 'DECnet'],
  [14, 'XORP'],
  [15, 'Netsukuku'],
  [16, 'DHCP clients'],
  [17, 'mrouted'],
  [18, 'keepalived'],
  [42, 'babeld'],
  [80, 'Calico'],
  [84, 'OVN'],
  [99, 'Open/R'],
])
