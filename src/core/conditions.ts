/** Problems that last: each is told once when it begins, and shown in the view until it ends. */

import type { Problem, ProblemCode } from './problem.ts'

export class Conditions {
  readonly #standing = new Map<string, Problem>()

  /** Returns the note if the condition is new or reads otherwise than before. */
  begin(key: string, note: Problem): Problem[] {
    const before = this.#standing.get(key)
    this.#standing.set(key, note)
    return before && sameFacts(before, note) ? [] : [note]
  }

  end(key: string): void {
    this.#standing.delete(key)
  }

  has(key: string): boolean {
    return this.#standing.has(key)
  }

  /** Those with this code, by ascending key. */
  of<C extends ProblemCode>(code: C): Extract<Problem, { code: C }>[] {
    return this.all().filter((note): note is Extract<Problem, { code: C }> => note.code === code)
  }

  /** Of those whose key begins so. */
  count(prefix: string): number {
    let count = 0
    for (const key of this.#standing.keys()) if (key.startsWith(prefix)) count += 1
    return count
  }

  /** By ascending key. */
  all(): Problem[] {
    return [...this.#standing].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, note]) => note)
  }
}

function sameFacts(a: Problem, b: Problem): boolean {
  const facts = new Map<string, unknown>(Object.entries(a))
  return Object.entries(b).every(([name, value]) => String(facts.get(name)) === String(value))
}
