/** What an agent has stored, as disks and operators leave it: full, read-only, damaged, another one's, and old. */

import { copyFile, cp, mkdir, readFile, rm, statfs, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosHost } from '../chaos-host.ts'
import { execute, printed } from '../docker.ts'
import type { Site } from '../site.ts'
import { pidOf } from './agents.ts'
import { NotNow, type Play } from './fault.ts'
import { writes } from './writes.ts'

/** Until an agent that does not start has said so. */
const refusedMs = 10_000
/** Long enough for a few words of a node to be stored. */
const oldMs = 4_000
const lookMs = 100

export const fullDisk: Play = async ({ host }) => {
  await pidOf(host)
  const filler = join(host.state, 'filler')
  const { bavail, bsize } = await statfs(host.state)
  await writeFile(filler, Buffer.alloc(bavail * bsize)).catch(() => undefined)
  const writing = writes(host)
  return async () => {
    const refused = await writing.stop()
    await rm(filler)
    return { what: 'leases that were refused', count: refused }
  }
}

export const readOnlyDisk: Play = async ({ site, host }) => {
  await stop(site, host)
  await mounted(host, 'ro')
  await site.docker.run('start', host.agent)
  const hadTrouble = await refuses(site, host)
  return async () => {
    await mounted(host, 'rw')
    await again(site, host)
    return { what: 'it could not write', count: hadTrouble ? 1 : 0 }
  }
}

export const damagedState: Play = async ({ site, fault, host }) => {
  await stop(site, host)
  const kept = `${host.state}-kept`
  const [file, damage] = choiceOf(fault.share)
  const victim = join(host.state, file)
  await mkdir(kept)
  await copyFile(victim, join(kept, file)).catch(() => {
    throw new NotNow(`there is no file ${file}`)
  })
  const other = site.hosts[(host.number + 1) % site.hosts.length] as ChaosHost
  await damage(victim, join(other.state, file))
  await site.docker.run('start', host.agent)
  const hadTrouble = await refuses(site, host)
  return async () => {
    await site.docker.run('stop', '--time', '10', host.agent)
    await copyFile(join(kept, file), victim)
    await rm(kept, { recursive: true })
    await again(site, host)
    return { what: `it said that its file ${file} is no good`, count: hadTrouble ? 1 : 0 }
  }
}

export const rolledBack: Play = async ({ site, host }) => {
  const kept = `${host.state}-kept`
  const earlier = await incarnationOf(host)
  await stop(site, host)
  await cp(host.state, kept, { recursive: true })
  await site.docker.run('start', host.agent)
  const later = await incarnationOf(host)
  await sleep(oldMs)
  await site.docker.run('stop', '--time', '10', host.agent)
  await site.clearState(host)
  await cp(kept, host.state, { recursive: true })
  await rm(kept, { recursive: true })
  await site.docker.run('start', host.agent)
  return async () => ({ what: 'incarnations that it forgot', count: later - earlier })
}

type Damage = (file: string, others: string) => Promise<void>

const cutOff: Damage = async (file) => {
  const { length } = await readFile(file)
  await truncate(file, length >> 1)
}
const wrongBit: Damage = async (file) => {
  const bytes = await readFile(file)
  const middle = bytes.length >> 1
  bytes[middle] = (bytes[middle] ?? 0) ^ 1
  await writeFile(file, bytes)
}
const anothers: Damage = (file, others) => copyFile(others, file)

function choiceOf(share: number): readonly [string, Damage] {
  const choices = ['own', 'known'].flatMap((file) =>
    [cutOff, wrongBit, anothers].map((damage) => [file, damage] as const),
  )
  return choices[Math.floor(share * choices.length)] ?? ['own', cutOff]
}

async function stop(site: Site, host: ChaosHost): Promise<void> {
  await pidOf(host)
  await site.docker.run('stop', '--time', '10', host.agent)
}

async function again(site: Site, host: ChaosHost): Promise<void> {
  // Docker waits ever longer before it starts again what fails.
  await site.docker.run('restart', '--time', '10', host.agent)
}

/** Whether it ended with an error since it was started, or says that something is wrong with its store. */
async function refuses(site: Site, host: ChaosHost): Promise<boolean> {
  const end = performance.now() + refusedMs
  while (performance.now() < end) {
    // Of one that runs it is 0, whatever it was before.
    const shown = await site.docker.run('inspect', host.agent, '--format', '{{.State.ExitCode}}')
    if (shown.trim() !== '0') return true
    const status = await host.status().catch(() => undefined)
    if (status?.problems.some(({ code }) => /store|state|disk|lease/.test(code))) return true
    await sleep(lookMs)
  }
  return false
}

const incarnationOf = async (host: ChaosHost): Promise<number> =>
  (await host.converged()).incarnation

async function mounted({ state }: ChaosHost, how: 'ro' | 'rw'): Promise<void> {
  const command = ['mount', '-o', `remount,${how}`, state] as const
  printed(command, await execute(command))
}
