/** How long a whole cluster takes from nothing to complete kernels. */

import type { LabHost } from '../simulations/lab/host.ts'
import { childrenOf, cpuMs as cpuSoFar } from '../simulations/lab/processes.ts'
import { median } from '../simulations/statistics.ts'
import { type Benchmark, type Figure, figure } from './benchmark.ts'
import { built, noObserver, sources, startAgents, wipe, withCluster } from './cluster.ts'

/** What an agent logs when it gets so far, and what that is. */
const steps = [
  ['uplink-located', 'its process has started'],
  ['peer-connected', 'its first connection'],
  ['node-joined', 'its first record of another node'],
  ['in-sync', 'in sync'],
  ['claim-tentative', 'its claim is chosen'],
  ['claim-confirmed', 'its claim is confirmed'],
] as const

interface Round {
  readonly completeMs: number
  /** Of all agents and their readers. */
  readonly cpuMs: number
  /** Ms since the start, for each step one per agent. */
  readonly steps: readonly (readonly number[])[]
}

export const coldStart: Benchmark = async ({ quick, say }) => {
  const count = quick ? 2 : 16
  const rounds = quick ? 1 : 3
  const programs = [
    ...(built ? [{ name: 'dist', program: built }] : []),
    { name: 'sources', program: sources },
  ]
  const taken = new Map<string, Round[]>(programs.map(({ name }) => [name, []]))
  const looked = await withCluster(count, async (cluster) => {
    // The first round of each fills the compile cache.
    for (let round = quick ? 0 : -1; round < rounds; round += 1) {
      for (const { name, program } of programs) {
        const wallMs = Date.now()
        const { startedAt, completeAt } = await startAgents(cluster, program)
        const completeMs = completeAt - startedAt
        say(`${count} agents from ${name}: ${Math.round(completeMs)} ms`)
        if (round >= 0) {
          const cpuMs = cluster.hosts.reduce((sum, host) => sum + cpuOf(host), 0)
          const seen = steps.map(([code]) => cluster.hosts.map((host) => since(wallMs, host, code)))
          taken.get(name)?.push({ completeMs, cpuMs, steps: seen })
        }
        await wipe(cluster)
      }
    }
    return true
  })
  if (!looked) return { figures: [], notes: [noObserver] }
  return {
    figures: [...taken].flatMap(([name, all]) => figuresOf(`${count} agents from ${name}`, all)),
    notes: [
      'elsewhere, same set-up: 0.7 s (BIRD, Babel), 1.2 s (BIRD, BGP), 4.4 s (FRR, OSPF), 8.3 s (FRR, BGP)',
      ...(built ? [] : ['no dist here, so nothing of it is measured: npm run build']),
    ],
  }
}

function figuresOf(what: string, rounds: readonly Round[]): Figure[] {
  const goal = { medianMax: 4_400 }
  const complete = rounds.map(({ completeMs }) => completeMs)
  return [
    figure(`${what}: all kernels complete`, 'ms', complete, { goal }),
    figure(
      '  CPU of all of them until then',
      'ms',
      rounds.map((round) => round.cpuMs),
    ),
    ...steps.flatMap(([, step], index) => {
      const agents = rounds.map((round) => (round.steps[index] ?? []).filter(Number.isFinite))
      return [
        figure(`  ${step}, the middle agent`, 'ms', agents.map(median)),
        figure(
          `  ${step}, the last agent`,
          'ms',
          agents.map((all) => Math.max(...all)),
        ),
      ]
    }),
  ]
}

/** When a host's agent first logged this; NaN: never, as where it learned of all others otherwise. */
function since(wallMs: number, { lines }: LabHost, code: string): number {
  const line = lines.find((each) => each.code === code)
  return line ? Date.parse(String(line.time)) - wallMs : Number.NaN
}

function cpuOf({ agentPid }: LabHost): number {
  if (agentPid === undefined) return Number.NaN
  return [agentPid, ...childrenOf(agentPid)].reduce((sum, pid) => sum + cpuSoFar(pid), 0)
}
