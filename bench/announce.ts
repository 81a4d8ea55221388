/** How long an announcement takes from the operator's call to the last kernel of a cluster. */

import { setTimeout as pause } from 'node:timers/promises'
import { now } from '../simulations/lab/observer.ts'
import { childrenOf, cpuMs } from '../simulations/lab/processes.ts'
import { type ApiClient, connectApi } from '../src/adapters/api/client.ts'
import { type Benchmark, figure } from './benchmark.ts'
import { type Cluster, everywhere, noObserver, startAgents, withCluster } from './cluster.ts'
import { stagesOf } from './stages.ts'

/** Longer than the least time between two publications, so that latency is measured, not throttling. */
const gapMs = 150
const answerMs = 10_000

export interface Trip {
  readonly startedAt: number
  /** Which host announced. */
  readonly origin: number
  /** It was the first word of this agent. */
  readonly isFirst: boolean
  /** Ms since then: when the agent answered, when the first and the last kernel had changed. */
  readonly answered: number
  readonly first: number
  readonly last: number
  /** Which host's kernel was the last. */
  readonly lastPlace: number
}

interface Trips {
  readonly announced: readonly Trip[]
  readonly withdrawn: readonly Trip[]
}

export const announce: Benchmark = async ({ quick, say, hosts = quick ? 2 : 16 }) => {
  const rounds = quick ? 3 : Math.ceil(100 / hosts) * hosts
  say(`${hosts} agents, ${rounds} announcements, each agent in its turn`)
  const taken = await withCluster(hosts, async (cluster) => {
    await startAgents(cluster)
    const idle = await cpuOver(cluster, () => pause(quick ? 500 : 10_000))
    const { agents, readers, elapsed, result } = await cpuOver(cluster, () =>
      measure(cluster, rounds),
    )
    // What they would have used without a single announcement is not theirs.
    const each = (used: number, idleUsed: number) =>
      (used - (idleUsed / idle.elapsed) * elapsed) / (2 * rounds)
    return {
      ...result,
      agents: each(agents, idle.agents),
      readers: each(readers, idle.readers),
    }
  })
  if (!taken) return { figures: [], notes: [noObserver] }
  say('and where the time goes')
  const stages = await stagesOf(
    hosts,
    async (cluster) => (await measure(cluster, quick ? 3 : 40)).announced,
  )
  const { announced, withdrawn, agents, readers } = taken
  const goal = { medianMax: hosts <= 3 ? 6 : 19 }
  const last = ({ last: ms }: Trip) => ms
  const first = ({ first: ms }: Trip) => ms
  return {
    figures: [
      figure('announce to last kernel', 'ms', announced.map(last), { goal }),
      figure(
        "each agent's first announcement, to last kernel",
        'ms',
        announced.filter(({ isFirst }) => isFirst).map(last),
        { goal },
      ),
      figure('announce to first kernel', 'ms', announced.map(first)),
      figure(
        'announce to answer',
        'ms',
        announced.map(({ answered }) => answered),
      ),
      figure('withdraw to last kernel', 'ms', withdrawn.map(last), { goal }),
      figure('withdraw to first kernel', 'ms', withdrawn.map(first)),
      figure('CPU of all agents for one', 'ms', [agents]),
      figure('CPU of all their readers for one', 'ms', [readers]),
    ],
    notes: [
      'elsewhere, same set-up on two cores: 3.8 ms (BIRD, BGP full mesh), 19 ms (FRR, OSPF), 78 ms (BIRD, Babel), 120 ms (FRR, BGP)',
      ...(stages?.stages.map(({ what, ms }) => `${ms.toFixed(2)} ms ${what}`) ?? []),
    ],
  }
}

interface Used<T> {
  readonly agents: number
  readonly readers: number
  readonly elapsed: number
  readonly result: T
}

async function cpuOver<T>({ hosts }: Cluster, work: () => Promise<T>): Promise<Used<T>> {
  const agents = hosts.map(({ agentPid }) => agentPid ?? 0)
  const readers = agents.flatMap(childrenOf)
  const used = (pids: readonly number[]) => pids.reduce((sum, pid) => sum + cpuMs(pid), 0)
  const before = { agents: used(agents), readers: used(readers), at: now() }
  const result = await work()
  return {
    agents: used(agents) - before.agents,
    readers: used(readers) - before.readers,
    elapsed: now() - before.at,
    result,
  }
}

/** Each host announces in its turn: what operators meet is the first word of an agent, not the hundredth. */
async function measure({ hosts, observer }: Cluster, rounds: number): Promise<Trips> {
  // Of this process's own, so that no command line has to start.
  const clients = await Promise.all(hosts.map(({ socket }) => connectApi(socket)))
  const announced: Trip[] = []
  const withdrawn: Trip[] = []
  try {
    for (let round = 0; round < rounds; round += 1) {
      const origin = round % hosts.length
      const client = clients[origin]
      if (!client) break
      const prefix = `192.168.${round % 256}.0/24`
      const travel = async (call: 'Announce' | 'Withdraw'): Promise<Trip> => {
        await pause(gapMs)
        const type = call === 'Announce' ? 'added' : 'removed'
        const arrived = everywhere(observer, {
          type,
          destination: prefix,
          places: hosts.length - 1,
        })
        const startedAt = now()
        const answeredAt = await answer(client, call, prefix)
        const times = [...(await arrived)].sort(([, a], [, b]) => a - b)
        const [, firstAt = Number.NaN] = times[0] ?? []
        const [lastPlace = 0, lastAt = Number.NaN] = times.at(-1) ?? []
        return {
          startedAt,
          origin,
          isFirst: round < hosts.length,
          answered: answeredAt - startedAt,
          first: firstAt - startedAt,
          last: lastAt - startedAt,
          lastPlace,
        }
      }
      const [one, other] = [await travel('Announce'), await travel('Withdraw')]
      announced.push(one)
      withdrawn.push(other)
    }
  } finally {
    for (const client of clients) client.close()
  }
  return { announced, withdrawn }
}

async function answer(
  client: ApiClient,
  call: 'Announce' | 'Withdraw',
  prefix: string,
): Promise<number> {
  await client.call(call, { prefix }, answerMs)
  return now()
}
