/** How a phase of a scenario goes: its milestones in virtual time, and what it costs. */

import type { Note } from '../../src/core/note.ts'
import type { Millis } from '../../src/core/rng.ts'

/** How one phase went; times are virtual and counted from its beginning. */
export interface Phase {
  readonly name: string
  readonly firstClaimMs: Millis | undefined
  readonly allConfirmedMs: Millis | undefined
  readonly kernelsCompleteMs: Millis | undefined
  readonly settledMs: Millis
  /** Agents that ran at its end. */
  readonly hosts: number
  readonly work: Work
}

/** What all hosts together did. */
export interface Work {
  readonly gossipMessages: number
  readonly syncMessages: number
  readonly bytes: number
  /** Anti-entropy exchanges begun. */
  readonly probes: number
  readonly kernelWrites: number
}

export class PhaseInProgress {
  readonly #startedAt: Millis
  readonly #before: Work
  #firstClaimAt: Millis | undefined
  #lastConfirmedAt: Millis | undefined
  #lastApplyAt: Millis | undefined

  /** `before`: what was done until it began. */
  constructor(before: Work, now: Millis) {
    this.#before = before
    this.#startedAt = now
  }

  noted(note: Note, now: Millis): void {
    if (note.code === 'claim-tentative') this.#firstClaimAt ??= now
    if (note.code === 'claim-confirmed') this.#lastConfirmedAt = now
  }

  applied(now: Millis): void {
    this.#lastApplyAt = now
  }

  end(name: string, at: { readonly hosts: number; readonly work: Work }, now: Millis): Phase {
    const since = (moment: Millis | undefined) =>
      moment === undefined ? undefined : moment - this.#startedAt
    return {
      name,
      hosts: at.hosts,
      settledMs: now - this.#startedAt,
      firstClaimMs: since(this.#firstClaimAt),
      allConfirmedMs: since(this.#lastConfirmedAt),
      kernelsCompleteMs: since(this.#lastApplyAt),
      work: workSince(this.#before, at.work),
    }
  }
}

const workSince = (before: Work, after: Work): Work => ({
  gossipMessages: after.gossipMessages - before.gossipMessages,
  syncMessages: after.syncMessages - before.syncMessages,
  bytes: after.bytes - before.bytes,
  probes: after.probes - before.probes,
  kernelWrites: after.kernelWrites - before.kernelWrites,
})

export function sum<T>(items: Iterable<T>, of: (item: T) => number): number {
  let total = 0
  for (const item of items) total += of(item)
  return total
}
