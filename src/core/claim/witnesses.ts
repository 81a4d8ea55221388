/** What all nodes say they saw: of each contested prefix, who witnessed whom to hold it. */

import type { Prefix } from '../ip/prefix.ts'
import type { NodeId, Witnessed } from './record.ts'

export class Witnesses {
  /** By prefix, and by whom they saw hold it. */
  readonly #said = new Map<string, Map<NodeId, Set<NodeId>>>()

  /** Replaces what `witness` says. Returns the prefixes that are judged otherwise by it. */
  update(
    witness: NodeId,
    change: { before: readonly Witnessed[]; after: readonly Witnessed[] },
  ): Prefix[] {
    for (const { prefix, holder } of change.before) {
      const holders = this.#said.get(prefix.text)
      const said = holders?.get(holder)
      said?.delete(witness)
      if (said?.size === 0) holders?.delete(holder)
      if (holders?.size === 0) this.#said.delete(prefix.text)
    }
    for (const { prefix, holder } of change.after) {
      const holders = this.#said.get(prefix.text) ?? new Map<NodeId, Set<NodeId>>()
      holders.set(holder, (holders.get(holder) ?? new Set()).add(witness))
      this.#said.set(prefix.text, holders)
    }
    return [...change.before, ...change.after].map(({ prefix }) => prefix)
  }

  /** Nobody is a witness in its own cause. */
  count(prefix: Prefix, holder: NodeId): number {
    const said = this.#said.get(prefix.text)?.get(holder)
    return said ? said.size - Number(said.has(holder)) : 0
  }

  /** Whether what it says counts for the holder. */
  says(witness: NodeId, prefix: Prefix, holder: NodeId): boolean {
    return witness !== holder && this.#said.get(prefix.text)?.get(holder)?.has(witness) === true
  }

  /** Whom anybody saw hold the prefix, and who did. */
  holders(prefix: Prefix): Iterable<readonly [NodeId, ReadonlySet<NodeId>]> {
    return this.#said.get(prefix.text) ?? []
  }
}
