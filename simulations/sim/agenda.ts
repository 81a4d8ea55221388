/** What is still to happen, in order of (at, seq): two things at one moment happen in the order they were planned. */

import type { Millis } from '../../src/core/rng.ts'

export interface Planned {
  readonly at: Millis
  readonly seq: number
  readonly action: () => void
}

/** A binary heap. */
export class Agenda {
  readonly #heap: Planned[] = []

  get first(): Planned | undefined {
    return this.#heap[0]
  }

  add(planned: Planned): void {
    const heap = this.#heap
    let hole = heap.length
    heap.push(planned)
    while (hole > 0) {
      const above = (hole - 1) >> 1
      const parent = heap[above]
      if (!parent || isBefore(parent, planned)) break
      heap[hole] = parent
      hole = above
    }
    heap[hole] = planned
  }

  take(): Planned | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let hole = 0
    for (;;) {
      const left = 2 * hole + 1
      const [a, b] = [heap[left], heap[left + 1]]
      if (!a) break
      const [child, below] = b && isBefore(b, a) ? [b, left + 1] : [a, left]
      if (isBefore(last, child)) break
      heap[hole] = child
      hole = below
    }
    heap[hole] = last
    return first
  }
}

const isBefore = (a: Planned, b: Planned): boolean =>
  a.at < b.at || (a.at === b.at && a.seq < b.seq)
