/** The fewest changes that turn the kernel's owned routes into the wanted ones. Never touches an alien route. */

import { unreachable } from '../invariant.ts'
import { type FibView, keyText } from './fib-view.ts'
import type { RouteChange, RouteKey, RouteTarget } from './route.ts'

export interface Wanted extends RouteKey {
  readonly target: RouteTarget
}

export interface ReconcileOptions {
  /** Whether owned routes that are wanted no more, or otherwise, may be removed: not before in-sync. */
  readonly removals: 'allowed' | 'held'
}

/** All of it: what is wanted and not there, what is there and not wanted. */
export function reconcile(
  rib: Iterable<Wanted>,
  fib: FibView,
  options: ReconcileOptions,
): RouteChange[] {
  const changes: RouteChange[] = []
  const wantedKeys = new Set<string>()
  for (const wanted of rib) {
    wantedKeys.add(keyText(wanted))
    changes.push(...reconcileKey(wanted, wanted, fib, options))
  }
  for (const owned of fib.allOwned()) {
    if (wantedKeys.has(keyText(owned))) continue
    changes.push(...reconcileKey(owned, undefined, fib, options))
  }
  return changes
}

/** The same for one key; `wanted` undefined: no route of ours should have it. */
export function reconcileKey(
  key: RouteKey,
  wanted: Wanted | undefined,
  fib: FibView,
  options: ReconcileOptions,
): RouteChange[] {
  const owned = fib.owned(key)
  const changes: RouteChange[] = []
  if (owned && !(wanted && sameTarget(owned.target, wanted.target))) {
    if (options.removals === 'held') return []
    // Removals first: the kernel refuses a second route with the same key.
    changes.push({ type: 'remove', key: { prefix: key.prefix, metric: key.metric } })
  } else if (owned) {
    return []
  }
  if (wanted && !fib.alien(key)) {
    changes.push({
      type: 'add',
      key: { prefix: key.prefix, metric: key.metric },
      target: wanted.target,
    })
  }
  return changes
}

export function sameTarget(a: RouteTarget, b: RouteTarget): boolean {
  switch (a.type) {
    case 'via':
      return b.type === 'via' && a.nextHop.text === b.nextHop.text && a.ifindex === b.ifindex
    case 'unreachable':
      return b.type === 'unreachable'
    case 'on-link':
      return b.type === 'on-link' && a.ifindex === b.ifindex
    case 'other':
      return false
    default:
      return unreachable(a)
  }
}
