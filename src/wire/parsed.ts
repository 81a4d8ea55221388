/** Prefixes and addresses by their text, parsed once: a node's record repeats nearly all texts of the one before. */

import QuickLRU from 'quick-lru'
import type { Address } from '../core/ip/address.ts'
import type { Prefix } from '../core/ip/prefix.ts'
import { canonicalAddress, canonicalPrefix } from './shape.ts'

/** A node has a few texts of its own, about 200 bytes each. */
const textsMax = 2_048

export class Parsed {
  readonly #prefixes = new QuickLRU<unknown, Prefix>({ maxSize: textsMax })
  readonly #addresses = new QuickLRU<unknown, Address>({ maxSize: textsMax })

  /** Throws MalformedError. */
  prefix(value: unknown, what: string): Prefix {
    return this.#prefixes.get(value) ?? keep(this.#prefixes, canonicalPrefix(value, what))
  }

  /** Throws MalformedError. */
  address(value: unknown, what: string): Address {
    return this.#addresses.get(value) ?? keep(this.#addresses, canonicalAddress(value, what))
  }
}

function keep<T extends { readonly text: string }>(among: QuickLRU<unknown, T>, parsed: T): T {
  among.set(parsed.text, parsed)
  return parsed
}
