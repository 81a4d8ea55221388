/** What is to be written of leases, in order, and who waits for it: one write at a time, for all that came meanwhile. */

import type { CommandResult, Effect } from '../effect.ts'
import type { Millis } from '../rng.ts'
import type { LeaseChange } from './lease.ts'
import { refuse } from './lease-result.ts'

/** How long a caller waits for the disk. */
const patienceMs = 2_000

export interface Waiting {
  readonly id: number
  readonly result: CommandResult
}

export interface Write {
  readonly changes: readonly LeaseChange[]
  /** Answered when it is durable, or cannot be made so. */
  readonly waiting: Waiting[]
  readonly dueAt: Millis
  done(): void
  undo(): void
}

export class LeaseWrites {
  #next: Write[] = []
  #underWay: readonly Write[] = []
  #dueAt: Millis = Number.POSITIVE_INFINITY
  #isSlow = false
  #effects: Effect[] = []

  /** The store has kept somebody waiting for too long, and has not answered since. */
  get isSlow(): boolean {
    return this.#isSlow
  }

  add(
    changes: readonly LeaseChange[],
    work: { waiting?: readonly Waiting[]; done?: () => void; undo?: () => void },
    now: Millis,
  ): Write {
    const { waiting = [], done = () => undefined, undo = () => undefined } = work
    const write = { changes, waiting: [...waiting], dueAt: now + patienceMs, done, undo }
    this.#next.push(write)
    if (waiting.length > 0) this.#dueAt = Math.min(this.#dueAt, write.dueAt)
    return write
  }

  /** Whoever comes again for the same waits for the same. */
  join(write: Write, waiting: Waiting): void {
    if (this.#isSlow) return this.answer(waiting.id, slow)
    write.waiting.push(waiting)
    this.#dueAt = Math.min(this.#dueAt, write.dueAt)
  }

  answer(id: number, result: CommandResult): void {
    this.#effects.push({ type: 'reply', id, result })
  }

  /**
   * The store's answer. Returns what is durable and whose callers were all told that it failed: they will never come
   * back for it.
   */
  written(error: string): readonly Write[] {
    const writes = this.#underWay
    this.#underWay = []
    this.#isSlow = false
    const unwanted = error === '' ? this.#finish(writes) : this.#fail(writes, error)
    this.#dueAt = firstDue(this.#next)
    return unwanted
  }

  nextDeadline(): Millis {
    return this.#dueAt
  }

  /** Nobody waits longer for the disk than this. What was reserved stays so until the store has answered. */
  expire(now: Millis): void {
    if (now < this.#dueAt) return
    this.#isSlow = true
    const all = [...this.#underWay, ...this.#next]
    for (const write of all) if (write.dueAt <= now) this.#reply(write, slow)
    this.#dueAt = firstDue(all)
  }

  /** `anew`: what is stored is put aside. */
  flush(anew: boolean): Effect[] {
    if (this.#underWay.length === 0 && this.#next.length > 0) {
      this.#underWay = this.#next
      this.#next = []
      const changes = this.#underWay.flatMap((write) => write.changes)
      this.#effects.push({ type: 'persist-leases', changes, anew })
    }
    return this.#effects.splice(0)
  }

  #finish(writes: readonly Write[]): readonly Write[] {
    const unwanted = writes.filter(({ waiting }) => waiting.length === 0)
    for (const write of writes) {
      write.done()
      this.#reply(write)
    }
    return unwanted
  }

  /** What was asked for later may rest on what failed: all of it is undone. */
  #fail(writes: readonly Write[], error: string): readonly Write[] {
    const all = [...writes, ...this.#next.splice(0)]
    for (const write of all.toReversed()) write.undo()
    const result = refuse('leases-unwritable', `the leases cannot be written: ${error}`)
    for (const write of all) this.#reply(write, result)
    return []
  }

  #reply({ waiting }: Write, instead?: CommandResult): void {
    for (const { id, result } of waiting.splice(0)) this.answer(id, instead ?? result)
  }
}

const firstDue = (writes: readonly Write[]): Millis =>
  writes.find(({ waiting }) => waiting.length > 0)?.dueAt ?? Number.POSITIVE_INFINITY

export const slow = refuse(
  'leases-slow',
  'the disk of the state directory does not answer: try again, and look at it if this stays',
)
