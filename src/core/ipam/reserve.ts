/** Addresses that are granted to whoever asks for them by name, and to nobody else. */

import { type Address, compareAddresses, type Family, parseAddress } from '../ip/address.ts'
import { type Prefix, parsePrefix } from '../ip/prefix.ts'

/** From `first` to `last`, both included. */
export type Reserve =
  | {
      readonly type: 'addresses'
      readonly family: Family
      readonly first: bigint
      readonly last: bigint
    }
  /** Counted from the first address of whatever subnet the node has. */
  | { readonly type: 'offsets'; readonly first: bigint; readonly last: bigint }

/** An address, a prefix, `first-last`, or one of them counted from the start of the subnet: `+10`, `+10-+20`. */
export function parseReserve(text: string): Reserve | undefined {
  const offsets = /^\+([0-9]{1,9})(?:-\+([0-9]{1,9}))?$/.exec(text)
  if (offsets) {
    const first = BigInt(offsets[1] ?? '')
    const last = BigInt(offsets[2] ?? offsets[1] ?? '')
    return first <= last ? { type: 'offsets', first, last } : undefined
  }
  const prefix = parsePrefix(text)
  if (prefix) return { type: 'addresses', ...prefix }
  const [first, last, ...rest] = text.split('-').map(parseAddress)
  if (!first || rest.length > 0) return undefined
  if (!text.includes('-')) return addresses(first, first)
  return last && last.family === first.family && compareAddresses(first, last) <= 0
    ? addresses(first, last)
    : undefined
}

/** The last address of the reserve that holds `value`; undefined: none does. */
export function reservedUntil(
  reserves: readonly Reserve[],
  subnet: Prefix,
  value: bigint,
): bigint | undefined {
  let until: bigint | undefined
  for (const reserve of reserves) {
    if (reserve.type === 'addresses' && reserve.family !== subnet.family) continue
    const base = reserve.type === 'offsets' ? subnet.first : 0n
    const last = base + reserve.last
    if (base + reserve.first <= value && value <= last && (until === undefined || until < last))
      until = last
  }
  return until
}

const addresses = (first: Address, last: Address): Reserve => ({
  type: 'addresses',
  family: first.family,
  first: first.value,
  last: last.value,
})
