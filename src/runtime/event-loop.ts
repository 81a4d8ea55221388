/** The one loop round the core: steps every waiting event, then has the effects performed, then waits. */

import type { Effect } from '../core/effect.ts'
import type { Event } from '../core/event.ts'
import { invariant } from '../core/invariant.ts'
import type { Millis } from '../core/rng.ts'
import type { Clock } from '../ports/clock.ts'

/** What is looped round: the agent, or in a test anything with its contract. */
export interface Machine {
  step(event: Event, now: Millis): Effect[]
  nextDeadline(): { readonly at: Millis; readonly reason: string }
}

export interface LoopOptions {
  readonly machine: Machine
  readonly clock: Clock
  /** Performs the effects of one batch in order; the next batch waits for it. */
  readonly perform: (effects: readonly Effect[]) => Promise<void>
  /** The machine or a performance failed: nothing is stepped after it. */
  readonly failed: (error: unknown) => void
}

/** A deadline that is still due after so many steps is one that stepping does not satisfy: a bug. */
const deadlineStepsMax = 100

export class EventLoop {
  readonly #options: LoopOptions
  /** Bounded by its sources: each delivers what it has read, and reads under back-pressure or coalesces. */
  #waiting: Event[] = []
  #state: 'idle' | 'busy' | 'closed' = 'idle'
  #cancelTimer: () => void = () => undefined
  /** When the batch began that is under way. */
  #batchAt: Millis = 0
  /** What the timer is set for. */
  #armedFor: Millis = Number.POSITIVE_INFINITY

  constructor(options: LoopOptions) {
    this.#options = options
  }

  push(event: Event): void {
    if (this.#state === 'closed') return
    this.#waiting.push(event)
    if (this.#state === 'busy') return
    this.#state = 'busy'
    // Events of one tick make one batch, and the timer is armed once behind them.
    queueMicrotask(() => void this.#drain())
  }

  /** How long what is under way has taken so far, 0 where nothing is; undefined: nothing is stepped any more. */
  get busyMs(): number | undefined {
    if (this.#state === 'closed') return undefined
    return this.#state === 'idle' ? 0 : this.#options.clock.now() - this.#batchAt
  }

  /** Nothing is stepped any more. */
  close(): void {
    this.#state = 'closed'
    this.#waiting = []
    this.#cancelTimer()
  }

  async #drain(): Promise<void> {
    try {
      while (this.#state === 'busy' && (this.#waiting.length > 0 || this.#isDue())) {
        this.#batchAt = this.#options.clock.now()
        await this.#options.perform(this.#stepAll())
      }
    } catch (error) {
      this.close()
      this.#options.failed(error)
      return
    }
    if (this.#state === 'closed') return
    this.#state = 'idle'
    this.#arm()
  }

  #stepAll(): Effect[] {
    const { machine, clock } = this.#options
    const events = this.#waiting
    this.#waiting = []
    const effects: Effect[] = []
    for (const event of events)
      for (const effect of machine.step(event, clock.now())) effects.push(effect)
    for (let steps = 0; this.#isDue(); steps += 1) {
      invariant(
        steps < deadlineStepsMax,
        `a due deadline is satisfied: ${machine.nextDeadline().reason}`,
      )
      for (const effect of machine.step({ type: 'deadline' }, clock.now())) effects.push(effect)
    }
    return effects
  }

  #isDue(): boolean {
    return this.#options.machine.nextDeadline().at <= this.#options.clock.now()
  }

  #arm(): void {
    const { at } = this.#options.machine.nextDeadline()
    // Most events move no deadline.
    if (at === this.#armedFor) return
    this.#cancelTimer()
    this.#armedFor = at
    if (!Number.isFinite(at)) return
    this.#cancelTimer = this.#options.clock.schedule(at, () => {
      this.#armedFor = Number.POSITIVE_INFINITY
      if (this.#state !== 'idle') return
      this.#state = 'busy'
      void this.#drain()
    })
  }
}
