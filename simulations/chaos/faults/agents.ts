/** Agents that are killed, stopped, frozen, starved and made anew, while their hosts go on. */

import { readdir, readFile } from 'node:fs/promises'
import { type ClientHttp2Session, connect as openSession } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosHost } from '../chaos-host.ts'
import { execute, printed } from '../docker.ts'
import type { Witness } from '../judge/record.ts'
import { NotNow, type Play } from './fault.ts'

/** Docker starts again what died, after a pause that doubles each time. */
const startedWithinMs = 60_000
const lookMs = 50
const starvedCpus = '0.05'
const stepBytes = 2 << 20
const limitsMax = 30
const fineBytes = 256 << 10
const finerMax = 8
/** Each of them costs the agent a connection and its buffers; its heap may have room for the first ones. */
const sessionsEach = 100
const wavesMax = 4
const waveMs = 1_000
const plentyBytes = 2 * 2 ** 30
/** Descriptors that a process keeps back for the moment when it has no other one. */
const spareFiles = 2
const askedMax = 20

export const killAgent: Play = async ({ host }) => {
  const before = await pidOf(host)
  process.kill(before, 'SIGKILL')
  return () => restarted(host, before)
}

/** Not by killing it, for Docker waits ever longer before it starts again what dies often. */
export const restartAgent: Play = async ({ site, host }) => {
  const before = await pidOf(host)
  await site.docker.run('restart', '--time', '10', host.agent)
  return () => restarted(host, before)
}

export const killReader: Play = async ({ host }) => {
  const before = await host.readerPid()
  if (before === 0) throw new NotNow('its agent has no reader')
  process.kill(before, 'SIGKILL')
  return async () => {
    const after = await until(async () => {
      const pid = await host.readerPid()
      return pid !== 0 && pid !== before ? pid : undefined
    })
    return { what: 'another process reads the kernel', count: after === undefined ? 0 : 1 }
  }
}

export const stopAgent: Play = async ({ site, host }) => {
  await pidOf(host)
  await site.docker.run('stop', '--time', '10', host.agent)
  const wasDown = (await host.agentPid()) === 0
  return async () => {
    await site.docker.run('start', host.agent)
    return { what: 'its agent did not run', count: wasDown ? 1 : 0 }
  }
}

export const freezeAgent: Play = async ({ host }) => {
  const pid = await pidOf(host)
  const pids = [pid, await host.readerPid()].filter((each) => each !== 0)
  for (const each of pids) process.kill(each, 'SIGSTOP')
  const stopped = await Promise.all(
    pids.map((each) => until(async () => (await isStopped(each)) || undefined)),
  )
  return async () => {
    for (const each of pids) process.kill(each, 'SIGCONT')
    return { what: 'processes in state T', count: stopped.filter(Boolean).length }
  }
}

export const starveAgent: Play = async ({ site, host }) => {
  const pid = await pidOf(host)
  const before = await throttled(pid)
  await site.docker.run('update', '--cpus', starvedCpus, host.agent)
  return async () => {
    const after = await throttled(pid)
    await site.docker.run('update', '--cpus', String(availableParallelism()), host.agent)
    return { what: 'periods in which it was throttled', count: after - before }
  }
}

export const killAllAgents: Play = async ({ hosts }) => {
  const before = await Promise.all(hosts.map(pidOf))
  for (const pid of before) process.kill(pid, 'SIGKILL')
  return async () => {
    const found = await Promise.all(hosts.map((host, at) => restarted(host, before[at] ?? 0)))
    return together('new processes of agents', found)
  }
}

/** As operators do it: each once the one before it is there. */
export const restartInTurn: Play = async ({ site, hosts }) => {
  const found: Witness[] = []
  for (const host of hosts) {
    const before = await pidOf(host)
    await site.docker.run('restart', '--time', '10', host.agent)
    found.push(await restarted(host, before))
    await host.converged()
  }
  return async () => together('new processes of agents', found)
}

export const recreateAgent: Play = async ({ site, host }) => {
  const before = await host.agentId()
  await site.recreate(host)
  const isNew = (await host.agentId()) !== before
  return async () => ({ what: 'another container', count: isNew ? 1 : 0 })
}

/** To the earlier one and back, each only once the one before it is there. */
export const otherVersion: Play = async ({ site, hosts }) => {
  const { earlierImage } = site
  if (earlierImage === undefined) throw new NotNow('no earlier version is known')
  let replaced = 0
  for (const host of hosts) {
    await site.change(host, { image: earlierImage })
    await host.converged()
    const image = await site.docker.run('inspect', host.agent, '--format', '{{.Config.Image}}')
    if (image.trim() === earlierImage) replaced += 1
  }
  return async () => {
    for (const host of hosts) {
      await site.change(host, {})
      await host.converged()
    }
    return { what: 'agents of another version', count: replaced }
  }
}

