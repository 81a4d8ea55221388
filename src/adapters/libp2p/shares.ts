/** Places that are shared out among addresses: whoever has most of them gives way, so that no address takes them all. */

export interface SharesLimits {
  /** Places in all. */
  readonly most: number
  /** Places of one address. */
  readonly mostEach: number
  /** Which of an address's holders loses its place, the one that came first or the one that came last. */
  readonly loser: 'first' | 'last'
}

/** `displaced` held a place and holds it no more. */
export interface Placed<T> {
  readonly admitted: boolean
  readonly displaced: T | undefined
}

const refused = { admitted: false, displaced: undefined } as const

export class Shares<T extends object> {
  readonly #limits: SharesLimits
  /** In order of arrival, by address. */
  readonly #holders = new Map<string, Set<T>>()
  readonly #addresses = new Map<T, string>()

  constructor(limits: SharesLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#addresses.size
  }

  holders(): Iterable<T> {
    return this.#addresses.keys()
  }

  take(address: string, holder: T): Placed<T> {
    const { most, mostEach, loser } = this.#limits
    const own = this.#holders.get(address)?.size ?? 0
    if (own >= mostEach || (this.size >= most && own >= this.#largest().size)) {
      if (loser === 'last' || own === 0) return refused
      return this.#replace(address, { from: address, holder })
    }
    if (this.size >= most) return this.#replace(address, { from: this.#largest().address, holder })
    this.#add(address, holder)
    return { admitted: true, displaced: undefined }
  }

  free(holder: T): void {
    const address = this.#addresses.get(holder)
    if (address === undefined) return
    this.#addresses.delete(holder)
    const own = this.#holders.get(address)
    own?.delete(holder)
    if (own?.size === 0) this.#holders.delete(address)
  }

  #add(address: string, holder: T): void {
    const own = this.#holders.get(address) ?? new Set()
    own.add(holder)
    this.#holders.set(address, own)
    this.#addresses.set(holder, address)
  }

  #replace(address: string, { from, holder }: { from: string; holder: T }): Placed<T> {
    const candidates = [...(this.#holders.get(from) ?? [])]
    const displaced = this.#limits.loser === 'first' ? candidates[0] : candidates.at(-1)
    if (displaced) this.free(displaced)
    this.#add(address, holder)
    return { admitted: true, displaced }
  }

  #largest(): { readonly address: string; readonly size: number } {
    let largest = { address: '', size: 0 }
    for (const [address, { size }] of this.#holders) {
      if (size > largest.size) largest = { address, size }
    }
    return largest
  }
}
