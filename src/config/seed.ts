/** Where a seed is, whatever way it is written. */

import { isIP } from 'node:net'

export interface SeedPlace {
  /** A name or an address. */
  readonly host: string
  /** Undefined where none is written. */
  readonly port: number | undefined
}

/** Of `host`, `host:port`, `[v6]:port` or a multiaddr over TCP; undefined for anything else. */
export function seedPlace(written: string): SeedPlace | undefined {
  if (written.startsWith('/')) {
    const [, kind, host, port] =
      /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/([0-9]{1,5})(?:\/p2p\/[A-Za-z0-9]+)?$/.exec(
        written,
      ) ?? []
    if (host === undefined || port === undefined) return undefined
    const fits =
      kind === 'ip4' ? isIP(host) === 4 : kind === 'ip6' ? isIP(host) === 6 : isHost(host)
    return fits ? placeAt(host, port) : undefined
  }
  if (isIP(written) !== 0) return placeAt(written, undefined)
  const [, bracketed, bracketedPort] = /^\[(.+)\](?::([0-9]{1,5}))?$/.exec(written) ?? []
  if (bracketed !== undefined) {
    return isIP(bracketed) === 6 ? placeAt(bracketed, bracketedPort) : undefined
  }
  const [host = '', port, ...rest] = written.split(':')
  return rest.length === 0 && isHost(host) ? placeAt(host, port) : undefined
}

function placeAt(host: string, written: string | undefined): SeedPlace | undefined {
  if (written === undefined) return { host, port: undefined }
  const port = Number(written)
  return /^[0-9]{1,5}$/.test(written) && port >= 1 && port <= 65_535 ? { host, port } : undefined
}

/** A host name (RFC 1123, underscores allowed) or an IPv4 address; `10.0.0` and `1.2.3.4.5` are neither. */
const isHost = (written: string): boolean =>
  written.length <= 253 &&
  /^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$/.test(
    written,
  ) &&
  (!/^[0-9.]+$/.test(written) || isIP(written) === 4)
