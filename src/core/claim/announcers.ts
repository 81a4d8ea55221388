/** Which nodes announce each extra prefix. */

import type { Prefix } from '../ip/prefix.ts'
import { PrefixTrie } from '../ip/prefix-trie.ts'
import type { NodeId } from './record.ts'

export interface Announced {
  readonly prefix: Prefix
  readonly nodes: Set<NodeId>
}

export class Announcers {
  readonly #announced = new PrefixTrie<Announced>()

  of(prefix: Prefix): ReadonlySet<NodeId> {
    return this.#announced.get(prefix)?.nodes ?? nobody
  }

  /** Those that contain `prefix`, itself excepted. */
  broader(prefix: Prefix): Announced[] {
    return [...this.#announced.covering(prefix)].filter((each) => each.prefix.text !== prefix.text)
  }

  /** Those that share an address with `prefix`. */
  overlapping(prefix: Prefix): Prefix[] {
    return [...this.#announced.overlapping(prefix)].map((each) => each.prefix)
  }

  /** Replaces what `origin` announces. Returns the prefixes that were touched. */
  update(
    origin: NodeId,
    change: { before: readonly Prefix[]; after: readonly Prefix[] },
  ): readonly Prefix[] {
    for (const prefix of change.before) {
      const nodes = this.#announced.get(prefix)?.nodes
      nodes?.delete(origin)
      if (nodes?.size === 0) this.#announced.delete(prefix)
    }
    for (const prefix of change.after) {
      const announced = this.#announced.get(prefix) ?? { prefix, nodes: new Set() }
      announced.nodes.add(origin)
      this.#announced.set(prefix, announced)
    }
    return [...change.before, ...change.after]
  }
}

const nobody: ReadonlySet<NodeId> = new Set()
