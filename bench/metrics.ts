/** What an idle agent takes more with metrics that are scraped every 15 seconds: agents of one cluster, half of them with. */

import { spawn } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import type { LabHost } from '../simulations/lab/host.ts'
import { now } from '../simulations/lab/observer.ts'
import { cpuMsExact, memoryMb } from '../simulations/lab/processes.ts'
import { type Benchmark, figure } from './benchmark.ts'
import { noObserver, program, wipe, withCluster } from './cluster.ts'

const port = 7_872
const scrapeSeconds = 15

interface Taken {
  readonly cpu: number
  readonly memory: number
}

export const metrics: Benchmark = async ({ quick, say }) => {
  const [pairs, rounds, settleMs, idleMs] = quick ? [1, 1, 500, 1_000] : [3, 3, 30_000, 90_000]
  say(
    `${rounds} rounds of ${2 * pairs} agents, half of them with metrics, idle for ${idleMs / 1_000} s`,
  )
  const taken = { without: [] as Taken[], with: [] as Taken[] }
  const ran = await withCluster(2 * pairs, async (cluster) => {
    for (let round = 0; round < rounds; round += 1) {
      // In turns: who is dialled, and who looks after whom, depends on the node.
      const isScraped = (index: number) => (index + round) % 2 === 0
      const ends = await start(cluster.hosts, isScraped)
      await pause(settleMs)
      for (const [index, each] of (await idle(cluster.hosts, idleMs)).entries())
        taken[isScraped(index) ? 'with' : 'without'].push(each)
      for (const end of ends) end()
      await wipe(cluster)
    }
    return true
  })
  if (!ran) return { figures: [], notes: [noObserver] }
  const of = (kind: keyof typeof taken, what: keyof Taken) => taken[kind].map((each) => each[what])
  const more = (what: keyof Taken) =>
    of('with', what).map((value, index) => value - (of('without', what)[index] ?? value))
  const against = (what: keyof Taken) => ({
    against: { what: 'without', samples: of('without', what) },
  })
  return {
    figures: [
      figure(
        `CPU of an idle agent, scraped every ${scrapeSeconds} s`,
        '%',
        of('with', 'cpu'),
        against('cpu'),
      ),
      figure('more than one without metrics', '%', more('cpu'), { goal: { medianMax: 0.1 } }),
      figure('its RSS', 'MB', of('with', 'memory'), against('memory')),
      figure('more than one without metrics', 'MB', more('memory'), { goal: { medianMax: 2 } }),
    ],
    notes: ['without the reader of the kernel, which metrics do not concern'],
  }
}

/** Resolves with what ends the scrapers. */
async function start(
  hosts: readonly LabHost[],
  isScraped: (index: number) => boolean,
): Promise<readonly (() => void)[]> {
  const seed = hosts[0]?.address ?? ''
  for (const [index, host] of hosts.entries()) {
    const listen = isScraped(index) ? ['--metrics-listen', `127.0.0.1:${port}`] : []
    await host.startAgent(['--seed', seed, ...listen], program)
  }
  for (const host of hosts) await host.note('claim-confirmed', { timeoutMs: 60_000 })
  return hosts.filter((_, index) => isScraped(index)).map(scrape)
}

function scrape({ namespace }: LabHost): () => void {
  const once = `exec 3<>/dev/tcp/127.0.0.1/${port} && printf 'GET /metrics HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\n\\r\\n' >&3 && cat <&3 >/dev/null`
  const script = `while :; do ( ${once} ); sleep ${scrapeSeconds}; done`
  const words = ['netns', 'exec', namespace, 'bash', '-c', script]
  const child = spawn('ip', words, { stdio: 'ignore' })
  return () => void child.kill()
}

async function idle(hosts: readonly LabHost[], idleMs: number): Promise<Taken[]> {
  const pids = hosts.map(({ agentPid, name }) => {
    if (agentPid === undefined) throw new Error(`${name} has no agent`)
    return agentPid
  })
  const before = pids.map(cpuMsExact)
  const startedAt = now()
  await pause(idleMs)
  const elapsed = now() - startedAt
  return pids.map((pid, index) => ({
    cpu: (100 * (cpuMsExact(pid) - (before[index] ?? 0))) / elapsed,
    memory: memoryMb(pid).rss,
  }))
}
