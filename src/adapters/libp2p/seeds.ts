/** What an operator's seed text stands for: a host and a port, and in turn every address of that host. */

import { lookup } from 'node:dns/promises'
import { isIP, isIPv4, isIPv6 } from 'node:net'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { NodeId } from '../../core/claim/record.ts'

export interface Seed {
  /** As the operator wrote it; troubles name it so. */
  readonly text: string
  /** A name or an address. */
  readonly host: string
  readonly port: number
  /** Only addresses of this family are meant. */
  readonly family: 4 | 6 | undefined
  /** Only this peer is meant. */
  readonly peer: NodeId | undefined
}

export type Resolution =
  | { readonly ok: true; readonly addresses: readonly string[] }
  | { readonly ok: false; readonly reason: string }

/** All addresses of a name. Rejects where there is none. */
export type LookUp = (name: string) => Promise<readonly string[]>

/** A name may stand for a whole cluster. Beyond this many addresses the rest is left to gossip. */
const addressesMax = 64

/** `host`, `host:port`, `[v6]`, `[v6]:port`, a bare v6 address, or a multiaddr over TCP; undefined for anything else. */
export function parseSeed(text: string, defaultPort: number): Seed | undefined {
  if (text.startsWith('/')) return parseMultiaddr(text)
  const bracketed = /^\[([^\]]+)\](?::([0-9]{1,5}))?$/.exec(text)
  const plain = isIPv6(text) ? [text, text] : /^([^:[\]\s/]+)(?::([0-9]{1,5}))?$/.exec(text)
  const [, host, portText] = bracketed ?? plain ?? []
  if (host === undefined || (bracketed ? !isIPv6(host) : !isHost(host))) return undefined
  const port = portText === undefined ? defaultPort : Number(portText)
  return isPort(port) ? { text, host, port, family: undefined, peer: undefined } : undefined
}

/** Resolves one seed after the other. */
export class SeedResolver {
  readonly #lookUp: LookUp
  #turn: Promise<unknown> = Promise.resolve()

  constructor(lookUp: LookUp = lookUpBySystem) {
    this.#lookUp = lookUp
  }

  /** Never rejects. */
  resolve(seed: Seed): Promise<Resolution> {
    if (isIP(seed.host)) return Promise.resolve({ ok: true, addresses: [seed.host] })
    // getaddrinfo occupies a thread of libuv's small pool for as long as a dead name server takes: never more than
    // one, or the store's writes would wait behind our lookups.
    const resolution = this.#turn.then(() => this.#ask(seed))
    this.#turn = resolution
    return resolution
  }

  async #ask(seed: Seed): Promise<Resolution> {
    try {
      const all = new Set(await this.#lookUp(seed.host))
      const meant = [...all].filter((ip) => !seed.family || isIP(ip) === seed.family)
      return meant.length > 0
        ? { ok: true, addresses: meant.slice(0, addressesMax) }
        : { ok: false, reason: `${seed.host} has no IPv${seed.family} address` }
    } catch (thrown) {
      return { ok: false, reason: lookUpFailure(seed.host, thrown) }
    }
  }
}

export function addressOf(ip: string, port: number, peer?: NodeId): Multiaddr {
  const [plain, zone] = ip.split('%')
  const network = isIPv4(ip) ? `/ip4/${ip}` : `${zone ? `/ip6zone/${zone}` : ''}/ip6/${plain}`
  return multiaddr(`${network}/tcp/${port}${peer ? `/p2p/${peer}` : ''}`)
}

async function lookUpBySystem(name: string): Promise<string[]> {
  const found = await lookup(name, { all: true })
  return found.map(({ address }) => address)
}

function parseMultiaddr(text: string): Seed | undefined {
  try {
    const [network, transport, peer, ...rest] = multiaddr(text).getComponents()
    const host = network?.value
    const family = network && families.get(network.name)
    const port = Number(transport?.value)
    if (!host || family === undefined || transport?.name !== 'tcp' || !isPort(port))
      return undefined
    if (rest.length > 0 || (peer && peer.name !== 'p2p')) return undefined
    return {
      text,
      host,
      port,
      family: family || undefined,
      peer: peer?.value as NodeId | undefined,
    }
  } catch {
    // The multiaddr parser throws on malformed text; malformed is a value here.
    return undefined
  }
}

/** 0: either family. */
const families = new Map<string, 0 | 4 | 6>([
  ['ip4', 4],
  ['ip6', 6],
  ['dns', 0],
  ['dns4', 4],
  ['dns6', 6],
])

function isHost(text: string): boolean {
  if (isIP(text)) return true
  // getaddrinfo would read `10.0.1` as 10.0.0.1: a last label of digits is a mistyped address, not a name.
  return (
    text.length <= 253 &&
    /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?\.?$/i.test(text) &&
    !/(^|\.)[0-9]+\.?$/.test(text)
  )
}

const isPort = (port: number): boolean => Number.isInteger(port) && port > 0 && port < 65_536

function lookUpFailure(name: string, thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : String(thrown)
  if (code === 'ENOTFOUND' || code === 'ENODATA') return `the name ${name} does not exist`
  if (code === 'EAI_AGAIN') return `no name server answers for ${name}`
  return `looking up ${name} failed: ${code}`
}
