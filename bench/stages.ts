/** Where the time of an announcement goes: runs agents that note when it passes which point. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { median } from '../simulations/statistics.ts'
import type { Trip } from './announce.ts'
import { type Cluster, startAgents, withCluster } from './cluster.ts'
import { type Passed, type Point, stagesFile } from './passed.ts'

const program = new URL('./staged-agent.ts', import.meta.url).pathname

/** Ms between the points, medians; undefined where nobody could look at kernels. */
export interface Stages {
  readonly stages: readonly { readonly what: string; readonly ms: number }[]
  readonly total: number
}

/** `travel` announces and says how it went. */
export function stagesOf(
  hosts: number,
  travel: (cluster: Cluster) => Promise<readonly Trip[]>,
): Promise<Stages | undefined> {
  return withCluster(hosts, async (cluster) => {
    await startAgents(cluster, program)
    const trips = await travel(cluster)
    await Promise.all(cluster.hosts.map((host) => host.stopAgent('SIGTERM')))
    const logs = cluster.hosts.map(
      ({ directory }) => JSON.parse(readFileSync(join(directory, stagesFile), 'utf8')) as Passed[],
    )
    return summary(trips, logs)
  })
}

/** Along the way to the host whose kernel was the last one. */
function summary(trips: readonly Trip[], logs: readonly (readonly Passed[])[]): Stages {
  const ways = trips.flatMap((trip) => {
    const origin = reader(logs[trip.origin] ?? [], trip)
    const last = reader(logs[trip.lastPlace] ?? [], trip)
    const way = [
      trip.startedAt,
      origin('commanded'),
      origin('publishing'),
      last('arrived'),
      last('stepping'),
      last('writing'),
      trip.startedAt + trip.last,
    ]
    return way.every((at) => at !== undefined) ? [way as number[]] : []
  })
  const stages = names.map((what, index) => ({
    what,
    ms: median(ways.map((way) => (way[index + 1] ?? 0) - (way[index] ?? 0))),
  }))
  return { stages, total: median(ways.map((way) => (way.at(-1) ?? 0) - (way[0] ?? 0))) }
}

const names = [
  'call to command (gRPC)',
  'command to publish (step, sign, begin to write)',
  'publish to the bytes at the last host (send to all, wire, its turn on a CPU)',
  'bytes to step (decrypt, gossipsub, decode, verify)',
  'step to netlink (merge, select, reconcile)',
  'netlink to kernel notification',
]

/** The first time that a point was passed during a trip. */
const reader =
  (log: readonly Passed[], { startedAt, last }: Trip) =>
  (point: Point): number | undefined =>
    log.find(([name, at]) => name === point && at >= startedAt && at <= startedAt + last)?.[1]
