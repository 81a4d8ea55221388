/** What was decoded and verified lately: in a burst the same entry comes from many peers, and few authors speak often. */

import QuickLRU from 'quick-lru'
import type { Body, Entry } from '../core/claim/record.ts'
import { Parsed } from './parsed.ts'
import { Author } from './signature.ts'

/** About a KiB each. */
const entriesMax = 512
const authorsMax = 512

/** Who brought an entry, and pays for looking at it. */
export interface Bearer {
  /** Asked before so many signatures are checked. False: it used up what it may bring. */
  mayBring(body: Body, signatures: number): boolean
  /** The signature was not its author's. */
  broughtForgery(): void
}

export class Verified {
  readonly parsed = new Parsed()
  readonly #entries = new QuickLRU<string, Entry>({ maxSize: entriesMax })
  readonly #authors = new QuickLRU<string, Author>({ maxSize: authorsMax })

  /** `hash` is that of the whole envelope, signature included. */
  entry(hash: string): Entry | undefined {
    return this.#entries.get(hash)
  }

  /** `author` signed it: only now is either remembered, or forgeries would drive out who speaks indeed. */
  add(entry: Entry, author: Author): void {
    this.#entries.set(entry.hash, entry)
    this.#authors.set(nameOf(author.publicKey), author)
  }

  author(publicKey: Uint8Array): Author {
    return this.#authors.get(nameOf(publicKey)) ?? new Author(publicKey)
  }
}

const nameOf = (publicKey: Uint8Array): string => Buffer.from(publicKey).toString('latin1')
