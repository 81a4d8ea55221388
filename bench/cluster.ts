/** Hosts with agents for a benchmark, and a third process that watches their kernels. */

import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { LabHost } from '../simulations/lab/host.ts'
import { ip, namespacesNamed } from '../simulations/lab/iproute.ts'
import { now, Observer, type RouteChange } from '../simulations/lab/observer.ts'
import { Lab } from '../simulations/lab/topology.ts'

export const sources = new URL('../src/starling.ts', import.meta.url).pathname
const bundle = new URL('../dist/starling.js', import.meta.url).pathname
/** Undefined where nobody has run `npm run build`. */
export const built = existsSync(bundle) ? bundle : undefined
/** What users run, where it is there. */
export const program = built ?? sources

const labName = 'starling-bench'
/** starling's route protocol. */
export const owned = 83

export interface Cluster {
  readonly lab: Lab
  readonly hosts: readonly LabHost[]
  readonly observer: Observer
}

export const noObserver = 'no C compiler here, so nobody can stamp what kernels do: npm run setup'

/** Hosts without agents, for as long as `use` takes. Undefined where the observer cannot be compiled. */
export async function withCluster<T>(
  count: number,
  use: (cluster: Cluster) => Promise<T>,
): Promise<T | undefined> {
  await sweep()
  const lab = new Lab({ name: `${labName}-${process.pid}` })
  let observer: Observer | undefined
  try {
    await lab.up()
    for (let index = 0; index < count; index += 1) await lab.addHost()
    observer = await Observer.start(lab.hosts.map(({ namespace }) => namespace))
    if (observer === undefined) return undefined
    return await use({ lab, hosts: lab.hosts, observer })
  } finally {
    // Before the lab, which ends every process that it finds in its namespaces.
    await observer?.stop()
    await lab.down()
  }
}

/** Removes what runs that were killed have left; other runs that are under way keep theirs. */
async function sweep(): Promise<void> {
  const left = await namespacesNamed(`${labName}-`)
  const owners = new Set(left.map((name) => Number(name.slice(labName.length + 1).split('-')[0])))
  for (const owner of owners) {
    if (!existsSync(`/proc/${owner}`)) await new Lab({ name: `${labName}-${owner}` }).down()
  }
}

/** Starts all agents at once and resolves when every kernel has a route to every other host's subnet. */
export async function startAgents(
  { hosts, observer }: Cluster,
  which = program,
  options: readonly string[] = [],
): Promise<{ readonly startedAt: number; readonly completeAt: number }> {
  const complete = completion(observer, hosts.length, hosts.length - 1)
  const startedAt = now()
  const seed = hosts[0]?.address ?? ''
  for (const host of hosts) await host.startAgent(['--seed', seed, ...options], which)
  const ended = Promise.race(hosts.map((host) => agentEnded(host)))
  try {
    return { startedAt, completeAt: await Promise.race([complete, ended]) }
  } catch (error) {
    for (const host of hosts) console.error(host.tail(5))
    throw error
  }
}

/** Never resolves: an agent that runs into the end of its lab is killed without a word that matters. */
async function agentEnded(host: LabHost): Promise<never> {
  const line = await host.seen('its end', ({ level }) => level === 'exit', {
    timeoutMs: patienceMs,
  })
  throw new Error(`${host.name}: ${line.msg}`)
}

/** Ends the agents, which keep what they compiled, and takes away all that they made: the next start is a first one. */
export async function wipe({ hosts }: Cluster): Promise<void> {
  await Promise.all(hosts.map((host) => host.stopAgent()))
  await Promise.all(hosts.map(({ directory }) => rm(directory, { recursive: true, force: true })))
  for (const host of hosts) {
    await ip(`-n ${host.namespace} route flush proto ${owned}`)
    await removeBridge(host)
    host.lines.length = 0
  }
}

/** An agent that is killed early has not made it. */
export async function removeBridge({ namespace }: LabHost): Promise<void> {
  const links = await ip(`-n ${namespace} -o link show type bridge`)
  if (links !== '') await ip(`-n ${namespace} link del starling0`)
}

/** So long nothing changes: claims that raced have settled. */
const quietMs = 1_500
const patienceMs = 120_000

/** When the last of `places` kernels got its last owned route, so that each has `routes` and nothing changes any more. */
function completion(observer: Observer, places: number, routes: number): Promise<number> {
  const tables = Array.from({ length: places }, () => new Set<string>())
  return new Promise((resolve, reject) => {
    let quiet: NodeJS.Timeout | undefined
    const end = (how: () => void) => {
      stop()
      clearTimeout(quiet)
      clearTimeout(patience)
      how()
    }
    const patience = setTimeout(
      () => end(() => reject(new Error(`no complete kernels: ${tables.map(({ size }) => size)}`))),
      patienceMs,
    )
    const stop = observer.listen(({ place, type, destination, protocol, at }) => {
      if (protocol !== owned) return
      const table = tables[place]
      if (type === 'added') table?.add(destination)
      else table?.delete(destination)
      clearTimeout(quiet)
      if (tables.every(({ size }) => size === routes)) {
        quiet = setTimeout(() => end(() => resolve(at)), quietMs)
      }
    })
  })
}

/** Resolves, once `places` kernels said this of a destination, with the time of each by its place. */
export function everywhere(
  observer: Observer,
  { type, destination, places }: Pick<RouteChange, 'type' | 'destination'> & { places: number },
): Promise<ReadonlyMap<number, number>> {
  const seen = new Map<number, number>()
  return new Promise((resolve, reject) => {
    const stop = observer.listen((change) => {
      if (change.type !== type || change.destination !== destination) return
      seen.set(change.place, change.at)
      if (seen.size < places) return
      stop()
      clearTimeout(patience)
      resolve(seen)
    })
    const patience = setTimeout(() => {
      stop()
      reject(new Error(`${destination} was ${type} in ${seen.size} of ${places} kernels`))
    }, 10_000)
  })
}
