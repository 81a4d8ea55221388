/** Work of one key is done one after another, in the order in which it was asked for. */

export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Settles as `work` does, which begins when all earlier work of the key has ended, however it ended. */
  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const mine = (this.#last.get(key) ?? Promise.resolve()).then(work)
    const ended = mine
      .catch(() => undefined)
      .then(() => {
        if (this.#last.get(key) === ended) this.#last.delete(key)
      })
    this.#last.set(key, ended)
    return mine
  }
}
