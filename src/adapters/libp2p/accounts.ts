/** What each peer may cost: known nodes have an account each, strangers share one by the address that they come from. */

import QuickLRU from 'quick-lru'
import type { Body, NodeId } from '../../core/claim/record.ts'
import type { Trouble } from '../../core/event.ts'
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

export const allowances: Allowances = {
  checks: { burst: 8_192, perMinute: 8_192 },
  identities: { burst: 1_024, perMinute: 1_024 },
  forgeries: { burst: 3, perMinute: 3 },
  disgraceMs: 60_000,
}

/**
 * Of whoever a node meets while it joins. It takes the first answer for the whole cluster, claims what is free in it, and
 * removes the routes of who is not in it: nothing of that answer may be dropped. A cluster is `nodesMax` nodes, and twice
 * as many that are gone and fences, which have two signatures each.
 */
export const allowancesOfJoining = (nodesMax: number): Allowances => ({
  ...allowances,
  checks: { ...allowances.checks, burst: 9 * nodesMax + allowances.checks.burst },
  identities: { ...allowances.identities, burst: 5 * nodesMax + allowances.identities.burst },
})

/** Beyond it who was quiet longest is forgotten, and begins anew. */
const accountsMax = 4_096

/** What a peer had more of than it may, for people. */
type Excess = 'forged signatures' | 'new nodes' | 'signatures to check'

export class Account implements Bearer {
  readonly #host: AccountsHost
  readonly #exceeds: (excess: Excess) => void
  readonly #allowances: Allowances
  readonly #checks: Bucket
  readonly #identities: Bucket
  readonly #forgeries: Bucket
  #disgracedUntil: Millis = Number.NEGATIVE_INFINITY

  constructor(host: AccountsHost, given: Allowances, exceeds: (excess: Excess) => void) {
    const now = host.clock.now()
    this.#host = host
    this.#exceeds = exceeds
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
    if (!this.#host.knows(origin) && !this.#identities.use(1, now)) {
      this.#exceeds('new nodes')
      return false
    }
    return this.#mayCheck(signatures, now)
  }

  /** Of what is not an entry: papers of the operator. False: it used up what it may bring. */
  mayBringSigned(count: number): boolean {
    return !this.isDisgraced && this.#mayCheck(count, this.#host.clock.now())
  }

  broughtForgery(): void {
    const now = this.#host.clock.now()
    if (this.#forgeries.use(1, now)) return
    this.#disgracedUntil = now + this.#allowances.disgraceMs
    this.#exceeds('forged signatures')
  }

  #mayCheck(signatures: number, now: Millis): boolean {
    const may = this.#checks.use(signatures, now)
    if (!may) this.#exceeds('signatures to check')
    return may
  }
}

export interface AccountsHost {
  readonly clock: Clock
  /** Whether this node has a record of that one. */
  readonly knows: (node: NodeId) => boolean
  /** Whether this node has not heard yet what the cluster is. */
  readonly joins: () => boolean
  /** How many nodes it may know. */
  readonly nodesMax: number
  readonly report: (trouble: Trouble) => void
}

/** Troubles that stand at once: addresses of strangers are many. */
const toldMax = 16
/** A flood is over once there was none for so long. */
const overMs = 60_000

export class Accounts {
  readonly #host: AccountsHost
  readonly #accounts = new QuickLRU<string, Account>({ maxSize: accountsMax })
  /** When each of those that are told of last had too much. */
  readonly #lastAt = new Map<string, Millis>()

  constructor(host: AccountsHost) {
    this.#host = host
  }

  of(peer: NodeId, address: string): Account {
    const key = this.#host.knows(peer) ? peer : address
    const known = this.#accounts.get(key)
    if (known) return known
    const subject = key === address ? address : `${peer} at ${address}`
    const { joins, nodesMax } = this.#host
    const given = joins() ? allowancesOfJoining(nodesMax) : allowances
    const account = new Account(this.#host, given, (excess) => this.#exceeded(subject, excess))
    this.#accounts.set(key, account)
    return account
  }

  #exceeded(subject: string, excess: Excess): void {
    const { clock, report } = this.#host
    const isTold = this.#lastAt.has(subject)
    if (!isTold && this.#lastAt.size >= toldMax) return
    this.#lastAt.set(subject, clock.now())
    if (isTold) return
    report({ code: 'peer-flooding', subject, reason: excess, active: true })
    this.#endLater(subject)
  }

  #endLater(subject: string): void {
    const { clock, report } = this.#host
    const at = (this.#lastAt.get(subject) ?? 0) + overMs
    clock.schedule(at, () => {
      if ((this.#lastAt.get(subject) ?? 0) + overMs > at) return this.#endLater(subject)
      this.#lastAt.delete(subject)
      report({ code: 'peer-flooding', subject, reason: '', active: false })
    })
  }
}
