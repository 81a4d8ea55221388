/** The types of written values: each turns text into what it means, or says what is wrong with it. */

import * as z from 'zod'
import {
  type Address,
  type Family,
  isLoopback,
  isUnroutable,
  parseAddress,
} from '../core/ip/address.ts'
import { type Prefix, parseInterface, parsePrefix } from '../core/ip/prefix.ts'
import { parseReserve, type Reserve } from '../core/ipam/reserve.ts'
import { seedPlace } from './seed.ts'

export type TextType<T> = z.ZodType<T, string>

/** What a zod issue of these types carries besides its message. */
export interface IssueParams {
  readonly mend: string
}

export const integer = (min: number, max: number): TextType<number> =>
  text((written) => {
    const value = /^[0-9]{1,15}$/.test(written) ? Number(written) : Number.NaN
    if (value >= min && value <= max) return { value }
    return wrong('is out of bounds or no whole number', `write a number from ${min} to ${max}`)
  })

/** Whole milliseconds, or a number with a unit: `600`, `250ms`, `30s`, `5m`, `12h`, `7d`. */
export const duration = (minMs: number, maxMs: number): TextType<number> =>
  text((written) => {
    const [, amount, unit] = /^([0-9]{1,15})(ms|s|m|h|d)?$/.exec(written) ?? []
    if (amount === undefined) {
      return wrong('is no duration', 'write milliseconds (600) or a unit: 250ms, 30s, 5m, 12h, 7d')
    }
    const value = Number(amount) * unitsMs[(unit ?? 'ms') as keyof typeof unitsMs]
    if (value >= minMs && value <= maxMs) return { value }
    return wrong('is out of bounds', `write ${printMs(minMs)} to ${printMs(maxMs)}`)
  })

export const oneOf = <const T extends string>(...words: readonly T[]): TextType<T> =>
  text((written) => {
    const value = words.find((word) => word === written)
    return value === undefined
      ? wrong('is not known here', `write one of ${words.join(', ')}`)
      : { value }
  })

export const truth: TextType<boolean> = text((written) =>
  written === 'true' || written === 'false'
    ? { value: written === 'true' }
    : wrong('is neither true nor false', 'write true or false'),
)

/** As of a switch, whose flag alone is `true`. */
export const onOffAuto: TextType<'on' | 'off' | 'auto'> = text((written) => {
  if (written === 'true' || written === 'on') return { value: 'on' }
  if (written === 'false' || written === 'off') return { value: 'off' }
  return written === 'auto'
    ? { value: 'auto' }
    : wrong('is not known here', 'write on, off or auto')
})

/** A name that is safe in logs, tables and file names. */
export const label = (lengthMax: number): TextType<string> =>
  text((written) =>
    written.length <= lengthMax && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(written)
      ? { value: written }
      : wrong(
          'is no usable name',
          `write 1 to ${lengthMax} letters, digits, dots, dashes and underscores, a letter or digit first`,
        ),
  )

/** What the kernel accepts as the name of a network interface. */
export const interfaceName: TextType<string> = text((written) =>
  /^[^\s/:]{1,15}$/.test(written) && written !== '.' && written !== '..'
    ? { value: written }
    : wrong(
        'is no name of a network interface',
        'write 1 to 15 characters without spaces, slashes and colons',
      ),
)

export const absolutePath = (bytesMax: number): TextType<string> =>
  text((written) => pathOf(written, bytesMax))

/** Docker looks for no other files in its directory of plugins. `none` is undefined. */
export const pluginSocket = text<string | undefined>((written) => {
  if (written === 'none') return { value: undefined }
  const path = pathOf(written, 107)
  if ('mend' in path || /[^/]\.sock$/.test(path.value)) return path
  return wrong('does not end in .sock', 'write /run/docker/plugins/starling.sock')
})

/** Of an operator, as `starling admin init` prints it. */
export const operatorKey: TextType<string> = text((written) =>
  /^starling-operator:[A-Za-z0-9_-]{43}$/.test(written)
    ? { value: written }
    : wrong('is no key of an operator', 'write what starling admin init printed'),
)

/** What `starling admin token` prints. */
export const joinToken: TextType<string> = text((written) =>
  /^starling-token:[A-Za-z0-9_-]{1,4096}$/.test(written)
    ? { value: written }
    : wrong('is no join token', 'write what starling admin token printed'),
)

/** 32 bytes in hex, in lower case. */
export const key: TextType<string> = text((written) =>
  /^[0-9a-fA-F]{64}$/.test(written)
    ? { value: written.toLowerCase() }
    : wrong('is not 64 hex digits', 'make one with: openssl rand -hex 32'),
)

