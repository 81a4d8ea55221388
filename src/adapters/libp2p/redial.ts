/** When to try what again: each task at once, then ever more rarely up to every 10 s, for ever. */

import type { Millis, Rng } from '../../core/rng.ts'
import type { Clock } from '../../ports/clock.ts'

export interface RedialTask {
  readonly key: string
  /** How long a task that succeeded rests before it is tried again; Infinity: until it is woken. */
  readonly restMs: number
  /** Never rejects. True: there is nothing left to dial. */
  attempt(): Promise<boolean>
}

interface Standing {
  readonly task: RedialTask
  failures: number
  dueAt: Millis
  running: boolean
  /** Woken while running: whatever the attempt says is out of date. */
  woken: boolean
}

const backoffMsMin = 250
const backoffMsMax = 10_000
/** A link that lived shorter than this counts as a failure, or a peer that drops us at once would be dialled in a loop. */
const livedMsMin = 10_000

export class Redial {
  readonly #clock: Clock
  readonly #rng: Rng
  readonly #tasks = new Map<string, Standing>()
  #cancel: (() => void) | undefined
  #stopped = false

  constructor(clock: Clock, rng: Rng) {
    this.#clock = clock
    this.#rng = rng
  }

  /** The first attempt is at once. A task of the same key takes the place, and the backoff is forgotten. */
  add(task: RedialTask): void {
    const dueAt = this.#clock.now()
    this.#tasks.set(task.key, { task, failures: 0, dueAt, running: false, woken: false })
    this.#arm()
  }

  remove(key: string): void {
    this.#tasks.delete(key)
  }

  /** What the task had reached was lost after `livedMs`: it is due again, not before `pauseMs`. */
  wake(key: string, { livedMs, pauseMs }: { livedMs: number; pauseMs: number }): void {
    const standing = this.#tasks.get(key)
    if (!standing) return
    standing.failures = livedMs >= livedMsMin ? 0 : standing.failures + 1
    standing.woken = standing.running
    const dueAt = this.#clock.now() + Math.max(pauseMs, this.#backoffMs(standing.failures))
    standing.dueAt = Math.min(standing.dueAt, dueAt)
    this.#arm()
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
    this.#tasks.clear()
  }

  #arm(): void {
    this.#cancel?.()
    if (this.#stopped) return
    let earliest = Number.POSITIVE_INFINITY
    for (const { running, dueAt } of this.#tasks.values()) {
      if (!running) earliest = Math.min(earliest, dueAt)
    }
    this.#cancel = Number.isFinite(earliest)
      ? this.#clock.schedule(earliest, () => this.#run())
      : undefined
  }

  #run(): void {
    const now = this.#clock.now()
    for (const standing of this.#tasks.values()) {
      if (!standing.running && standing.dueAt <= now) void this.#try(standing)
    }
    this.#arm()
  }

  async #try(standing: Standing): Promise<void> {
    standing.running = true
    standing.woken = false
    standing.dueAt = Number.POSITIVE_INFINITY
    const done = await standing.task.attempt()
    standing.running = false
    const now = this.#clock.now()
    if (done && !standing.woken) {
      standing.dueAt = now + standing.task.restMs
    } else {
      if (!done) standing.failures += 1
      standing.dueAt = Math.min(standing.dueAt, now + this.#backoffMs(standing.failures))
    }
    this.#arm()
  }

  /** Jittered, so that a cluster that lost one node does not dial it in step. */
  #backoffMs(failures: number): number {
    const base = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.max(0, failures - 1))
    return base * (0.5 + this.#rng() / 2)
  }
}
