/** The routes of a simulated host, in the order in which they came, and which of them takes a packet. */

import type { Address } from '../../src/core/ip/address.ts'
import { hostPrefix } from '../../src/core/ip/prefix.ts'
import { PrefixTrie } from '../../src/core/ip/prefix-trie.ts'
import type { KernelRoute, RouteKey } from '../../src/core/routing/route.ts'

type Place = RouteKey & Pick<KernelRoute, 'otherTable'>

export class RouteTable {
  readonly #routes = new Map<string, KernelRoute>()
  /** By table, then by prefix. */
  readonly #tables = new Map<number | undefined, PrefixTrie<Set<string>>>()

  get(place: Place): KernelRoute | undefined {
    return this.#routes.get(placeText(place))
  }

  set(route: KernelRoute): void {
    const key = placeText(route)
    this.#routes.set(key, route)
    const table = this.#tables.get(route.otherTable) ?? new PrefixTrie<Set<string>>()
    this.#tables.set(route.otherTable, table)
    const keys = table.get(route.prefix)
    if (keys) keys.add(key)
    else table.set(route.prefix, new Set([key]))
  }

  delete(place: Place): void {
    const key = placeText(place)
    this.#routes.delete(key)
    const table = this.#tables.get(place.otherTable)
    const keys = table?.get(place.prefix)
    keys?.delete(key)
    if (keys?.size === 0) table?.delete(place.prefix)
  }

  values(): Iterable<KernelRoute> {
    return this.#routes.values()
  }

  /** Of the first table that knows anything the longest match; of equal ones the lowest metric. `ifindex` 0: any link. */
  match(
    destination: Address,
    ifindex: number,
    tables: readonly (number | undefined)[],
  ): KernelRoute | undefined {
    const key = hostPrefix(destination)
    for (const table of tables) {
      let best: KernelRoute | undefined
      for (const keys of this.#tables.get(table)?.covering(key) ?? []) {
        for (const each of keys) {
          const route = this.#routes.get(each)
          if (!route || (ifindex !== 0 && !isOver(route, ifindex))) continue
          if (!best || isBetter(route, best)) best = route
        }
      }
      if (best) return best
    }
    return undefined
  }
}

const isOver = ({ target }: KernelRoute, ifindex: number): boolean =>
  target.type !== 'unreachable' && target.ifindex === ifindex

const isBetter = (a: KernelRoute, b: KernelRoute): boolean =>
  a.prefix.length !== b.prefix.length ? a.prefix.length > b.prefix.length : a.metric < b.metric

export const keyText = (key: RouteKey): string => `${key.prefix.text}#${key.metric}`

export const placeText = (route: Place): string => `${route.otherTable ?? ''} ${keyText(route)}`
