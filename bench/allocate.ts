/** How many addresses an agent grants and takes back, durably, beside what its disk can do. */

import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { LabHost } from '../simulations/lab/host.ts'
import { now } from '../simulations/lab/observer.ts'
import { cpuMs } from '../simulations/lab/processes.ts'
import { type Benchmark, figure } from './benchmark.ts'
import { noObserver, startAgents, withCluster } from './cluster.ts'
import { fill, pairs, perSecond, type Taken } from './leases.ts'

const windows = [1, 32] as const
/** Of a lease, more or less. */
const recordBytes = 96
const subnets = ['--pool', '10.64.0.0/10', '--prefix-length', '16']
/** Addresses of a /16 that containers can have. */
const usable = 65_533

interface Round extends Taken {
  readonly agentMs: number
}

export const allocate: Benchmark = async ({ quick, say }) => {
  const [rounds, ms] = quick ? [1, 250] : [12, 2_000]
  const held = Math.ceil((quick ? 0.02 : 0.99) * usable)
  const taken = await withCluster(2, async (cluster) => {
    await startAgents(cluster, undefined, subnets)
    const [empty, full] = cluster.hosts
    if (!empty || !full) throw new Error('a cluster of two has two hosts')
    say(`${held} of ${usable} addresses of a /16`)
    const filled = await fill(full.socket, held)
    // Both have run the same code as often when they are compared.
    await pairs(empty.socket, 64, filled.ms)
    say(`filled at ${perSecond(filled).toFixed(0)} a second; ${rounds} rounds of ${ms} ms each`)
    const all = {
      1: { empty: [] as Round[], full: [] as Round[] },
      32: { empty: [] as Round[], full: [] as Round[] },
    }
    const syncs: number[] = []
    // The first one finds code that no engine has optimised yet.
    for (let round = -1; round < rounds; round += 1) {
      const synced = syncsPerSecond(empty.directory, ms / 2)
      if (round >= 0) syncs.push(synced)
      for (const window of windows) {
        const inTurn = [
          ['empty', empty],
          ['full', full],
        ] as const
        for (const [name, host] of round % 2 === 0 ? inTurn : inTurn.toReversed()) {
          const one = await measure(host, window, ms)
          if (round >= 0) all[window][name].push(one)
        }
      }
    }
    return { all, syncs }
  })
  if (!taken) return { figures: [], notes: [noObserver] }
  const { all, syncs } = taken
  const rates = (list: readonly Round[]) => list.map(perSecond)
  const disk = { what: `fdatasync of ${recordBytes} bytes`, samples: syncs }
  return {
    figures: [
      ...windows.map((window) =>
        figure(`pairs, window ${window}`, '/s', rates(all[window].empty), {
          against: disk,
          ...(window === 32 ? { goal: { medianMin: 2_000 } } : {}),
        }),
      ),
      ...windows.flatMap((window) => {
        const calls = (of: 'allocates' | 'releases') =>
          all[window].empty.flatMap((round) => round[of])
        return [
          figure(`AllocateIP, window ${window}`, 'ms', calls('allocates')),
          figure(`ReleaseIP, window ${window}`, 'ms', calls('releases')),
        ]
      }),
      ...windows.map((window) =>
        figure(
          `pairs, ${share(held)} % of a /16 held, window ${window}`,
          '/s',
          rates(all[window].full),
          {
            against: { what: 'empty', samples: rates(all[window].empty) },
          },
        ),
      ),
    ],
    notes: windows.map((window) => {
      const { empty } = all[window]
      const used = (what: 'agentMs' | 'cpuMs') =>
        sum(empty.map((round) => round[what])) / sum(empty.map(({ count }) => count))
      return `CPU of a pair, window ${window}: ${used('agentMs').toFixed(3)} ms the agent, ${used('cpuMs').toFixed(3)} ms its client`
    }),
  }
}

async function measure(host: LabHost, window: number, ms: number): Promise<Round> {
  const pid = host.agentPid ?? 0
  const before = cpuMs(pid)
  const taken = await pairs(host.socket, window, ms)
  return { ...taken, agentMs: cpuMs(pid) - before }
}

/** One after another in the file system of the agent's state. */
function syncsPerSecond(directory: string, ms: number): number {
  const path = join(directory, 'appended')
  const file = openSync(path, 'a')
  const record = Buffer.alloc(recordBytes, 1)
  const startedAt = now()
  let count = 0
  for (; now() - startedAt < ms; count += 1) {
    writeSync(file, record)
    fdatasyncSync(file)
  }
  const perMs = count / (now() - startedAt)
  closeSync(file)
  rmSync(path)
  return perMs * 1_000
}

const share = (held: number): string => ((100 * held) / usable).toFixed(0)

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)
