/** Agents that are killed, stopped, frozen, starved and made anew, while their hosts go on. */

import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosHost } from '../chaos-host.ts'
import { agentService } from '../compose-file.ts'
import type { Witness } from '../judge/record.ts'
import { NotNow, type Play } from './fault.ts'

/** Docker starts again what died, after a pause that doubles each time. */
const startedWithinMs = 60_000
const lookMs = 50
const starvedCpus = '0.05'

export const killAgent: Play = async ({ host }) => {
  const before = await pidOf(host)
  process.kill(before, 'SIGKILL')
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

export const restartInTurn: Play = async ({ site, hosts }) => {
  const found: Witness[] = []
  for (const host of hosts) {
    const before = await pidOf(host)
    await site.docker.run('restart', '--time', '10', host.agent)
    found.push(await restarted(host, before))
  }
  return async () => together('new processes of agents', found)
}

export const recreateAgent: Play = async ({ site, host }) => {
  const before = await host.agentId()
  const service = agentService(host.number)
  await site.compose('up', '--detach', '--no-build', '--no-deps', '--force-recreate', service)
  const isNew = (await host.agentId()) !== before
  return async () => ({ what: 'another container', count: isNew ? 1 : 0 })
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
async function until<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
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
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8')
  for (const line of groups.split('\n')) {
    const [, controllers = '', path = ''] = line.split(':')
    if (controllers !== '' && !controllers.split(',').includes('cpu')) continue
    const mount = controllers === '' ? '/sys/fs/cgroup' : `/sys/fs/cgroup/${controllers}`
    const stat = await readFile(`${mount}${path}/cpu.stat`, 'utf8').catch(() => '')
    const [, count] = /^nr_throttled (\d+)/m.exec(stat) ?? []
    if (count !== undefined) return Number(count)
  }
  throw new NotNow('no control group of the CPU')
}

const together = (what: string, found: readonly Witness[]): Witness => ({
  what,
  count: found.every(({ count }) => count > 0) ? found.length : 0,
})
