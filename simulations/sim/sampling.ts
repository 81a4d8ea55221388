/** How a swarm fares over time, as reports show it. */

import type { Millis } from '../../src/core/rng.ts'
import { convergence } from './checkers.ts'
import type { Host } from './host.ts'
import type { Island, Observed } from './observed.ts'
import { sum, type Work } from './phase.ts'

/** How a swarm fares at one moment of virtual time. */
export interface Sample {
  readonly atMs: Millis
  /** Agents that run. */
  readonly hosts: number
  /** Of those, that have the digest which most have. */
  readonly agreed: number
  /** Of those, whose kernel is what all that was said calls for. */
  readonly complete: number
  /** Claims that yield to others. */
  readonly conflicts: number
  /** Sent by all since the beginning. */
  readonly messages: number
  readonly bytes: number
}

/** Something that was done to a swarm. */
export interface Mark {
  readonly atMs: Millis
  readonly what: string
}

export function sampleOf(
  running: readonly Host[],
  islands: readonly Island[],
  work: Work,
): Omit<Sample, 'atMs'> {
  const roots = new Map<string, number>()
  for (const { agent } of running) {
    const root = agent?.view().root ?? ''
    roots.set(root, (roots.get(root) ?? 0) + 1)
  }
  return {
    hosts: running.length,
    agreed: Math.max(0, ...roots.values()),
    complete: sum(
      islands,
      (island) => island.hosts.filter((host) => isComplete(island, host)).length,
    ),
    conflicts: sum(
      islands,
      ({ standings }) => standings.filter(({ standing }) => standing !== 'winner').length,
    ),
    messages: work.gossipMessages + work.syncMessages,
    bytes: work.bytes,
  }
}

const isComplete = (island: Island, host: Observed): boolean =>
  convergence({ ...island, hosts: [host] }).length === 0
