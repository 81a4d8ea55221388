/** A story that is played with a swarm. */

import type { CoreTiming } from '../../src/core/config.ts'
import type { Pool } from '../../src/core/ip/pool.ts'
import type { KernelRoute } from '../../src/core/routing/route.ts'
import { prefixOf } from '../literal.ts'
import type { Host } from './host.ts'
import type { Swarm } from './swarm.ts'

export interface Scenario {
  readonly name: string
  readonly promise: string
  readonly nodesMin: number
  /** Indices of the seeds that every host is configured with. */
  readonly seeds: (nodes: number) => readonly number[]
  readonly pool: (nodes: number) => Pool
  readonly timing?: Partial<CoreTiming>
  /** Options of `npm run sim` that choose it; absent: its name does. */
  readonly chosenBy?: string
  /** `times`: how often or how long, where the story can be told so; 1 by default. */
  readonly play: (swarm: Swarm, times: number) => void
}

export const wide = (): Pool => ({ prefix: prefixOf('172.16.0.0/12'), subnetLength: 22 })

export const onlyFirst = (): readonly number[] => [0]

export const ownedBy = (host: Host): KernelRoute[] =>
  host.kernel.routes.filter(({ owned }) => owned)
