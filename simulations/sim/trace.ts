/** The ordered account of a run, kept as its hash: two runs with one hash did the same. */

import { createHash } from 'node:crypto'

export class Trace {
  readonly #hash = createHash('sha256')
  readonly #listener: (line: string) => void
  #lines = 0
  #buffered = ''

  constructor(listener: (line: string) => void = () => undefined) {
    this.#listener = listener
  }

  get lines(): number {
    return this.#lines
  }

  add(line: string): void {
    this.#lines += 1
    this.#buffered += line
    this.#buffered += '\n'
    if (this.#buffered.length > 65_536) this.#flush()
    this.#listener(line)
  }

  /** Of all lines so far. */
  get hash(): string {
    this.#flush()
    return this.#hash.copy().digest('hex')
  }

  #flush(): void {
    this.#hash.update(this.#buffered)
    this.#buffered = ''
  }
}
