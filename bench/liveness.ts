/** How long a host that falls silent is routed to by the others, and how long until it is again once it is back. */

import { setTimeout as pause } from 'node:timers/promises'
import type { LabHost } from '../simulations/lab/host.ts'
import { now } from '../simulations/lab/observer.ts'
import { type Benchmark, figure } from './benchmark.ts'
import {
  type Cluster,
  everywhere,
  noObserver,
  program,
  startAgents,
  withCluster,
} from './cluster.ts'

interface Times {
  readonly silent: readonly number[]
  readonly back: readonly number[]
}

/** What every agent does after it has started is over. */
const restMs = 10_000
/** Between two faults: whoever was missed has refuted it, and is connected to all. */
const gapMs = 5_000
/** A host is away for longer than its neighbours dial it in quick succession. */
const awayMs = 10_000

export const liveness: Benchmark = async ({ quick, say, hosts = quick ? 3 : 16 }) => {
  const rounds = quick ? 1 : 10
  const play = (watchMs: number) =>
    withCluster(hosts, async (cluster) => {
      say(`${hosts} agents, a host cut off ${rounds} times, watchMs ${watchMs}`)
      await startAgents(cluster, program, ['--watch-ms', `${watchMs}`])
      if (!quick) await pause(restMs)
      return measure(cluster, { rounds, quick })
    })
  const defaults = await play(quick ? 500 : 1_000)
  const tuned = await play(quick ? 250 : 50)
  if (!defaults || !tuned) return { figures: [], notes: [noObserver] }
  return {
    figures: [
      figure('silent host to unreachable in the last kernel', 'ms', defaults.silent, {
        goal: { medianMax: 5_000 },
      }),
      figure('host back to the last kernel', 'ms', defaults.back, { goal: { medianMax: 800 } }),
      figure('silent host, asked every 50 ms', 'ms', tuned.silent, { goal: { medianMax: 280 } }),
      figure('host back, asked every 50 ms', 'ms', tuned.back),
    ],
    notes: [
      'elsewhere, same set-up on two cores: silent host 295 ms (BIRD with BFD), 283 ms (FRR with BFD); host back 1.9 s (BIRD), 0.8 s (FRR, OSPF)',
    ],
  }
}

/** Its frames go nowhere, and its carrier stays. */
async function measure(
  { hosts, observer }: Cluster,
  { rounds, quick }: { rounds: number; quick: boolean },
): Promise<Times> {
  const silent: number[] = []
  const back: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const victim = hosts[1 + (round % (hosts.length - 1))]
    if (!victim) break
    const destination = await subnetOf(victim)
    const untilAll = async (change: () => Promise<void>): Promise<number> => {
      const written = everywhere(observer, {
        type: 'added',
        destination,
        places: hosts.length - 1,
      })
      const from = now()
      await change()
      return Math.max(...(await written).values()) - from
    }
    silent.push(await untilAll(() => victim.cutOff()))
    await pause(quick ? 1_000 : awayMs)
    back.push(await untilAll(() => victim.reconnect()))
    await pause(quick ? 100 : gapMs)
  }
  return { silent, back }
}

async function subnetOf(host: LabHost): Promise<string> {
  const { claims } = await host.ask('Status')
  return claims[0]?.prefix ?? ''
}
