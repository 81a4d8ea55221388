/** What an idle agent and its reader of kernel notifications take: memory and CPU. */

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { LabHost } from '../simulations/lab/host.ts'
import { now } from '../simulations/lab/observer.ts'
import { childrenOf, cpuMs, memoryMb } from '../simulations/lab/processes.ts'
import { openIdentity } from '../src/adapters/store/identity.ts'
import { openStore } from '../src/adapters/store/store.ts'
import { keyPairFromSeed, sealer } from '../src/wire/signature.ts'
import { type Benchmark, type Figure, figure } from './benchmark.ts'
import { type Cluster, noObserver, program, startAgents, withCluster } from './cluster.ts'
import { recordOf } from './records.ts'

const reader = 'its reader'

export const memory: Benchmark = async ({ quick, say }) => {
  const peers = quick ? 1 : 16
  const idleMs = quick ? 1_000 : 60_000
  say(`${peers + 1} agents, idle for ${idleMs / 1_000} s`)
  const connected = await withCluster(peers + 1, async (cluster) => {
    await startAgents(cluster, program)
    // What the start left to do, such as compiling, is not idleness.
    await pause(quick ? 500 : 60_000)
    return idle(cluster, idleMs)
  })
  if (!connected) return { figures: [], notes: [noObserver] }
  const figures: Figure[] = [
    figure(`CPU of an idle agent with ${peers} peers`, '%', connected.cpu.agent, {
      goal: { medianMax: 0.5 },
    }),
    figure(`CPU of ${reader}`, '%', connected.cpu.reader),
    ...figuresOf(`with ${peers} peers`, connected.memory, 150),
  ]
  for (const known of quick ? [3] : [3, 1_024]) {
    say(`one agent that knows ${known} nodes`)
    const alone = await withCluster(1, (cluster) => knowing(cluster, known, quick ? 500 : 20_000))
    if (alone) figures.push(...figuresOf(`that knows ${known} nodes`, [alone]))
  }
  return {
    figures,
    notes: [
      'RSS; "own" is what is shared with no other process: Node\'s binary is mapped once for all',
    ],
  }
}

/** The pool of the made-up records. */
export const agentPool = ['--pool', '172.16.0.0/12', '--prefix-length', '24']

interface Taken {
  readonly agent: ReturnType<typeof memoryMb>
  readonly reader: ReturnType<typeof memoryMb>
}

function figuresOf(what: string, taken: readonly Taken[], goalMb?: number): Figure[] {
  const goal = goalMb === undefined ? {} : { goal: { medianMax: goalMb } }
  return [
    figure(
      `agent ${what}`,
      'MB',
      taken.map(({ agent }) => agent.rss),
    ),
    figure(
      `${reader}`,
      'MB',
      taken.map((each) => each.reader.rss),
    ),
    figure(
      'both',
      'MB',
      taken.map((each) => each.agent.rss + each.reader.rss),
      goal,
    ),
    figure(
      'both, own',
      'MB',
      taken.map((each) => each.agent.own + each.reader.own),
    ),
  ]
}

async function idle({ hosts }: Cluster, idleMs: number) {
  const pids = hosts.map(pidsOf)
  const used = () =>
    pids.map(({ agent, reader: child }) => ({ agent: cpuMs(agent), reader: cpuMs(child) }))
  const before = used()
  const startedAt = now()
  await pause(idleMs)
  const elapsed = now() - startedAt
  const cpu: { agent: number[]; reader: number[] } = { agent: [], reader: [] }
  for (const [index, after] of used().entries()) {
    for (const who of ['agent', 'reader'] as const) {
      cpu[who].push((100 * (after[who] - (before[index]?.[who] ?? 0))) / elapsed)
    }
  }
  return { cpu, memory: pids.map(takenBy) }
}

/** An agent that was stopped when it knew so many nodes, none of which answers. */
async function knowing({ hosts }: Cluster, count: number, settleMs: number): Promise<Taken> {
  const [host] = hosts
  if (!host) throw new Error('a cluster has at least one host')
  await remember(host, count)
  await host.startAgent([...agentPool, '--join-timeout-ms', '1000'], program)
  await host.note('claim-confirmed', { timeoutMs: 60_000 })
  await pause(settleMs)
  const routes = await host.routes()
  // One of them has this host's own address, and so no route.
  if (routes.length < count - 1) throw new Error(`${routes.length} routes to ${count} nodes`)
  return takenBy(pidsOf(host))
}

export async function remember({ directory }: LabHost, count: number): Promise<void> {
  const state = join(directory, 'state')
  await mkdir(directory, { recursive: true })
  const seed = (number: number) => {
    const bytes = new Uint8Array(32)
    new DataView(bytes.buffer).setUint32(0, number)
    return bytes
  }
  const own = await openIdentity(state, () => seed(0xffff_ffff))
  const store = await openStore(state, own.id)
  await store.persistKnown(
    Array.from({ length: count }, (_, index) => {
      const keys = keyPairFromSeed(seed(index))
      const entry = sealer(keys)(recordOf(index, { origin: keys.id }))
      return { entry, remainMs: Number.POSITIVE_INFINITY }
    }),
  )
}

function pidsOf(host: LabHost): { agent: number; reader: number } {
  const agent = host.agentPid
  const [child] = agent === undefined ? [] : childrenOf(agent)
  if (agent === undefined || child === undefined) throw new Error(`${host.name} has no agent`)
  return { agent, reader: child }
}

const takenBy = (pids: { agent: number; reader: number }): Taken => ({
  agent: memoryMb(pids.agent),
  reader: memoryMb(pids.reader),
})
