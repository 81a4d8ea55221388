/** The kernel's owned routes as they should be: what the RIB selects, with the links that lead there. */

import type { CoreConfig } from '../config.ts'
import type { Prefix } from '../ip/prefix.ts'
import type { Host } from './host.ts'
import type { NextHops } from './next-hops.ts'
import type { Wanted } from './reconcile.ts'
import type { Rib } from './rib.ts'
import type { RouteKey } from './route.ts'

/** `held`: additions only, until in-sync. `purged`: nothing of ours may be in the kernel. */
export type RouterMode = 'held' | 'active' | 'purged'

/** Of the routes that refuse what nobody claims: every other route to the pool goes before. */
const refusalMetric = 0xff00_0000

export interface WantedFibSources {
  readonly rib: Rib
  readonly host: Host
  readonly nextHops: NextHops
}

export class WantedFib {
  mode: RouterMode = 'held'
  readonly #config: CoreConfig
  readonly #sources: WantedFibSources

  constructor(config: CoreConfig, sources: WantedFibSources) {
    this.#config = config
    this.#sources = sources
  }

  keyOf = (prefix: Prefix): RouteKey => ({ prefix, metric: this.#config.metric[prefix.family] })

  /** Of the routes to whole pools, which take what no other route does. */
  get refusals(): RouteKey[] {
    const { refusesUnclaimed, pools } = this.#config
    return refusesUnclaimed ? pools.map(({ prefix }) => ({ prefix, metric: refusalMetric })) : []
  }

  isRefusal({ prefix, metric }: RouteKey): boolean {
    return metric === refusalMetric && this.refusals.some((key) => key.prefix.text === prefix.text)
  }

  /** Whether something is announced there, or it is a refusal. */
  isSelected(key: RouteKey): boolean {
    if (this.isRefusal(key)) return true
    return this.#sources.rib.get(key.prefix) !== undefined && this.#isCurrent(key)
  }

  of = (key: RouteKey): Wanted | undefined => {
    const { rib, host, nextHops } = this.#sources
    if (this.mode === 'purged') return undefined
    if (this.isRefusal(key)) return { ...key, target: { type: 'unreachable' } }
    const outcome = rib.get(key.prefix)?.outcome
    if (!outcome || 'refusal' in outcome || !this.#isCurrent(key)) return undefined
    if ('onBridge' in outcome) {
      const bridge = host.linkNamed(this.#config.bridge)
      return bridge && { ...key, target: { type: 'on-link', ifindex: bridge.ifindex } }
    }
    const { hop, isGone } = outcome
    if (isGone) return { ...key, target: { type: 'unreachable' } }
    const reach = nextHops.reach(hop)
    if (typeof reach === 'string') return undefined
    return { ...key, target: { type: 'via', nextHop: hop.address, ifindex: reach.ifindex } }
  }

  /** Nothing is decided while the kernel is asked for the next hop: the route there may be right. */
  isAwaited({ prefix }: RouteKey): boolean {
    const { rib, nextHops } = this.#sources
    const outcome = rib.get(prefix)?.outcome
    return (
      this.mode !== 'purged' &&
      outcome !== undefined &&
      'hop' in outcome &&
      !outcome.isGone &&
      nextHops.reach(outcome.hop) === 'unknown'
    )
  }

  /** Not of a metric that was configured before. */
  #isCurrent({ prefix, metric }: RouteKey): boolean {
    return metric === this.#config.metric[prefix.family]
  }
}
