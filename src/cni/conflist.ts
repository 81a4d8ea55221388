/** The CNI network that puts containers on starling's bridge, as runtimes read it. */

import { isAtLeast, isVersion, type Version, versions } from './version.ts'

export const ipamPlugin = 'starling-ipam'

/** Those that are used where they are installed. */
export const furtherPlugins = ['portmap', 'bandwidth'] as const

export type FurtherPlugin = (typeof furtherPlugins)[number]

export interface Network {
  readonly name: string
  readonly bridge: string
  /** Of the interface that leads to other hosts; undefined: not known. */
  readonly mtu: number | undefined
  readonly further: readonly FurtherPlugin[]
  /** A plugin of them fails at CHECK, whatever it is asked. */
  readonly failsAtCheck: boolean
  /** Each is known to every plugin; ascending, at least one. */
  readonly versions: readonly Version[]
}

/** Before files of other networks: most runtimes use the first one. */
export const fileOf = (name: string): string => `10-${name}.conflist`

/** What all of these plugins know, ascending. */
export function commonVersions(known: readonly (readonly string[])[]): readonly Version[] {
  return versions.filter((version) => known.every((each) => each.includes(version)))
}

export function conflistText(network: Network): string {
  const { name, bridge, mtu, further } = network
  const bridgePlugin = {
    type: 'bridge',
    bridge,
    // The agent gives the bridge its addresses, and is the one that masquerades.
    isGateway: false,
    ipMasq: false,
    // So that a container reaches itself by a port that its host forwards to it.
    hairpinMode: true,
    ...(mtu === undefined ? {} : { mtu }),
    ipam: { type: ipamPlugin },
    capabilities: { ips: true, 'io.kubernetes.cri.pod-annotations': true },
  }
  const plugins = [bridgePlugin, ...further.map((plugin) => configurations[plugin])]
  // A runtime may end a container whose CHECK fails.
  const flags = network.failsAtCheck ? { disableCheck: true } : {}
  const conflist = { ...versionsOf(network.versions), name, ...flags, plugins }
  return `${JSON.stringify(conflist, undefined, 2)}\n`
}

/** The network's name, if the text is a network of ours; undefined: it is somebody else's. */
export function ownName(text: string): string | undefined {
  try {
    const { name, plugins } = JSON.parse(text) as {
      name?: unknown
      plugins?: { ipam?: { type?: unknown } }[]
    }
    const isOurs = plugins?.some((plugin) => plugin?.ipam?.type === ipamPlugin) === true
    return isOurs && typeof name === 'string' ? name : undefined
  } catch {
    // Not JSON, or of another shape.
    return undefined
  }
}

const configurations: Readonly<Record<FurtherPlugin, object>> = {
  portmap: { type: 'portmap', snat: true, capabilities: { portMappings: true } },
  bandwidth: { type: 'bandwidth', capabilities: { bandwidth: true } },
}

/**
 * Runtimes that know 1.1.0, which brings STATUS and GC, know the list too, and take the highest of it that they know. An
 * older runtime refuses a version that it does not know, whatever the plugins can.
 */
function versionsOf(common: readonly Version[]): object {
  const plain = common.filter((version) => !isAtLeast(version, '1.1.0')).at(-1)
  const newest = common.at(-1)
  if (plain === undefined || plain === newest) return { cniVersion: newest }
  return { cniVersion: plain, cniVersions: common.filter((version) => isAtLeast(version, plain)) }
}

/**
 * Whether this bandwidth plugin crashes at each CHECK of a container without a limit, as all before 1.9.1 do. `about` is
 * what it prints without a command; Debian's does not say which it is.
 */
export function crashesAtCheck(about: string): boolean {
  const [, major = 0, minor = 0, patch = 0] = (
    /plugin v?(\d+)\.(\d+)\.(\d+)/.exec(about) ?? []
  ).map(Number)
  return major * 1e6 + minor * 1e3 + patch < 1_009_001
}

/** What a plugin answers to VERSION. */
export function knownVersions(answer: string): readonly Version[] {
  try {
    const { supportedVersions } = JSON.parse(answer) as { supportedVersions?: unknown }
    return Array.isArray(supportedVersions) ? supportedVersions.filter(isVersion) : []
  } catch {
    // Whatever answers so is no CNI plugin.
    return []
  }
}
