/** What has become of each wanted route, as an operator hears and sees it. */

import type { Prefix } from '../ip/prefix.ts'
import type { Problem } from '../problem.ts'
import type { RouteState, RouteView } from '../view.ts'
import type { Hop, Reach } from './next-hops.ts'
import { sameTarget, type Wanted } from './reconcile.ts'
import { isLeftOut } from './rib.ts'
import type { KernelRoute, RouteKey, RouteTarget } from './route.ts'
import type { Selected } from './select.ts'
import type { Misuse } from './usage.ts'

/** Why a write did not do what it should. `alien`: the key is taken, by what only a dump tells. */
export interface Failure {
  readonly outcome: 'alien' | 'not-on-link' | 'failed'
  readonly error: string
  /** What could not be written; undefined: a removal. */
  readonly target: RouteTarget | undefined
}

/** What a state follows from. */
export interface RouteFacts {
  keyOf(prefix: Prefix): RouteKey
  wanted(key: RouteKey): Wanted | undefined
  owned(key: RouteKey): KernelRoute | undefined
  alien(key: RouteKey): KernelRoute | undefined
  reach(hop: Hop): Reach
  failure(key: RouteKey): Failure | undefined
  misuse(key: RouteKey): Misuse | undefined
}

export class RouteStates {
  readonly #facts: RouteFacts
  readonly #reported = new Map<string, RouteState>()

  constructor(facts: RouteFacts) {
    this.#facts = facts
  }

  of({ prefix, outcome }: Selected): RouteState {
    const facts = this.#facts
    const key = facts.keyOf(prefix)
    if ('refusal' in outcome) return 'refused'
    if ('hop' in outcome && facts.reach(outcome.hop) === 'off-link') return 'not-on-link'
    const wanted = facts.wanted(key)
    const owned = facts.owned(key)
    if (owned && wanted && sameTarget(owned.target, wanted.target)) {
      return facts.misuse(key)?.type ?? 'installed'
    }
    if (facts.alien(key)) return 'alien'
    const failure = facts.failure(key)
    // Until the dump that a collision asked for says what is there, it is only missing.
    return failure && failure.outcome !== 'alien' ? failure.outcome : 'missing'
  }

  /** A note the first time that the route is seen in a state that is a problem. */
  report(selected: Selected): Problem | undefined {
    const state = this.of(selected)
    // What is tried again and fails again is no news.
    if (state === 'missing') return undefined
    if (this.#reported.get(selected.prefix.text) === state) return undefined
    this.#reported.set(selected.prefix.text, state)
    return this.problem(selected)
  }

  /** The route is wanted no more: should it come again, it is told again. */
  forget(prefix: Prefix): void {
    this.#reported.delete(prefix.text)
  }

  problem(selected: Selected): Problem | undefined {
    const { prefix, origin, outcome } = selected
    const route = { prefix: prefix.text, origin }
    // Its node may keep thousands, and its subnet tells of its next hop.
    const isOneOfMany = selected.kind === 'kept'
    switch (this.of(selected)) {
      case 'refused':
        return 'refusal' in outcome && !isLeftOut(selected) && !isOneOfMany
          ? {
              code: 'route-refused',
              ...route,
              kind: selected.kind,
              why: outcome.refusal,
              ...(outcome.by === undefined ? {} : { by: outcome.by }),
            }
          : undefined
      case 'not-on-link':
        return 'hop' in outcome && !isOneOfMany
          ? { code: 'route-off-link', ...route, nextHop: outcome.hop.address.text }
          : undefined
      case 'alien':
        return { code: 'route-alien', ...route }
      case 'shadowed':
        return this.#shadowNote(selected)
      case 'dead':
        return { code: 'route-dead', prefix: prefix.text }
      case 'failed':
        return { code: 'route-failed', prefix: prefix.text, error: this.#errorOf(prefix) }
      default:
        return undefined
    }
  }

  view(selected: Selected): RouteView {
    const { prefix, origin, name, kind, outcome } = selected
    const key = this.#facts.keyOf(prefix)
    return {
      prefix,
      origin,
      name,
      kind,
      wanted: this.#facts.wanted(key)?.target,
      kernel: this.#facts.owned(key) ?? this.#facts.alien(key),
      state: this.of(selected),
      refusal: 'refusal' in outcome ? outcome.refusal : undefined,
      refusedFor: 'refusal' in outcome ? (outcome.by ?? '') : '',
      shadow: this.#misuse(prefix),
      error: this.#errorOf(prefix),
    }
  }

  #shadowNote({ prefix }: Selected): Problem | undefined {
    const misuse = this.#misuse(prefix)
    if (misuse?.type !== 'shadowed') return undefined
    return { code: 'route-shadowed', prefix: prefix.text, by: misuse.by, part: misuse.part }
  }

  #misuse(prefix: Prefix): Misuse | undefined {
    return this.#facts.misuse(this.#facts.keyOf(prefix))
  }

  #errorOf(prefix: Prefix): string {
    return this.#facts.failure(this.#facts.keyOf(prefix))?.error ?? ''
  }
}

/** An owned route in the kernel that nobody announces, or of a former metric. */
export const leftoverView = (kernel: KernelRoute): RouteView => ({
  prefix: kernel.prefix,
  origin: undefined,
  name: '',
  kind: 'leftover',
  wanted: undefined,
  kernel,
  state: 'leftover',
  refusal: undefined,
  refusedFor: '',
  shadow: undefined,
  error: '',
})
