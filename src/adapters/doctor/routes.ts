/** The routes of all tables as far as they say where a packet goes, by `ip`, or by /proc where that is not there. */

import { parseAddress } from '../../core/ip/address.ts'
import { hostPrefix, type Prefix, parsePrefix, prefix } from '../../core/ip/prefix.ts'
import { readText } from './fact.ts'
import { ask } from './program.ts'

export interface HostRoute {
  readonly prefix: Prefix
  /** Empty where packets go nowhere. */
  readonly link: string
  /** No gateway is between: the destination itself is on the link. */
  readonly isOnLink: boolean
  /** Its number; undefined: the source does not tell. */
  readonly protocol: number | undefined
  readonly metric: number
}

export interface HostRoutes {
  readonly routes: readonly HostRoute[]
  /** Whether those of starling can be told from those of others. */
  readonly isWhole: boolean
}

export async function readRoutes(): Promise<HostRoutes> {
  // With -N protocols are numbers: a file of names may lack ours.
  const answers = await Promise.all(
    ['-4', '-6'].map((family) => ask('ip', '-N', '-j', family, 'route', 'show', 'table', 'all')),
  )
  const texts = answers.map((answer) => (answer.isKnown ? answer.value : undefined))
  if (texts.some((text) => text === undefined)) {
    return { routes: [...(await ofProc4()), ...(await ofProc6())], isWhole: false }
  }
  const routes = texts.flatMap((text, index) => parseIpRoutes(text ?? '', index === 0 ? 4 : 6))
  return { routes, isWhole: true }
}

/** Routes that only say which addresses are this host's own, or everybody's. */
const local: ReadonlySet<string> = new Set(['local', 'broadcast', 'multicast', 'anycast'])

export function parseIpRoutes(text: string, family: 4 | 6): HostRoute[] {
  const shown = JSON.parse(text.trim() || '[]') as {
    dst?: string
    type?: string
    dev?: string
    gateway?: string
    protocol?: string
    metric?: number
    nexthops?: { dev?: string; gateway?: string }[]
  }[]
  return shown.flatMap((route) => {
    // `-N` writes types as numbers, too, in some versions.
    if (local.has(route.type ?? '') || ['2', '3', '4', '5'].includes(route.type ?? '')) return []
    const destination = destinationOf(route.dst ?? '', family)
    if (!destination) return []
    const hop = route.nexthops?.[0] ?? route
    return [
      {
        prefix: destination,
        link: hop.dev ?? '',
        isOnLink: !hop.gateway,
        protocol: Number(route.protocol ?? 0),
        metric: route.metric ?? 0,
      },
    ]
  })
}

function destinationOf(text: string, family: 4 | 6): Prefix | undefined {
  if (text === 'default') return prefix(family, 0n, 0)
  const single = parseAddress(text)
  return single ? hostPrefix(single) : parsePrefix(text)
}

/** Flags of /proc/net/route: up, by a gateway, refused. */
const [up, viaGateway, refuses] = [0x1, 0x2, 0x200]

async function ofProc4(): Promise<HostRoute[]> {
  return (await rows('/proc/net/route')).slice(1).flatMap((fields) => {
    const [link = '', destination = '', , flagText = '', , , metric, mask = ''] = fields
    const flags = Number.parseInt(flagText, 16)
    if (!(flags & up)) return []
    const length = [...littleEndian(mask).toString(2)].filter((bit) => bit === '1').length
    return [
      {
        prefix: prefix(4, littleEndian(destination), length),
        link: flags & refuses ? '' : link,
        isOnLink: !(flags & viaGateway),
        protocol: undefined,
        metric: Number(metric),
      },
    ]
  })
}

async function ofProc6(): Promise<HostRoute[]> {
  return (await rows('/proc/net/ipv6_route')).flatMap((fields) => {
    const [first = '', length = '', , , , metric = '', , , flagText = '', link = ''] = fields
    const flags = Number.parseInt(flagText, 16)
    // What leads to the loopback are this host's own addresses.
    if (!(flags & up) || (link === 'lo' && !(flags & refuses))) return []
    return [
      {
        prefix: prefix(6, BigInt(`0x${first}`), Number.parseInt(length, 16)),
        link: flags & refuses ? '' : link,
        isOnLink: !(flags & viaGateway),
        protocol: undefined,
        metric: Number.parseInt(metric, 16),
      },
    ]
  })
}

async function rows(path: string): Promise<string[][]> {
  const text = await readText(path)
  const lines = (text.isKnown ? (text.value ?? '') : '').split('\n').filter((line) => line !== '')
  return lines.map((line) => line.trim().split(/\s+/))
}

/** The kernel prints IPv4 addresses in the order of its bytes, which on all that Node runs on is this one. */
const littleEndian = (hex: string): bigint =>
  BigInt(`0x${(hex.match(/../g) ?? []).reverse().join('') || '0'}`)
