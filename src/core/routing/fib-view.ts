/** What the kernel has, as far as this agent knows: owned routes, and the alien ones it was told of. */

import type { Prefix } from '../ip/prefix.ts'
import { PrefixTrie } from '../ip/prefix-trie.ts'
import type { KernelRoute, RouteKey } from './route.ts'

export class FibView {
  readonly #owned = new Map<string, KernelRoute>()
  /** Alien routes by prefix; several may differ in metric alone. */
  readonly #aliens = new PrefixTrie<Map<string, KernelRoute>>()

  static of(routes: Iterable<KernelRoute>): FibView {
    const view = new FibView()
    for (const route of routes) view.put(route)
    return view
  }

  put(route: KernelRoute): void {
    const key = keyText(route)
    if (route.owned) {
      this.#owned.set(key, route)
      return
    }
    const aliens = this.#aliens.get(route.prefix) ?? new Map<string, KernelRoute>()
    aliens.set(key, route)
    this.#aliens.set(route.prefix, aliens)
  }

  drop(route: RouteKey & { readonly owned: boolean }): void {
    const key = keyText(route)
    if (route.owned) {
      this.#owned.delete(key)
      return
    }
    const aliens = this.#aliens.get(route.prefix)
    aliens?.delete(key)
    if (aliens?.size === 0) this.#aliens.delete(route.prefix)
  }

  owned(key: RouteKey): KernelRoute | undefined {
    return this.#owned.get(keyText(key))
  }

  allOwned(): Iterable<KernelRoute> {
    return this.#owned.values()
  }

  /** The alien route with exactly this key. */
  alien(key: RouteKey): KernelRoute | undefined {
    return this.#aliens.get(key.prefix)?.get(keyText(key))
  }

  *aliensOverlapping(prefix: Prefix): Generator<KernelRoute> {
    for (const aliens of this.#aliens.overlapping(prefix)) yield* aliens.values()
  }
}

export const keyText = (key: RouteKey): string => `${key.prefix.text}#${key.metric}`
