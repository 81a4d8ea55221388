/** What starting a process costs: the command line's client, and an agent until it holds a subnet. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { LabHost } from '../simulations/lab/host.ts'
import { now } from '../simulations/lab/observer.ts'
import { cpuMs } from '../simulations/lab/processes.ts'
import { defaultTiming } from '../src/core/config.ts'
import { type Benchmark, type Figure, figure } from './benchmark.ts'
import { built, noObserver, removeBridge, sources, withCluster } from './cluster.ts'

interface Variant {
  readonly name: string
  readonly program: string
  readonly cached: boolean
}

interface Start {
  /** Wall clock and CPU in ms. */
  readonly took: number
  readonly cpu: number
}

export const startUp: Benchmark = async ({ quick, say }) => {
  const rounds = quick ? 1 : 9
  const variants: Variant[] = [
    ...(built ? [{ name: 'dist, compile cache', program: built, cached: true }] : []),
    ...(built ? [{ name: 'dist', program: built, cached: false }] : []),
    { name: 'sources, compile cache', program: sources, cached: true },
    { name: 'sources', program: sources, cached: false },
  ].slice(0, quick ? 1 : undefined)
  say(`${variants.map(({ name }) => name).join('; ')}: ${rounds} starts each in turns`)
  const starts = await withCluster(1, async ({ hosts: [host] }) => {
    if (!host) throw new Error('a cluster has at least one host')
    return {
      'starling --help': await inTurns(variants, rounds, (each) => runCli(each, ['--help'])),
      'agent until its subnet is confirmed': await inTurns(variants, rounds, (each) =>
        runAgent(each, host),
      ),
      'starling status': await withAgent(host, () =>
        inTurns(variants, rounds, (each) => runCli(each, ['status', '--socket', host.socket])),
      ),
    }
  })
  if (!starts) return { figures: [], notes: [noObserver] }
  const figures: Figure[] = []
  for (const [what, taken] of Object.entries(starts)) {
    for (const [name, samples] of taken) {
      figures.push(
        figure(
          `${what}, ${name}`,
          'ms',
          samples.map(({ took }) => took),
        ),
      )
      if (what.startsWith('agent')) {
        figures.push(
          figure(
            '  CPU of it',
            'ms',
            samples.map(({ cpu }) => cpu),
          ),
        )
      }
    }
  }
  return {
    figures,
    notes: [
      `an agent's start includes the ${defaultTiming.settleMs} ms for which a claim must stand`,
      ...(built ? [] : ['no dist here, so nothing of it is measured: npm run build']),
    ],
  }
}

async function inTurns(
  variants: readonly Variant[],
  rounds: number,
  start: (variant: Variant) => Promise<Start>,
): Promise<Map<string, Start[]>> {
  const taken = new Map<string, Start[]>(variants.map(({ name }) => [name, []]))
  // The first round fills the compile cache.
  for (let round = -1; round < rounds; round += 1) {
    for (const variant of variants) {
      const one = await start(variant)
      if (round >= 0) taken.get(variant.name)?.push(one)
    }
  }
  return taken
}

async function runCli(variant: Variant, words: readonly string[]): Promise<Start> {
  const startedAt = now()
  const child = spawn(process.execPath, [variant.program, ...words], {
    stdio: 'ignore',
    env: environment(variant),
  })
  await once(child, 'exit')
  return { took: now() - startedAt, cpu: Number.NaN }
}

async function runAgent(variant: Variant, host: LabHost): Promise<Start> {
  const { agent, startedAt } = spawnAgent(variant, host)
  try {
    await confirmed(agent)
    return { took: now() - startedAt, cpu: cpuMs(agent.pid ?? 0) }
  } finally {
    await end(agent)
    await rm(join(host.directory, 'state'), { recursive: true, force: true })
    await removeBridge(host)
  }
}

async function withAgent<T>(host: LabHost, use: () => Promise<T>): Promise<T> {
  const { agent } = spawnAgent({ name: '', program: sources, cached: true }, host)
  try {
    await confirmed(agent)
    return await use()
  } finally {
    await end(agent)
  }
}

function spawnAgent(variant: Variant, host: LabHost): { agent: ChildProcess; startedAt: number } {
  const startedAt = now()
  const agent = spawn(
    'ip',
    [
      ...['netns', 'exec', host.namespace, process.execPath, variant.program, 'agent'],
      ...['--name', host.name, '--interface', 'eth0', '--log-format', 'json'],
      ...['--state-dir', join(host.directory, 'state'), '--socket', host.socket],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], env: environment(variant) },
  )
  return { agent, startedAt }
}

function confirmed(agent: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!agent.stderr) return reject(new Error('the agent has no log'))
    let last = ''
    createInterface({ input: agent.stderr }).on('line', (line) => {
      last = line
      if (line.includes('"claim-confirmed"')) resolve()
    })
    agent.once('exit', () => reject(new Error(`the agent ended: ${last}`)))
  })
}

async function end(agent: ChildProcess): Promise<void> {
  if (agent.exitCode !== null || agent.signalCode !== null) return
  const ended = once(agent, 'exit')
  agent.kill('SIGKILL')
  await ended
}

const cache = new URL('../node_modules/.cache/starling-bench/compiled', import.meta.url).pathname

function environment({ cached }: Variant): NodeJS.ProcessEnv {
  const { NODE_COMPILE_CACHE: _, ...env } = process.env
  return {
    ...env,
    ...(cached ? { NODE_COMPILE_CACHE: cache } : { NODE_DISABLE_COMPILE_CACHE: '1' }),
  }
}
