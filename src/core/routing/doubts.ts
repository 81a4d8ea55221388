/** Which beliefs about the kernel each of its changes makes doubtful, and when they are asked about again. */

import type { Millis } from '../rng.ts'
import type { KernelChange } from './route.ts'

/** What the agent believes of its kernel. Each is asked about by one request. */
export type Belief =
  /** What routes, links and addresses there are: a dump. */
  | 'fib'
  /** Over which link each next hop is reached: a look-up of all of them. */
  | 'next-hops'
  /** Which route takes the traffic that ours are for: a look-up of an address of each. */
  | 'usage'
  /** By which interface and addresses peers reach this host. */
  | 'uplink'
  /** That this host forwards. */
  | 'forwarding'

/** A change of the kernel, as far as it matters what it does to beliefs. */
export type Cause =
  | Exclude<KernelChange['type'], `route-${string}` | `link-${string}` | `address-${string}`>
  /** An owned route, which is reconciled at once, by the notification itself. */
  | 'owned-route'
  /** A route of another program inside a pool, or one that is in the way. */
  | 'alien-route'
  /** A link that next hops, the bridge or alien routes are on, or that may carry what is missing. */
  | 'link-came'
  | 'link-went'
  | 'address-came'
  | 'address-went'
  /** What was refused, or in the way, may have gone without a word. */
  | 'obstacle-may-be-gone'
  /** Own writes succeeded. */
  | 'written'
  /** Notifications were lost, or the operator asks for it. */
  | 'unknown'

/**
 * The table. What goes is asked about by a dump, since the kernel takes routes along without a word: a link its IPv4
 * routes, and so the last address of an interface, a nexthop object what uses it. `causes.ts` tells which change is which
 * cause. The monitor subscribes to all that stands here.
 */
export const doubted: Readonly<Record<Cause, readonly Belief[]>> = {
  'owned-route': ['usage'],
  'alien-route': ['next-hops', 'usage'],
  'foreign-routes-changed': ['next-hops', 'usage', 'uplink'],
  'rules-changed': ['fib', 'next-hops', 'usage', 'uplink'],
  'nexthop-objects-changed': ['next-hops', 'usage'],
  'obstacle-may-be-gone': ['fib'],
  'forwarding-changed': ['forwarding'],
  'link-came': ['next-hops', 'usage', 'uplink', 'forwarding'],
  'link-went': ['fib', 'next-hops', 'usage', 'uplink', 'forwarding'],
  'address-came': ['next-hops', 'usage', 'uplink'],
  'address-went': ['fib', 'next-hops', 'usage', 'uplink'],
  written: ['usage'],
  unknown: ['fib', 'next-hops', 'usage', 'uplink', 'forwarding'],
}

/** What comes together is asked about once. */
const coalesceMs = 50
/** Least time between two askings of one belief; the longer one where more than so many changes stand behind it. */
const spacingMs = { calm: 400, churn: 1_000 }
const calmChangesMax = 16

interface Doubt {
  changes: number
  since: Millis
}

export class Doubts {
  readonly #standing = new Map<Belief, Doubt>()
  readonly #askedAt = new Map<Belief, Millis>()

  raise(belief: Belief, now: Millis, changes = 1): void {
    const doubt = this.#standing.get(belief)
    if (doubt) doubt.changes += changes
    else this.#standing.set(belief, { changes, since: now })
  }

  nextDeadline(): Millis {
    let next = Number.POSITIVE_INFINITY
    for (const belief of this.#standing.keys()) next = Math.min(next, this.#dueAt(belief))
    return next
  }

  /** The beliefs to ask about; they count as asked from here on. */
  take(now: Millis): Belief[] {
    const due = [...this.#standing.keys()].filter((belief) => this.#dueAt(belief) <= now).sort()
    for (const belief of due) this.settle(belief, now)
    return due
  }

  /** It is asked about in any case. */
  settle(belief: Belief, now: Millis): void {
    this.#standing.delete(belief)
    this.#askedAt.set(belief, now)
  }

  #dueAt(belief: Belief): Millis {
    const doubt = this.#standing.get(belief)
    if (!doubt) return Number.POSITIVE_INFINITY
    const spacing = doubt.changes > calmChangesMax ? spacingMs.churn : spacingMs.calm
    const askedAt = this.#askedAt.get(belief) ?? Number.NEGATIVE_INFINITY
    return Math.max(doubt.since + coalesceMs, askedAt + spacing)
  }
}
