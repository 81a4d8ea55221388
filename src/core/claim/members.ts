/** Node ids in ascending order, kept so as they come and go. */

import type { NodeId } from './record.ts'

export class Members {
  readonly #ids: NodeId[] = []

  get all(): readonly NodeId[] {
    return this.#ids
  }

  add(id: NodeId): void {
    const place = placeOf(id, this.#ids)
    if (this.#ids[place] !== id) this.#ids.splice(place, 0, id)
  }

  delete(id: NodeId): void {
    const place = placeOf(id, this.#ids)
    if (this.#ids[place] === id) this.#ids.splice(place, 1)
  }
}

/** Where it is among ascending ids, or would be. */
export function placeOf(id: NodeId, ids: readonly NodeId[]): number {
  let [low, high] = [0, ids.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const other = ids[middle]
    if (other !== undefined && other < id) low = middle + 1
    else high = middle
  }
  return low
}
