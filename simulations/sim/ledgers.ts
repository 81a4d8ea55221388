/** What was said in each part of a network: one ledger while it is whole. */

import type { Entry } from '../../src/core/claim/record.ts'
import { Ledger } from './ledger.ts'

export class Ledgers {
  #byGroup = new Map<number, Ledger>([[0, new Ledger()]])

  of(group: number): Ledger {
    const ledger = this.#byGroup.get(group) ?? new Ledger()
    this.#byGroup.set(group, ledger)
    return ledger
  }

  all(): Iterable<readonly [number, Ledger]> {
    return this.#byGroup
  }

  /** From here on each group hears its own alone. */
  part(groups: number): void {
    const before = this.#joined()
    const parts = Array.from({ length: groups }, (_, group) => [group, copyOf(before)] as const)
    this.#byGroup = new Map(parts)
  }

  join(): void {
    this.#byGroup = new Map([[0, this.#joined()]])
  }

  /** Of each group remains what `storedBy` tells. */
  reduce(storedBy: (group: number) => Iterable<Entry>): void {
    for (const [group, ledger] of this.#byGroup) {
      this.#byGroup.set(group, ledger.reducedTo(storedBy(group)))
    }
  }

  #joined(): Ledger {
    const joined = new Ledger()
    for (const ledger of this.#byGroup.values()) joined.join(ledger)
    return joined
  }
}

function copyOf(ledger: Ledger): Ledger {
  const copy = new Ledger()
  copy.join(ledger)
  return copy
}
