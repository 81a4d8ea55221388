/** What the kernel has, as far as this agent knows: owned routes, and the alien ones it was told of. */

import type { Prefix } from '../ip/prefix.ts'
import { PrefixTrie } from '../ip/prefix-trie.ts'
import type { KernelRoute, RouteKey, RouteTarget } from './route.ts'

export class FibView {
  readonly #owned = new Map<string, KernelRoute>()
  /** Alien routes by prefix; several may differ in table and metric alone. */
  readonly #aliens = new PrefixTrie<Map<string, KernelRoute>>()

  static of(routes: Iterable<KernelRoute>): FibView {
    const view = new FibView()
    for (const route of routes) view.put(route)
    return view
  }

  put(route: KernelRoute): void {
    if (route.owned) {
      this.#owned.set(keyText(route), route)
      return
    }
    const aliens = this.#aliens.get(route.prefix) ?? new Map<string, KernelRoute>()
    aliens.set(alienText(route), route)
    this.#aliens.set(route.prefix, aliens)
  }

  putOwned({ prefix, metric }: RouteKey, target: RouteTarget): void {
    this.put({ prefix, metric, target, owned: true })
  }

  drop(route: RouteKey & Pick<KernelRoute, 'owned' | 'otherTable'>): void {
    if (route.owned) return this.dropOwned(route)
    const aliens = this.#aliens.get(route.prefix)
    aliens?.delete(alienText(route))
    if (aliens?.size === 0) this.#aliens.delete(route.prefix)
  }

  dropOwned(key: RouteKey): void {
    this.#owned.delete(keyText(key))
  }

  owned(key: RouteKey): KernelRoute | undefined {
    return this.#owned.get(keyText(key))
  }

  allOwned(): Iterable<KernelRoute> {
    return this.#owned.values()
  }

  /** The alien route with exactly this key, in the table that the agent writes to. */
  alien({ prefix, metric }: RouteKey): KernelRoute | undefined {
    return this.#aliens.get(prefix)?.get(alienText({ metric }))
  }

  *allAliens(): Generator<KernelRoute> {
    for (const aliens of this.#aliens.values()) yield* aliens.values()
  }

  *aliensOverlapping(prefix: Prefix): Generator<KernelRoute> {
    for (const aliens of this.#aliens.overlapping(prefix)) yield* aliens.values()
  }
}

export const keyText = (key: RouteKey): string => `${key.prefix.text}#${key.metric}`

const alienText = ({ otherTable, metric }: Pick<KernelRoute, 'otherTable' | 'metric'>): string =>
  `${otherTable ?? ''}#${metric}`