/** Hardly more than what cannot be taken back from it: what it is asked all at once needs more. */
export const littleMemory: Play = async ({ site, host }) => {
  const pid = await pidOf(host)
  const group = await groupOf(pid, 'memory')
  const limit = async (bytes: number): Promise<boolean> => {
    const words = ['update', '--memory', `${bytes}`, '--memory-swap', `${bytes}`, host.agent]
    return (await site.docker.attempt(words)).exitCode === 0
  }
  // Its control group goes with its process.
  const refused = async () =>
    Number(await readFile(`${group}/memory.failcnt`, 'utf8').catch(() => Number.POSITIVE_INFINITY))
  const before = await refused()
  const stat = await readFile(`${group}/memory.stat`, 'utf8')
  let least = Number(/^total_rss (\d+)$/m.exec(stat)?.[1])
  // What the kernel itself has for it counts, too, and grows and falls.
  for (let tries = 0; tries < limitsMax && !(await limit(least)); tries += 1) least += stepBytes
  for (let tries = 0; tries < finerMax && (await limit(least - fineBytes)); tries += 1) {
    least -= fineBytes
  }
  const sessions: ClientHttp2Session[] = []
  for (let wave = 0; wave < wavesMax && (await refused()) === before; wave += 1) {
    sessions.push(...Array.from({ length: sessionsEach }, () => session(host)))
    await sleep(waveMs)
  }
  return async () => {
    for (const each of sessions) each.destroy()
    const count = (await refused()) - before
    const isEnough = await limit(plentyBytes)
    const isAnother = (await host.agentPid()) !== pid
    if (isAnother || !isEnough) {
      // Docker changes no container that it is about to start again.
      await site.docker.run('stop', '--time', '0', host.agent)
      if (!(await limit(plentyBytes))) throw new Error(`${host.name} has too little memory still`)
      await site.docker.run('start', host.agent)
    }
    return { what: 'pages that it did not get', count: isAnother ? 1 : count }
  }
}

export const fewFiles: Play = async ({ host }) => {
  const pid = await pidOf(host)
  const open = (await readdir(`/proc/${pid}/fd`)).length
  const before = await filesLimit(pid)
  await limitFiles(pid, open)
  const sockets = await connections(host)
  const left = open - (await readdir(`/proc/${pid}/fd`)).length
  return async () => {
    for (const socket of sockets) socket.destroy()
    await limitFiles(pid, before).catch(() => undefined)
    return { what: 'at its limit', count: left <= spareFiles ? 1 : 0 }
  }
}

/** Rejects with NotNow where no agent runs. */
export async function pidOf(host: ChaosHost): Promise<number> {
  const pid = await host.agentPid()
  if (pid === 0) throw new NotNow('its agent does not run')
  return pid
}

export async function restarted(host: ChaosHost, before: number): Promise<Witness> {
  const after = await until(async () => {
    const pid = await host.agentPid()
    return pid !== 0 && pid !== before ? pid : undefined
  })
  return { what: 'another process of its agent', count: after === undefined ? 0 : 1 }
}

/** Undefined: not in time. */
export async function until<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
  const end = performance.now() + startedWithinMs
  for (;;) {
    const found = await look()
    if (found !== undefined || performance.now() > end) return found
    await sleep(lookMs)
  }
}

async function isStopped(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return /^State:\s+T/m.test(status)
}

/** How often its control group had used up its share of the CPUs. */
async function throttled(pid: number): Promise<number> {
  const stat = await readFile(`${await groupOf(pid, 'cpu')}/cpu.stat`, 'utf8')
  return Number(/^nr_throttled (\d+)/m.exec(stat)?.[1] ?? 0)
}

/** Directory of its control group. */
async function groupOf(pid: number, controller: string): Promise<string> {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8')
  for (const line of groups.split('\n')) {
    const [, controllers = '', path = ''] = line.split(':')
    if (controllers.split(',').includes(controller)) return `/sys/fs/cgroup/${controller}${path}`
  }
  throw new NotNow(`no control group of the controller ${controller}`)
}

async function filesLimit(pid: number): Promise<number> {
  const limits = await readFile(`/proc/${pid}/limits`, 'utf8')
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1])
}

async function limitFiles(pid: number, count: number): Promise<void> {
  const command = ['prlimit', `--pid=${pid}`, `--nofile=${count}:`] as const
  printed(command, await execute(command))
}

/** A connection of its own, which calls of one process would share. */
function session({ socket }: ChaosHost): ClientHttp2Session {
  const opened = openSession('http://starling', { createConnection: () => connect(socket) })
  return opened.on('error', () => undefined)
}

/** More than it has descriptors left for. */
async function connections(host: ChaosHost): Promise<readonly Socket[]> {
  const sockets = Array.from({ length: askedMax }, () => connect(host.socket))
  for (const socket of sockets) socket.on('error', () => undefined)
  await sleep(1_000)
  return sockets
}

const together = (what: string, found: readonly Witness[]): Witness => ({
  what,
  count: found.every(({ count }) => count > 0) ? found.length : 0,
})
