/** What each peer may cost: known nodes have an account each, strangers share one by the address that they come from. */

import QuickLRU from 'quick-lru'
import type { Body, NodeId } from '../../core/claim/record.ts'
import type { Millis } from '../../core/rng.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Bearer } from '../../wire/verified.ts'
import { Bucket, type Rate } from './bucket.ts'

export interface Allowances {
  /** Entries, and papers of an operator, whose signature is checked: 75 us each. */
  readonly checks: Rate
  /** Nodes that nobody here has heard of. */
  readonly identities: Rate
  /** Entries with a signature that is not their author's. No agent passes one on. */
  readonly forgeries: Rate
  /** How long who had more of them stays out. */
  readonly disgraceMs: Millis
}

/** A newcomer hears of a cluster of a thousand nodes at once, and of one of four thousand within minutes. */
export const allowances: Allowances = {
  checks: { burst: 8_192, perMinute: 8_192 },
  identities: { burst: 1_024, perMinute: 1_024 },
  forgeries: { burst: 3, perMinute: 3 },
  disgraceMs: 60_000,
}

/** Beyond it who was quiet longest is forgotten, and begins anew. */
const accountsMax = 4_096

export class Account implements Bearer {
  readonly #host: AccountsHost
  readonly #allowances: Allowances
  readonly #checks: Bucket
  readonly #identities: Bucket
  readonly #forgeries: Bucket
  #disgracedUntil: Millis = Number.NEGATIVE_INFINITY

  constructor(host: AccountsHost, given: Allowances) {
    const now = host.clock.now()
    this.#host = host
    this.#allowances = given
    this.#checks = new Bucket(given.checks, now)
    this.#identities = new Bucket(given.identities, now)
    this.#forgeries = new Bucket(given.forgeries, now)
  }

  get isDisgraced(): boolean {
    return this.#host.clock.now() < this.#disgracedUntil
  }

  mayBring({ origin }: Body, signatures: number): boolean {
    const now = this.#host.clock.now()
    if (now < this.#disgracedUntil) return false
    if (!this.#host.knows(origin) && !this.#identities.use(1, now)) return false
    return this.#checks.use(signatures, now)
  }

  /** Of what is not an entry: papers of the operator. False: it used up what it may bring. */
  mayBringSigned(count: number): boolean {
    return !this.isDisgraced && this.#checks.use(count, this.#host.clock.now())
  }

  broughtForgery(): void {
    const now = this.#host.clock.now()
    if (!this.#forgeries.use(1, now)) this.#disgracedUntil = now + this.#allowances.disgraceMs
  }
}

export interface AccountsHost {
  readonly clock: Clock
  /** Whether this node has a record of that one. */
  readonly knows: (node: NodeId) => boolean
}

export class Accounts {
  readonly #host: AccountsHost
  readonly #allowances: Allowances
  readonly #accounts = new QuickLRU<string, Account>({ maxSize: accountsMax })

  constructor(host: AccountsHost, given: Allowances = allowances) {
    this.#host = host
    this.#allowances = given
  }

  of(peer: NodeId, address: string): Account {
    const key = this.#host.knows(peer) ? peer : address
    const known = this.#accounts.get(key)
    if (known) return known
    const account = new Account(this.#host, this.#allowances)
    this.#accounts.set(key, account)
    return account
  }
}
