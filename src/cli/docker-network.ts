/** The network that Docker needs so that its containers live on starling's bridge. */

import type { Network } from '../adapters/docker/engine.ts'

export const ipamDriver = 'starling'

const option = (name: string): string => `com.docker.network.bridge.${name}`
const bridgeName = option('name')

/** `version` as dockerd tells it. */
export function wantedNetwork(facts: {
  readonly name: string
  readonly bridge: string
  /** At most one per family. */
  readonly subnets: readonly string[]
  readonly version: string
}): Network {
  const { name, bridge, subnets, version } = facts
  const families = ([4, 6] as const).filter((family) =>
    subnets.some((subnet) => subnet.includes(':') === (family === 6)),
  )
  // From 28 on Docker drops what is routed to a container, but for published ports; 27 does not know this mode.
  const modes = majorOf(version) >= 28 ? families : []
  return {
    name,
    driver: 'bridge',
    ipamDriver,
    subnets,
    families,
    options: new Map([
      // A bridge of Docker's own with the same subnet would leave half of the containers unreachable.
      [bridgeName, bridge],
      // Other hosts are to see the containers' own addresses.
      [option('enable_ip_masquerade'), 'false'],
      ...modes.map((family) => [option(`gateway_mode_ipv${family}`), 'nat-unprotected'] as const),
    ]),
  }
}

/** From 28 on Docker makes networks without IPv4. */
export const canLackIPv4 = (version: string): boolean => majorOf(version) >= 28

export function createCommand(network: Network): string {
  const { name, driver, subnets, families, options } = network
  return [
    'docker network create',
    `--driver ${driver}`,
    `--ipam-driver ${network.ipamDriver}`,
    ...(families.includes(4) ? [] : ['--ipv4=false']),
    ...(families.includes(6) ? ['--ipv6'] : []),
    ...subnets.map((subnet) => `--subnet ${subnet}`),
    ...[...options].map(([key, value]) => `--opt ${key}=${value}`),
    name,
  ].join(' ')
}

/** What stands in the way of `wanted`. `none`: it is there already. */
export type Obstacle =
  | { readonly type: 'nothing' }
  | { readonly type: 'there' }
  | { readonly type: 'differs'; readonly how: string }
  | { readonly type: 'bridge-in-use'; readonly by: string }

export function obstacleTo(wanted: Network, existing: readonly Network[]): Obstacle {
  const namesake = existing.find(({ name }) => name === wanted.name)
  if (namesake) {
    const how = difference(namesake, wanted)
    return how === '' ? { type: 'there' } : { type: 'differs', how }
  }
  const user = existing.find(
    ({ options, subnets }) =>
      options.get(bridgeName) === wanted.options.get(bridgeName) ||
      subnets.some((subnet) => wanted.subnets.includes(subnet)),
  )
  return user ? { type: 'bridge-in-use', by: user.name } : { type: 'nothing' }
}

/** The first one in words; empty where there is none. Further options do no harm. */
function difference(is: Network, wanted: Network): string {
  const facts: readonly (readonly [string, string, string])[] = [
    ['driver', is.driver, wanted.driver],
    ['IPAM driver', is.ipamDriver, wanted.ipamDriver],
    ['subnet', listText(is.subnets), listText(wanted.subnets)],
    [
      'address family',
      listText(is.families.map(familyText)),
      listText(wanted.families.map(familyText)),
    ],
    ...[...wanted.options].map(
      ([key, value]) => [`option ${key}`, is.options.get(key) ?? '', value] as const,
    ),
  ]
  const [first] = facts.filter(([, has, wants]) => has !== wants)
  if (!first) return ''
  const [what, has, wants] = first
  return `its ${what} is ${has || 'not set'} and must be ${wants}`
}

const listText = (texts: readonly string[]): string => [...texts].sort().join(' and ')

const familyText = (family: 4 | 6): string => `IPv${family}`

const majorOf = (version: string): number => Number.parseInt(version, 10) || 0
