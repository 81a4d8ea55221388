/** What was decoded and verified lately: in a burst the same entry comes from many peers, and few authors speak often. */

import QuickLRU from 'quick-lru'
import type { Entry } from '../core/claim/record.ts'
import { Parsed } from './parsed.ts'
import { type Author, authorOf } from './signature.ts'

/** About a KiB each. */
const entriesMax = 512
const authorsMax = 512

export class Verified {
  readonly parsed = new Parsed()
  readonly #entries = new QuickLRU<string, Entry>({ maxSize: entriesMax })
  readonly #authors = new QuickLRU<string, Author>({ maxSize: authorsMax })

  /** `hash` is that of the whole envelope, signature included. */
  entry(hash: string): Entry | undefined {
    return this.#entries.get(hash)
  }

  add(entry: Entry): void {
    this.#entries.set(entry.hash, entry)
  }

  author(publicKey: Uint8Array): Author {
    const name = Buffer.from(publicKey).toString('latin1')
    const known = this.#authors.get(name)
    if (known) return known
    const author = authorOf(publicKey)
    this.#authors.set(name, author)
    return author
  }
}
