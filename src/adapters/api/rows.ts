/** The rows of a list, each made anew only where what it tells of has changed: the same object is the same row. */

interface Made<T, R> {
  readonly of: T
  readonly row: R
}

export class Rows<T extends object, R extends object> {
  #made: ReadonlyMap<string, Made<T, R>> = new Map()
  #context: object = {}

  /** At most `rowsMax`. `context`: what rows are made of besides their own part of the list. */
  of(
    list: readonly T[],
    context: object,
    { key, row }: { key: (each: T) => string; row: (each: T) => R },
  ): ReadonlyMap<string, R> {
    const before = sameFacts(this.#context, context) ? this.#made : undefined
    const made = new Map<string, Made<T, R>>()
    const rows = new Map<string, R>()
    for (const each of list) {
      if (rows.size >= rowsMax) break
      const name = key(each)
      const old = before?.get(name)
      const entry = old && sameFacts(old.of, each) ? old : { of: each, row: row(each) }
      made.set(name, entry)
      rows.set(name, entry.row)
    }
    this.#made = made
    this.#context = context
    return rows
  }
}

/** By their parts, and by those of their lists: what lies deeper is never changed, but replaced. */
function sameFacts(a: object, b: object): boolean {
  const before = a as Readonly<Record<string, unknown>>
  const after = b as Readonly<Record<string, unknown>>
  for (const name in after) {
    const [old, fact] = [before[name], after[name]]
    if (old === fact) continue
    if (!Array.isArray(old) || !Array.isArray(fact) || old.length !== fact.length) return false
    if (!fact.every((each, index) => each === old[index])) return false
  }
  return true
}

export const rowsMax = 8_192
