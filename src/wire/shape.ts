/** Checks of decoded values: each returns the value as the type it should have, or throws MalformedError. */

import { type Address, parseAddress } from '../core/ip/address.ts'
import { type Prefix, parsePrefix } from '../core/ip/prefix.ts'

/** Caught by the decoders, which turn it into a value; it never leaves this folder. */
export class MalformedError extends Error {}

export function fail(what: string): never {
  throw new MalformedError(what)
}

export function map(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return fail(`${what} is not a map`)
  // msgpack extensions decode to dates, sets, errors: only a plain object is a map.
  return Object.getPrototypeOf(value) === Object.prototype
    ? (value as Record<string, unknown>)
    : fail(`${what} is not a map`)
}

export function list<T>(
  value: unknown,
  countMax: number,
  what: string,
  item: (value: unknown) => T,
): T[] {
  if (!Array.isArray(value)) return fail(`${what} is not a list`)
  if (value.length > countMax) return fail(`${what} has more than ${countMax} items`)
  return value.map((each) => item(each))
}

export function text(value: unknown, lengthMax: number, what: string): string {
  return typeof value === 'string' && value.length <= lengthMax
    ? value
    : fail(`${what} is not a text of at most ${lengthMax} characters`)
}

/** What a terminal obeys, hides or turns round has no place in a name: control, format and bidirectional characters. */
export function printable(value: unknown, lengthMax: number, what: string): string {
  const checked = text(value, lengthMax, what)
  return isPrintable(checked) ? checked : fail(`${what} is not printable`)
}

/** No control, format, bidirectional, private, unassigned or invisible character, and no line break. */
export const isPrintable = (value: string): boolean =>
  !/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u.test(value)

/** `/ip4/10.0.1.71/tcp/7871`: an address of its family and a port, in one spelling, and nothing else. */
export function dialable(value: unknown, what: string): string {
  const written = text(value, 64, what)
  const [, family, address, port] =
    /^\/ip([46])\/([0-9a-f.:]+)\/tcp\/([1-9][0-9]{0,4})$/.exec(written) ?? []
  const parsed = address === undefined ? undefined : parseAddress(address)
  const isPlain = parsed?.text === address && parsed?.family === Number(family)
  return isPlain && Number(port) < 65_536 ? written : fail(`${what} is no address and port`)
}

export function natural(value: unknown, what: string): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? value
    : fail(`${what} is not a natural number`)
}

export function flag(value: unknown, what: string): boolean {
  return typeof value === 'boolean' ? value : fail(`${what} is not a boolean`)
}

/** A copy: what msgpackr returns is a view of the received buffer. */
export function bytes(value: unknown, lengthMax: number, what: string): Uint8Array {
  if (!(value instanceof Uint8Array)) return fail(`${what} is not binary`)
  return value.length <= lengthMax ? new Uint8Array(value) : fail(`${what} is too long`)
}

export function canonicalPrefix(value: unknown, what: string): Prefix {
  const parsed = parsePrefix(text(value, 64, what))
  return parsed && parsed.text === value ? parsed : fail(`${what} is not a canonical prefix`)
}

export function canonicalAddress(value: unknown, what: string): Address {
  const parsed = parseAddress(text(value, 64, what))
  return parsed && parsed.text === value ? parsed : fail(`${what} is not a canonical address`)
}
