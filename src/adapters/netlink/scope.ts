/** Which route messages concern us, decided on their bytes so that the others cost nothing more. */

import type { Prefix } from '../../core/ip/prefix.ts'
import type { KernelScope } from '../../ports/kernel.ts'
import type { RouteFacts } from './route-message.ts'

/** A prefix as bytes; plain data, so that it can be told to the child process. */
export interface BytePrefix {
  readonly family: 4 | 6
  readonly length: number
  /** As many as the family's addresses have. */
  readonly bytes: readonly number[]
}

export interface ByteScope {
  readonly table: number
  readonly protocol: number
  readonly interest: readonly BytePrefix[]
}

export const byteScope = ({ table, protocol, interest }: KernelScope): ByteScope => ({
  table,
  protocol,
  interest: interest.map(bytePrefix),
})

/** At the bound the prefix that was found in the way first is forgotten: its removal then goes unseen until a resync. */
const watchedMax = 4_096

export class ScopeFilter {
  readonly #scope: ByteScope
  /** Tables that a rule leads to; undefined: nobody has read the rules, and every table may be one. */
  #tables: ReadonlySet<number> | undefined
  /** Prefixes outside the interest where an alien route was found in the way. */
  readonly #watched = new Set<string>()

  constructor(scope: ByteScope) {
    this.#scope = scope
  }

  set tables(tables: ReadonlySet<number>) {
    this.#tables = tables
  }

  admits(facts: RouteFacts): boolean {
    if (this.isOwned(facts)) return true
    const isLedTo = facts.table === this.#scope.table || (this.#tables?.has(facts.table) ?? true)
    if (!isLedTo) return false
    const { data } = facts.message
    const { family, length, destinationAt } = facts
    for (const prefix of this.#scope.interest) {
      if (prefix.family === family && isInside(prefix, data, destinationAt, length)) return true
    }
    return this.#watched.size > 0 && this.#watched.has(watchKeyOf(facts))
  }

  isOwned(facts: RouteFacts): boolean {
    return facts.protocol === this.#scope.protocol && facts.table === this.#scope.table
  }

  /** Its table, where that is not the agent's. */
  otherTable({ table }: RouteFacts): number | undefined {
    return table === this.#scope.table ? undefined : table
  }

  /** Whether it was not yet watched. */
  watch(key: string): boolean {
    if (this.#watched.has(key)) return false
    const [oldest] = this.#watched
    if (this.#watched.size >= watchedMax && oldest !== undefined) this.#watched.delete(oldest)
    this.#watched.add(key)
    return true
  }

  get watched(): readonly string[] {
    return [...this.#watched]
  }
}

/** How a prefix is told to `watch`. */
export function watchKey(prefix: Prefix): string {
  return textOf(Buffer.from(bytesOf(prefix)), prefix.length)
}

function watchKeyOf({ message, family, length, destinationAt }: RouteFacts): string {
  const bytes = family === 4 ? 4 : 16
  const address = destinationAt === 0 ? Buffer.alloc(bytes) : message.data
  return textOf(address.subarray(destinationAt, destinationAt + bytes), length)
}

const textOf = (address: Buffer, length: number): string => `${address.toString('hex')}/${length}`

/** Inside or equal. */
function isInside(outer: BytePrefix, data: Buffer, at: number, length: number): boolean {
  if (length < outer.length) return false
  if (at === 0) return outer.length === 0
  const whole = outer.length >> 3
  for (let index = 0; index < whole; index += 1) {
    if (data[at + index] !== outer.bytes[index]) return false
  }
  const rest = outer.length & 7
  if (rest === 0) return true
  const difference = (data[at + whole] ?? 0) ^ (outer.bytes[whole] ?? 0)
  return difference >> (8 - rest) === 0
}

const bytePrefix = (prefix: Prefix): BytePrefix => ({
  family: prefix.family,
  length: prefix.length,
  bytes: bytesOf(prefix),
})

function bytesOf({ family, first }: Prefix): number[] {
  const bytes: number[] = []
  for (let shift = family === 4 ? 24n : 120n; shift >= 0n; shift -= 8n) {
    bytes.push(Number((first >> shift) & 0xffn))
  }
  return bytes
}
