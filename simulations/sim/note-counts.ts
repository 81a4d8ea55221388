/** How often agents told of something. */

import type { Note } from '../../src/core/note.ts'

export class NoteCounts {
  readonly #counts: Map<Note['code'], number>

  constructor(codes: readonly Note['code'][]) {
    this.#counts = new Map(codes.map((code) => [code, 0]))
  }

  count({ code }: Note): void {
    const before = this.#counts.get(code)
    if (before !== undefined) this.#counts.set(code, before + 1)
  }

  of(code: Note['code']): number {
    return this.#counts.get(code) ?? 0
  }
}