export const prefix: TextType<Prefix> = text(prefixOf)

/** A prefix whose length lies within the bounds of its family. */
export const prefixWithin = (
  bounds: Readonly<Record<Family, readonly [number, number]>>,
): TextType<Prefix> =>
  text((written) => {
    const result = prefixOf(written)
    if ('mend' in result) return result
    const [min, max] = bounds[result.value.family]
    if (result.value.length < min) {
      return wrong('is too broad', `IPv${result.value.family} may have /${min} to /${max} here`)
    }
    if (result.value.length > max) {
      return wrong('is too narrow', `IPv${result.value.family} may have /${min} to /${max} here`)
    }
    return result
  })

/** As it was written, too: it has no other text. */
export type WrittenReserve = Reserve & { readonly text: string }

/** Addresses that are given only to who asks for them. */
export const reserveText: TextType<WrittenReserve> = text((written) => {
  const reserve = parseReserve(written)
  return reserve
    ? { value: { ...reserve, text: written } }
    : wrong(
        'is no range of addresses',
        'write an address, a prefix, first-last, or offsets into the subnet: +10, +10-+20',
      )
})

export interface Endpoint {
  readonly host: Address
  readonly port: number
  readonly text: string
}

/** `127.0.0.1:9000`, `[::1]:9000`. */
export const endpoint: TextType<Endpoint> = text((written) => {
  const [, v6, v4, portText] = /^(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})$/.exec(written) ?? []
  const host = parseAddress(v6 ?? v4 ?? '')
  const port = Number(portText)
  return host && port >= 1 && port <= 65_535
    ? { value: { host, port, text: written } }
    : wrong('is no address with a port', 'write 127.0.0.1:9000 or [::1]:9000')
})

/** An address to listen on: one of this host, or 0.0.0.0 or :: for all. */
export const listenAddress: TextType<Address> = text((written) => {
  const value = parseAddress(written)
  if (!value) return wrong('is not an IP address', 'write 0.0.0.0, :: or an address of this host')
  return value.value !== 0n && isUnroutable(value) && !isLoopback(value)
    ? wrong('cannot be listened on', 'write 0.0.0.0, :: or an address of this host')
    : { value }
})

/** An address that other hosts can send packets to. */
export const nextHopAddress: TextType<Address> = text((written) => {
  const value = parseAddress(written)
  if (!value)
    return wrong('is not an IP address', 'write an address of this host, without a length')
  return isUnroutable(value)
    ? wrong('is not reachable from other hosts', 'write an address of this host on the shared link')
    : { value }
})

/** Where a peer may be found: a host, `host:port`, `[v6]:port` or a multiaddr. */
export const seedText: TextType<string> = text((written) =>
  seedPlace(written)
    ? { value: written }
    : wrong(
        'is no seed',
        'write host, host:port, [v6 address]:port or a multiaddr such as /ip4/10.0.1.70/tcp/7871',
      ),
)

type Parsed<T> = { readonly value: T } | { readonly message: string; readonly mend: string }

function text<T>(parse: (written: string) => Parsed<T>): TextType<T> {
  return z.string().transform((written, context) => {
    const result = parse(written)
    if ('value' in result) return result.value
    context.addIssue({
      code: 'custom',
      message: result.message,
      params: { mend: result.mend } satisfies IssueParams,
    })
    return z.NEVER
  })
}

const wrong = (message: string, mend: string) => ({ message, mend })

function pathOf(written: string, bytesMax: number): Parsed<string> {
  if (!written.startsWith('/')) return wrong('is not absolute', 'write a path that starts with /')
  if (written.includes('\0')) return wrong('contains a NUL byte', 'remove it')
  const bytes = Buffer.byteLength(written)
  if (bytes <= bytesMax) return { value: written }
  return wrong(`has ${bytes} bytes`, `write a path of at most ${bytesMax} bytes`)
}

function prefixOf(written: string): Parsed<Prefix> {
  const value = parsePrefix(written)
  if (value) return { value }
  const canonical = parseInterface(written)?.prefix
  if (canonical) return wrong('has host bits set', `write ${canonical.text}`)
  return wrong('is no prefix', 'write address/length, such as 10.0.0.0/8 or fd00:10::/40')
}

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** The largest unit that divides it evenly: 90000 is `90s`. */
function printMs(ms: number): string {
  const unit = (['d', 'h', 'm', 's'] as const).find((name) => ms > 0 && ms % unitsMs[name] === 0)
  return unit ? `${ms / unitsMs[unit]}${unit}` : `${ms}ms`
}
