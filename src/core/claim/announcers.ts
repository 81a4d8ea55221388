/** Which nodes announce each extra prefix. */

import type { Prefix } from '../ip/prefix.ts'
import type { NodeId } from './record.ts'

export class Announcers {
  readonly #byPrefix = new Map<string, Set<NodeId>>()

  of(prefix: Prefix): ReadonlySet<NodeId> {
    return this.#byPrefix.get(prefix.text) ?? nobody
  }

  /** Replaces what `origin` announces. Returns the prefixes that were touched. */
  update(
    origin: NodeId,
    change: { before: readonly Prefix[]; after: readonly Prefix[] },
  ): readonly Prefix[] {
    for (const prefix of change.before) {
      const nodes = this.#byPrefix.get(prefix.text)
      nodes?.delete(origin)
      if (nodes?.size === 0) this.#byPrefix.delete(prefix.text)
    }
    for (const prefix of change.after) {
      const nodes = this.#byPrefix.get(prefix.text) ?? new Set()
      this.#byPrefix.set(prefix.text, nodes.add(origin))
    }
    return [...change.before, ...change.after]
  }
}

const nobody: ReadonlySet<NodeId> = new Set()
