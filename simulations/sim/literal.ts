/** Prefixes and addresses as scenarios write them: a malformed one is a bug of the scenario. */

import { invariant } from '../../src/core/invariant.ts'
import { type Address, parseAddress } from '../../src/core/ip/address.ts'
import { type Prefix, parsePrefix } from '../../src/core/ip/prefix.ts'

export function prefixFrom(text: string): Prefix {
  const parsed = parsePrefix(text)
  invariant(parsed !== undefined, `${text} is a prefix`)
  return parsed
}

export function addressFrom(text: string): Address {
  const parsed = parseAddress(text)
  invariant(parsed !== undefined, `${text} is an address`)
  return parsed
}
