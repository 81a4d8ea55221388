/** How long a route that somebody deletes is missing, as a third process sees it in the kernel. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type Benchmark, figure } from './benchmark.ts'
import { type Cluster, noObserver, startAgents, withCluster } from './cluster.ts'

const gapMs = 20

export const repair: Benchmark = async ({ quick, say }) => {
  const count = quick ? 2 : 3
  const rounds = quick ? 5 : 500
  say(`${rounds} deleted routes on one of ${count} hosts`)
  const missing = await withCluster(count, async (cluster) => {
    await startAgents(cluster)
    // The first ones find code that no engine has looked at yet.
    await repairs(cluster, 5)
    return repairs(cluster, rounds)
  })
  if (!missing) return { figures: [], notes: [noObserver] }
  return {
    figures: [
      figure('deleted route missing', 'ms', missing, { goal: { medianMax: 1, p99Max: 10 } }),
    ],
    notes: ['RTM_DELROUTE to RTM_NEWROUTE; elsewhere: 0.9 to 2 ms (FRR), 0.4 to 1 s (BIRD)'],
  }
}

/** Ms for which a route of the first host was missing, each time that it was deleted. */
export async function repairs({ hosts, observer }: Cluster, rounds: number): Promise<number[]> {
  const [host] = hosts
  const [route] = (await host?.routes()) ?? []
  if (!host || !route) throw new Error('a host of a complete cluster has a route')
  // One process for all deletions: starting one for each would be measured too.
  const words = ['netns', 'exec', host.namespace, 'ip', '-force', '-batch', '-']
  const deleter = spawn('ip', words, { stdio: ['pipe', 'inherit', 'inherit'] })
  const missing: number[] = []
  try {
    for (let round = 0; round < rounds; round += 1) {
      const took = repaired({ hosts, observer }, route.dst)
      deleter.stdin.write(`route del ${route.dst}\n`)
      missing.push(await took)
      await new Promise((resolve) => setTimeout(resolve, gapMs))
    }
  } finally {
    const ended = once(deleter, 'exit')
    deleter.stdin.end()
    await ended
  }
  return missing
}

function repaired(
  { observer }: Pick<Cluster, 'hosts' | 'observer'>,
  destination: string,
): Promise<number> {
  let removedAt: number | undefined
  return new Promise((resolve, reject) => {
    const end = (how: () => void) => {
      stop()
      clearTimeout(patience)
      how()
    }
    const stop = observer.listen((change) => {
      if (change.place !== 0 || change.destination !== destination) return
      if (change.type === 'removed') removedAt = change.at
      else if (removedAt !== undefined) {
        const ms = change.at - removedAt
        end(() => resolve(ms))
      }
    })
    const patience = setTimeout(
      () => end(() => reject(new Error(`${destination} was not repaired`))),
      10_000,
    )
  })
}
