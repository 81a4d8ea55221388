/** Whether a kernel is right, told quickly: what all kernels of an island must have alike is worked out once. */

import type { NodeId } from '../../src/core/claim/record.ts'
import type { Address } from '../../src/core/ip/address.ts'
import { overlaps } from '../../src/core/ip/prefix.ts'
import type { KernelRoute } from '../../src/core/routing/route.ts'
import type { Island, Observed } from './observed.ts'

interface Expected {
  readonly origin: NodeId
  /** Undefined: the route is unreachable. */
  readonly nextHop: Address | undefined
}

export class Expectation {
  readonly #routes = new Map<string, Expected>()
  readonly #own = new Map<NodeId, number>()
  /** What differs from host to host is not looked at here. */
  readonly #isPlain: boolean

  constructor({ standings, keepers, recordOf, isGone }: Island) {
    this.#isPlain = keepers.length === 0
    for (const { origin, claim, standing } of standings) {
      if (standing !== 'winner' || claim.state !== 'confirmed') continue
      const { prefix } = claim
      const hops = recordOf(origin)?.nextHops ?? []
      const nextHop = hops.find(({ family }) => family === prefix.family)
      if (!nextHop) continue
      this.#routes.set(prefix.text, { origin, nextHop: isGone(origin) ? undefined : nextHop })
      this.#own.set(origin, (this.#own.get(origin) ?? 0) + 1)
    }
  }

  /** False: it is wrong, or that is to be found out by the checkers. */
  isMet({ id, routes, config, uplink, own }: Observed): boolean {
    if (!this.#isPlain) return false
    const held = own?.claims ?? []
    let owned = 0
    for (const route of routes) {
      if (!route.owned) {
        // Its own networks take the place of some routes.
        const isElsewhere = config.pools.every(({ prefix }) => !overlaps(prefix, route.prefix))
        if (isElsewhere || held.some(({ prefix }) => prefix.text === route.prefix.text)) continue
        return false
      }
      const expected = this.#routes.get(route.prefix.text)
      if (!expected || expected.origin === id) return false
      if (route.metric !== config.metric[route.prefix.family]) return false
      if (!leads(route, expected, uplink)) return false
      owned += 1
    }
    return owned === this.#routes.size - (this.#own.get(id) ?? 0)
  }
}

function leads({ target }: KernelRoute, { nextHop }: Expected, uplink: number): boolean {
  if (nextHop === undefined) return target.type === 'unreachable'
  return target.type === 'via' && target.ifindex === uplink && target.nextHop.text === nextHop.text
}
