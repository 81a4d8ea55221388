/** Addresses and prefixes that a program has as text of its own; each throws where it is none. */

import { type Address, parseAddress } from '../src/core/ip/address.ts'
import { type Prefix, parsePrefix } from '../src/core/ip/prefix.ts'

export function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text)
  if (!prefix) throw new Error(`${text} is no prefix`)
  return prefix
}

export function addressOf(text: string): Address {
  const address = parseAddress(text)
  if (!address) throw new Error(`${text} is no address`)
  return address
}
