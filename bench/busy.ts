/** Whether an agent repairs and announces as fast while it grants a thousand addresses a second. */

import { setTimeout as pause } from 'node:timers/promises'
import { now } from '../simulations/lab/observer.ts'
import { type ApiClient, connectApi } from '../src/adapters/api/client.ts'
import { type Benchmark, figure } from './benchmark.ts'
import { type Cluster, everywhere, noObserver, startAgents, withCluster } from './cluster.ts'
import { pace, perSecond, type Taken } from './leases.ts'
import { repairs } from './repair.ts'

const rate = 1_000
/** As `announce` has it: longer than the least time between two publications. */
const gapMs = 150
const answerMs = 10_000
/** Until the agent's code is what it is under this load. */
const settleMs = 300

/** With and without the allocations. */
interface Both {
  readonly quiet: number[]
  readonly busy: number[]
}

export const busy: Benchmark = async ({ quick, say }) => {
  const [blocks, repairsEach, announcementsEach] = quick ? [1, 4, 2] : [12, 40, 10]
  say(`${blocks} blocks each with and without ${rate} allocations a second on the agent, in turns`)
  const taken = await withCluster(2, async (cluster) => {
    await startAgents(cluster)
    const socket = cluster.hosts[0]?.socket ?? ''
    const client = await connectApi(socket)
    const repaired: Both = { quiet: [], busy: [] }
    const announced: Both = { quiet: [], busy: [] }
    const loads: Taken[] = []
    const block = async (to: 'quiet' | 'busy', isCounted: boolean) => {
      const missing = await repairs(cluster, repairsEach)
      const trips = await announcements(cluster, client, announcementsEach)
      if (!isCounted) return
      repaired[to].push(...missing)
      announced[to].push(...trips)
    }
    try {
      // The first ones find code that no engine has looked at yet.
      for (let round = quick ? 0 : -1; round < blocks; round += 1) {
        await block('quiet', round >= 0)
        const end = pace(socket, rate)
        await pause(settleMs)
        await block('busy', round >= 0)
        loads.push(await end())
        await pause(settleMs)
      }
    } finally {
      client.close()
    }
    return { repaired, announced, loads }
  })
  if (!taken) return { figures: [], notes: [noObserver] }
  const { repaired, announced, loads } = taken
  const compare = (what: string, { quiet, busy: loaded }: Both) =>
    figure(what, 'ms', loaded, {
      against: { what: 'without', samples: quiet },
      goal: { ratioMin: 1, ratioOfP99Min: 1 },
    })
  return {
    figures: [
      compare(`deleted route missing, ${rate} allocations a second`, repaired),
      compare(`announce to the other kernel, ${rate} allocations a second`, announced),
      figure('allocations, each given back', '/s', loads.map(perSecond)),
      figure(
        'AllocateIP meanwhile',
        'ms',
        loads.flatMap(({ allocates }) => allocates),
      ),
    ],
    notes: [],
  }
}

/** Of the first host, and withdrawn again. */
async function announcements(
  { observer }: Cluster,
  client: ApiClient,
  count: number,
): Promise<number[]> {
  const taken: number[] = []
  for (let index = 0; index < count; index += 1) {
    const prefix = `192.168.${index}.0/24`
    await pause(gapMs)
    const added = everywhere(observer, { type: 'added', destination: prefix, places: 1 })
    const startedAt = now()
    await client.call('Announce', { prefix }, answerMs)
    for (const at of (await added).values()) taken.push(at - startedAt)
    await pause(gapMs)
    const removed = everywhere(observer, { type: 'removed', destination: prefix, places: 1 })
    await client.call('Withdraw', { prefix }, answerMs)
    await removed
  }
  return taken
}
