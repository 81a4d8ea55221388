/** Own writes that the monitor has not seen yet: they tell which notifications are older than what we wrote since. */

import { keyText } from '../../core/routing/fib-view.ts'
import type { KernelRoute } from '../../core/routing/route.ts'
import type { Written } from './route-writer.ts'

/** Reached only while the monitor stands still. At the bound the oldest are forgotten, and `knowsSince` says so. */
const resultsMax = 65_536

type Writes = Pick<Written, 'firstSeq' | 'results'>

interface Entry extends Writes {
  readonly lastSeq: number
  /** Made when the first question comes, which is rare: number of the last successful write to each key. */
  index: Map<string, { readonly seq: number; readonly added: boolean }> | undefined
}

export class Ledger {
  #entries: Entry[] = []
  #count = 0
  /** Number of the last own write that was forgotten before it was seen. */
  #forgotten: number | undefined

  record({ firstSeq, results }: Writes): void {
    const lastSeq = (firstSeq + results.length - 1) >>> 0
    this.#entries.push({ firstSeq, results, lastSeq, index: undefined })
    this.#count += results.length
    while (this.#count > resultsMax && this.#entries.length > 1) this.#forget()
  }

  /** The monitor saw the own write with this number, and so all before it. */
  seen(seq: number): void {
    while (this.#entries[0] && !isBefore(seq, this.#entries[0].lastSeq)) this.#drop()
    if (this.#forgotten !== undefined && !isBefore(seq, this.#forgotten))
      this.#forgotten = undefined
  }

  /** The monitor may have missed what is remembered here, and will never tell. */
  distrust(): void {
    while (this.#entries.length > 0) this.#forget()
  }

  get unseen(): number {
    return this.#count
  }

  /** Whether all own writes since `seq` are remembered, so that `supersedes` can judge. */
  knowsSince(seq: number): boolean {
    return this.#forgotten === undefined || !isBefore(seq, this.#forgotten)
  }

  /**
   * Whether a notification that came before own write `seq + 1` says nothing more. An own add that succeeded found the
   * key free; an own removal ends only what is owned.
   */
  supersedes(route: KernelRoute, seq: number): boolean {
    for (const entry of this.#entries) {
      if (!isBefore(seq, entry.lastSeq)) continue
      entry.index ??= indexOf(entry)
      const write = entry.index.get(keyText(route))
      if (write && isBefore(seq, write.seq) && (write.added || route.owned)) return true
    }
    return false
  }

  #forget(): void {
    this.#forgotten = this.#entries[0]?.lastSeq
    this.#drop()
  }

  #drop(): void {
    this.#count -= this.#entries.shift()?.results.length ?? 0
  }
}

function indexOf({ firstSeq, results }: Writes): Exclude<Entry['index'], undefined> {
  const index = new Map<string, { seq: number; added: boolean }>()
  for (const [position, { change, outcome }] of results.entries()) {
    if (outcome !== 'done') continue
    const seq = (firstSeq + position) >>> 0
    index.set(keyText(change.key), { seq, added: change.type === 'add' })
  }
  return index
}

/** Sequence numbers wrap. */
const isBefore = (a: number, b: number): boolean => ((a - b) | 0) < 0
