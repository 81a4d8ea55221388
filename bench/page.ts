/** What the page costs an agent that knows 1024 nodes: nothing without a viewer, little with one; and a browser: its bytes. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { buildPage } from '../packaging/page.ts'
import type { LabHost } from '../simulations/lab/host.ts'
import { now } from '../simulations/lab/observer.ts'
import { cpuMs } from '../simulations/lab/processes.ts'
import { type ApiClient, connectApi } from '../src/adapters/api/client.ts'
import { type Benchmark, figure } from './benchmark.ts'
import { noObserver, program, withCluster } from './cluster.ts'
import { agentPool, remember } from './memory.ts'

const project = join(import.meta.dirname, '..')
const port = 7_880
const answerMs = 10_000

export const page: Benchmark = async ({ quick, say }) => {
  const known = quick ? 64 : 1_024
  const [rounds, roundMs, settleMs] = quick ? [1, 1_000, 500] : [6, 10_000, 20_000]
  say(`${known} known nodes, one change a second, ${rounds} rounds with and without a viewer`)
  await buildPage(project)
  const taken = await withCluster(1, async ({ hosts }) => {
    const [host] = hosts
    if (!host) throw new Error('a cluster has at least one host')
    await remember(host, known)
    const listen = ['--ui-listen', `127.0.0.1:${port}`, '--join-timeout-ms', '1000']
    await host.startAgent([...agentPool, ...listen], program)
    await host.note('claim-confirmed', { timeoutMs: 60_000 })
    await pause(settleMs)
    const client = await connectApi(host.socket)
    const cpu: { without: number[]; viewed: number[] } = { without: [], viewed: [] }
    try {
      for (let round = 0; round < rounds; round += 1) {
        cpu.without.push(await cpuOf(host, client, roundMs))
        const viewer = await look(host)
        cpu.viewed.push(await cpuOf(host, client, roundMs))
        viewer.kill()
        await once(viewer, 'exit')
      }
    } finally {
      client.close()
    }
    return cpu
  })
  const bytes = ['index.html', 'page.js', 'style.css', 'icon.svg'].map(
    (name) => statSync(join(project, 'dist/page', `${name}.gz`)).size,
  )
  const size = bytes.reduce((sum, each) => sum + each, 0)
  const figures = [
    figure('bytes of the page, packed', 'count', [size], { goal: { medianMax: 30_000 } }),
  ]
  if (!taken) return { figures, notes: [noObserver] }
  const more = taken.viewed.map((viewed, index) => viewed - (taken.without[index] ?? 0))
  return {
    figures: [
      figure(`CPU of the agent that knows ${known} nodes, one change a second`, '%', taken.without),
      figure('the same with a viewer', '%', taken.viewed),
      figure('what the viewer costs', '%', more, { goal: { medianMax: 2 } }),
      ...figures,
    ],
    notes: ['a change: a prefix is announced, or withdrawn again'],
  }
}

async function cpuOf(host: LabHost, client: ApiClient, forMs: number): Promise<number> {
  const pid = host.agentPid
  if (pid === undefined) throw new Error(`${host.name} has no agent`)
  const before = cpuMs(pid)
  const startedAt = now()
  for (let isAnnounced = false; now() - startedAt < forMs; isAnnounced = !isAnnounced) {
    const method = isAnnounced ? 'Withdraw' : 'Announce'
    await client.call(method, { prefix: '192.168.77.0/24' }, answerMs)
    await pause(1_000)
  }
  return (100 * (cpuMs(pid) - before)) / (now() - startedAt)
}

/** Resolves once it has got something. */
async function look({ namespace }: LabHost): Promise<ChildProcess> {
  const script = `require('node:http').get('http://127.0.0.1:${port}/api/watch', (r) => { r.once('data', () => console.log('sees')); r.resume() })`
  const words = ['netns', 'exec', namespace, process.execPath, '-e', script]
  const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}
