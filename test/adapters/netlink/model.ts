/** What a listener believes of the kernel's routes, from answers and events alone. */

import assert from 'node:assert/strict'
import type { KernelRoute, RouteResult } from '../../../src/core/routing/route.ts'
import type { Kernel, KernelEvent } from '../../../src/ports/kernel.ts'
import { EventLog } from '../../conformance/event-log.ts'

const keyOf = ({ prefix, metric }: Pick<KernelRoute, 'prefix' | 'metric'>): string =>
  `${prefix.text} ${metric}`

export class RouteModel {
  readonly log = new EventLog()
  readonly #kernel: Kernel
  #routes = new Map<string, KernelRoute>()
  #reading: Promise<void> = Promise.resolve()
  overruns = 0

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  readonly deliver = (event: KernelEvent): void => {
    if (event.type === 'kernel-overrun') {
      this.overruns += 1
      this.#reading = this.read()
    }
    if (event.type === 'kernel-changed') {
      for (const change of event.changes) {
        if (change.type === 'route-added') this.#routes.set(keyOf(change.route), change.route)
        if (change.type === 'route-removed') this.#routes.delete(keyOf(change.route))
      }
    }
    this.log.deliver(event)
  }

  async read(): Promise<void> {
    const { routes } = await this.#kernel.dump()
    this.#routes = new Map(routes.map((route) => [keyOf(route), route]))
  }

  answer(results: readonly RouteResult[]): void {
    for (const { change, outcome } of results) {
      if (outcome !== 'done') continue
      if (change.type === 'remove') this.#routes.delete(keyOf(change.key))
      else
        this.#routes.set(keyOf(change.key), { ...change.key, target: change.target, owned: true })
    }
  }

  /** The belief is the truth, once everything that was under way has come. */
  async check(): Promise<void> {
    await this.#reading
    const believed = textsOf(this.#routes.values())
    assert.deepEqual(believed, textsOf((await this.#kernel.dump()).routes))
  }
}

const textsOf = (routes: Iterable<KernelRoute>): string[] =>
  [...routes]
    .map((route) => {
      const { target } = route
      const how = target.type === 'via' ? `via ${target.nextHop.text}` : target.type
      return `${keyOf(route)} ${how} ${route.owned ? 'owned' : 'alien'}`
    })
    .sort()
