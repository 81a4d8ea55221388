/** Kernel events as they came, and how to wait for one without sleeping. */

import type { KernelChange } from '../../src/core/routing/route.ts'
import type { KernelEvent } from '../../src/ports/kernel.ts'

const deadlineMs = 60_000

export class EventLog {
  readonly events: KernelEvent[] = []
  #wake: (() => void)[] = []

  readonly deliver = (event: KernelEvent): void => {
    this.events.push(event)
    const wake = this.#wake
    this.#wake = []
    for (const resolve of wake) resolve()
  }

  get changes(): KernelChange[] {
    return this.events.flatMap((event) => (event.type === 'kernel-changed' ? event.changes : []))
  }

  /** Forgets what came so far, so that the next wait is for something new. */
  clear(): void {
    this.events.length = 0
  }

  /** The first change that `wanted` accepts, past or to come. */
  change(what: string, wanted: (change: KernelChange) => boolean): Promise<KernelChange> {
    return this.#first(what, () => this.changes.find(wanted))
  }

  event(what: string, wanted: (event: KernelEvent) => boolean): Promise<KernelEvent> {
    return this.#first(what, () => this.events.find(wanted))
  }

  async #first<T>(what: string, find: () => T | undefined): Promise<T> {
    const expired = AbortSignal.timeout(deadlineMs)
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      await new Promise<void>((resolve, reject) => {
        const fail = () => reject(new Error(`no event within ${deadlineMs} ms: ${what}`))
        if (expired.aborted) return fail()
        expired.addEventListener('abort', fail, { once: true })
        this.#wake.push(() => {
          expired.removeEventListener('abort', fail)
          resolve()
        })
      })
    }
  }
}
