/** Who reaches whom: partitions, hosts without power, lines that carry one way, and hosts that are slow to be reached. */

import type { NodeId } from '../../src/core/claim/record.ts'
import type { Millis } from '../../src/core/rng.ts'

export class Lines {
  readonly #groups = new Map<NodeId, number>()
  readonly #dark = new Set<NodeId>()
  /** Of whom what one says does not reach the other, as `sender>receiver`. */
  readonly #muted = new Set<string>()
  /** How much later what a host sends and gets comes. */
  readonly #clogged = new Map<NodeId, Millis>()

  power(id: NodeId, isOn: boolean): void {
    if (isOn) this.#dark.delete(id)
    else this.#dark.add(id)
  }

  isDark(id: NodeId): boolean {
    return this.#dark.has(id)
  }

  mute(senders: readonly NodeId[], receivers: readonly NodeId[]): void {
    for (const sender of senders) {
      for (const receiver of receivers) {
        if (sender !== receiver) this.#muted.add(`${sender}>${receiver}`)
      }
    }
  }

  unmute(): void {
    this.#muted.clear()
  }

  clog(id: NodeId, extraMs: Millis): void {
    if (extraMs > 0) this.#clogged.set(id, extraMs)
    else this.#clogged.delete(id)
  }

  extraMs(id: NodeId): Millis {
    return this.#clogged.get(id) ?? 0
  }

  /** Nodes in different groups cannot reach each other. Those that are not named are in group 0. */
  partition(groups: ReadonlyMap<NodeId, number>): void {
    this.#groups.clear()
    for (const [id, group] of groups) this.#groups.set(id, group)
  }

  heal(): void {
    this.#groups.clear()
  }

  groupOf(id: NodeId): number {
    return this.#groups.get(id) ?? 0
  }

  /** Both ways, as a connection needs it. */
  reaches(a: NodeId, b: NodeId): boolean {
    return this.hears(a, b) && !this.#muted.has(`${b}>${a}`)
  }

  /** Whether what is sent arrives, over a connection that there is. */
  hears(from: NodeId, to: NodeId): boolean {
    return this.#isLinked(from, to) && !this.#muted.has(`${from}>${to}`)
  }

  #isLinked(a: NodeId, b: NodeId): boolean {
    if (this.#dark.has(a) || this.#dark.has(b)) return false
    return this.groupOf(a) === this.groupOf(b)
  }
}
