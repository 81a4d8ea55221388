/** Seeded randomness in independent streams: equal seeds give equal numbers, on every machine. */

export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** sfc32 by Chris Doty-Humphrey: small, fast, passes PractRand. Only its first numbers depend weakly on the seed. */
  constructor(seed: number) {
    this.#a = seed >>> 0
    this.#b = Math.floor(seed / 2 ** 32) >>> 0
    this.#c = 0x9e3779b9
    for (let turn = 0; turn < 16; turn += 1) this.#word()
  }

  /** A stream of its own: what is drawn from it moves nothing in this one. */
  fork(): Random {
    return new Random(this.#word() * 2 ** 21 + (this.#word() >>> 11))
  }

  /** In [0, 1). */
  next(): number {
    return this.#word() / 2 ** 32
  }

  between(min: number, max: number): number {
    return min + this.next() * (max - min)
  }

  /** A natural number below `count`. */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256))
  }

  shuffled<T>(items: readonly T[]): T[] {
    return this.sample(items, items.length)
  }

  /** At most `count` of the items, in random order. */
  sample<T>(items: readonly T[], count: number): T[] {
    const rest = [...items]
    const drawn: T[] = []
    while (rest.length > 0 && drawn.length < count) {
      const at = this.below(rest.length)
      const [item, last] = [rest[at], rest.pop()] as [T, T]
      drawn.push(item)
      if (at < rest.length) rest[at] = last
    }
    return drawn
  }

  #word(): number {
    const word = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + word
    return word >>> 0
  }
}
