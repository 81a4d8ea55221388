/** What the kernel has: its routes as read and as told, own writes under way, and what it refused. */

import type { Prefix } from '../ip/prefix.ts'
import { FibView, keyText } from './fib-view.ts'
import { sameTarget } from './reconcile.ts'
import type { KernelRoute, RouteKey, RouteResult, RouteTarget } from './route.ts'
import type { Failure } from './route-states.ts'

/** How often a key that is taken by something no dump shows is tried again before it waits for the next change. */
const blockedTriesMax = 3

export class KernelRoutes {
  #fib = new FibView()
  readonly #inFlight = new Set<string>()
  readonly #failures = new Map<string, Failure>()
  readonly #blockedTries = new Map<string, number>()
  /** `outdated`: one is under way, and what happened since it was asked for wants another. */
  #dump: 'idle' | 'wanted' | 'under-way' | 'outdated' = 'idle'

  get fib(): FibView {
    return this.#fib
  }

  /** Nothing is read or written at this moment. */
  get still(): boolean {
    return this.#inFlight.size === 0 && this.#dump === 'idle'
  }

  isInFlight(key: RouteKey): boolean {
    return this.#inFlight.has(keyText(key))
  }

  failure(key: RouteKey): Failure | undefined {
    return this.#failures.get(keyText(key))
  }

  /** Something was refused, or is in the way: what goes without a word may set it free. */
  get anyObstacle(): boolean {
    return this.#failures.size > 0 || !this.#fib.allAliens().next().done
  }

  sent(key: RouteKey): void {
    this.#inFlight.add(keyText(key))
  }

  /** One at a time: each is answered before the next is asked for. */
  needDump(): void {
    if (this.#dump === 'idle') this.#dump = 'wanted'
    else if (this.#dump === 'under-way') this.#dump = 'outdated'
  }

  /** Whether the dump that is wanted can be asked for; it counts as asked. */
  askDump(): boolean {
    if (this.#dump !== 'wanted') return false
    this.#dump = 'under-way'
    return true
  }

  dumped(routes: readonly KernelRoute[]): void {
    this.dumpEnded()
    this.#fib = FibView.of(routes)
    this.#failures.clear()
  }

  /** It failed, or its answer is about to be taken in. */
  dumpEnded(): void {
    this.#dump = this.#dump === 'outdated' ? 'wanted' : 'idle'
  }

  /** Whoever asks from outside wants all of it tried again. */
  forgetTries(): void {
    this.#blockedTries.clear()
  }

  /** Whether writing `wanted` is known to fail. What failed says nothing of another target. */
  isHopeless(key: RouteKey, wanted: RouteTarget | undefined): boolean {
    const failure = this.failure(key)
    if (!failure) return false
    return !(wanted && failure.target) || sameTarget(failure.target, wanted)
  }

  /** What is written to this key is tried again. */
  retry(key: RouteKey): void {
    this.#failures.delete(keyText(key))
  }

  /** Failures that `which` names are tried again. */
  retryAll(which: (failure: Failure) => boolean): void {
    for (const [text, failure] of this.#failures) if (which(failure)) this.#failures.delete(text)
  }

  /** Another process added or removed it. */
  changed(route: KernelRoute, type: 'route-added' | 'route-removed'): void {
    const text = keyText(route)
    const before = this.#fib.owned(route)
    if (type === 'route-removed') this.#fib.drop(route)
    else {
      // It replaced ours, or stands behind it: the notification is the same for both, and only a dump tells.
      if (before && !route.owned && route.otherTable === undefined) {
        this.#fib.drop(before)
        this.needDump()
      }
      this.#fib.put(route)
    }
    if (this.#inFlight.has(text) && route.owned) this.needDump()
    if (this.#failures.get(text)?.outcome === 'alien' || this.#blockedTries.delete(text)) {
      this.#failures.delete(text)
    }
  }

  applied({ change, outcome, error }: RouteResult): void {
    const key = keyText(change.key)
    const target = change.type === 'add' ? change.target : undefined
    this.#inFlight.delete(key)
    switch (outcome) {
      case 'done':
        this.#blockedTries.delete(key)
        if (change.type === 'add') this.#fib.putOwned(change.key, change.target)
        else this.#fib.dropOwned(change.key)
        return
      case 'absent':
        this.#fib.dropOwned(change.key)
        return
      case 'exists':
        // Only a dump tells whether an alien is there or a late notification misled us.
        this.#failures.set(key, { outcome: 'alien', error, target })
        this.#blockedTries.set(key, (this.#blockedTries.get(key) ?? 0) + 1)
        this.needDump()
        return
      default:
        this.#failures.set(key, {
          outcome: outcome === 'not-on-link' ? 'not-on-link' : 'failed',
          error,
          target,
        })
    }
  }

  /** A key that the kernel says is taken, by nothing that it shows, is not tried for ever. */
  giveUpBlocked(isWanted: (key: string) => RouteKey | undefined): void {
    for (const [text, tries] of this.#blockedTries) {
      const key = isWanted(text)
      if (!key || this.#fib.alien(key) || this.#fib.owned(key)) this.#blockedTries.delete(text)
      else if (tries >= blockedTriesMax)
        this.#failures.set(text, { outcome: 'failed', error: 'EEXIST', target: undefined })
    }
  }

  /** Alien routes inside `prefix` and more specific: the kernel prefers them for their part of it. */
  *aliensWithin(prefix: Prefix): Generator<KernelRoute> {
    for (const alien of this.#fib.aliensOverlapping(prefix)) {
      if (alien.prefix.length > prefix.length) yield alien
    }
  }
}
