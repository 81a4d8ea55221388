/** A digest of a set of items that changes in O(1) when an item comes or goes: the XOR of their hashes, per bucket. */

import { syncLimits } from '../gossip/message.ts'

interface Sum {
  high: number
  low: number
}

export class Digest {
  readonly #buckets: Sum[] = Array.from({ length: syncLimits.buckets }, () => ({ high: 0, low: 0 }))
  readonly #root: Sum = { high: 0, low: 0 }
  /** Of the items that are present, by bucket. */
  readonly #ids: readonly Set<string>[] = this.#buckets.map(() => new Set())
  /** Asked for after every step; undefined: it changed since. */
  #rootText: string | undefined

  /** Adds an item that is absent, or takes one away that is present. */
  toggle(id: string, hash: string): void {
    const high = Number.parseInt(hash.slice(0, 8), 16)
    const low = Number.parseInt(hash.slice(8, 16), 16)
    this.#rootText = undefined
    const bucket = bucketOf(id)
    const ids = this.#ids[bucket]
    if (!ids?.delete(id)) ids?.add(id)
    for (const sum of [this.#root, this.#buckets[bucket]]) {
      if (!sum) continue
      sum.high = (sum.high ^ high) >>> 0
      sum.low = (sum.low ^ low) >>> 0
    }
  }

  get root(): string {
    this.#rootText ??= printed(this.#root)
    return this.#rootText
  }

  /** Of the items in a bucket. */
  ids(bucket: number): Iterable<string> {
    return this.#ids[bucket] ?? []
  }

  get buckets(): readonly string[] {
    return this.#buckets.map(printed)
  }
}

/** The bucket of an item, the same on every node. */
export const bucketOf = (id: string): number => fnv1a(id, 0x811c9dc5) % syncLimits.buckets

/** 16 hex digits over a text, for items that have no hash of their own. Not cryptographic. */
export const textHash = (text: string): string =>
  hex(fnv1a(text, 0x811c9dc5)) + hex(fnv1a(text, 0x9747b28c))

/** FNV-1a with 32 bits over UTF-16 code units; `basis` starts independent streams. */
export function fnv1a(text: string, basis: number): number {
  let hash = basis
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  // FNV's low bits mix poorly for short texts: one xorshift spreads them.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}

const printed = (sum: Sum): string => hex(sum.high) + hex(sum.low)
const hex = (word: number): string => word.toString(16).padStart(8, '0')
