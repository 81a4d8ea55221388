/** What the end-to-end tests share: a lab that is always removed, and waiting for what must become true. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { LabHost } from '../../simulations/lab/host.ts'
import { requireLabMachine } from '../../simulations/lab/iproute.ts'
import { Lab } from '../../simulations/lab/topology.ts'
import { ApiError } from '../../src/adapters/api/client.ts'
import type {
  LeaseMessage,
  StatusRequest,
  StatusResponse,
} from '../../src/adapters/api/definition.ts'
import { version } from '../../src/version.ts'

export async function withLab(
  name: string,
  use: (lab: Lab) => Promise<void>,
  options: { lan?: string } = {},
): Promise<void> {
  // Throws, and so fails the test, where the machine cannot run it.
  requireLabMachine()
  const lab = new Lab({ name: `starling-${name}`, ...options })
  try {
    await lab.up()
    await use(lab)
  } catch (error) {
    for (const host of lab.hosts) console.error(host.tail(25))
    throw error
  } finally {
    await lab.down()
  }
}

/** Hosts with a running agent each; the first is everybody's seed. */
export async function startHosts(
  lab: Lab,
  count: number,
  options: readonly string[] = [],
): Promise<LabHost[]> {
  const hosts: LabHost[] = []
  for (let index = 0; index < count; index += 1) hosts.push(await lab.addHost())
  const seed = hosts[0]?.address ?? ''
  for (const host of hosts) await host.startAgent(['--seed', seed, ...options])
  return hosts
}

/** What is asked may be a process: others need the CPU as well. */
const pauseMs = 100

/** Asks until the answer is not undefined or false. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    assert.ok(performance.now() < end, `not within ${timeoutMs} ms: ${what}`)
    await sleep(pauseMs)
  }
}

export async function converged(...hosts: readonly LabHost[]): Promise<void> {
  const look = async (host: LabHost) => {
    const isOver = async () => {
      const status = await statusOf(host, { wait: true, timeoutMs: 60_000 })
      return status?.convergence.converged
    }
    await until(`${host.name} converges`, isOver, 60_000)
  }
  await Promise.all(hosts.map(look))
}

/** Once each has a subnet and routes to those of the others. */
export async function ready(hosts: readonly LabHost[]): Promise<readonly LabHost[]> {
  for (const host of hosts) await host.note('claim-confirmed')
  await converged(...hosts)
  return hosts
}

/** Undefined while its agent does not listen. */
export async function statusOf(
  host: LabHost,
  asked: Partial<StatusRequest> = {},
): Promise<StatusResponse | undefined> {
  try {
    return await host.ask('Status', asked, (asked.timeoutMs ?? 0) + 10_000)
  } catch (error) {
    if (error instanceof ApiError && error.isAbsence) return undefined
    throw error
  }
}

/** What `starling status` exits 0 for. */
export const isWell = async (host: LabHost): Promise<boolean> => {
  const status = await statusOf(host)
  return status?.convergence.converged === true && status.problems.length === 0
}

export const leases = async (host: LabHost): Promise<readonly LeaseMessage[]> =>
  (await host.ask('Leases')).leases

export const leasedTo = async (host: LabHost, id: string): Promise<string[]> =>
  (await leases(host)).filter((lease) => lease.id === id).map(({ address }) => address)

export async function subnetOf(host: LabHost): Promise<string> {
  const [first = ''] = await ownSubnets(host)
  return first
}

/** IPv4 before IPv6. */
export async function ownSubnets(host: LabHost): Promise<string[]> {
  const { claims } = await host.ask('Claims')
  return claims.filter(({ own }) => own).map(({ prefix }) => prefix)
}

/** One command of a shell in the host's network namespace. Rejects where it fails, or lasts longer than ten seconds. */
export async function shell(host: LabHost, command: string): Promise<string> {
  const words = ['netns', 'exec', host.namespace, 'sh', '-c', command]
  const { stdout } = await promisify(execFile)('ip', words, { timeout: 10_000 })
  return stdout
}

/** Destinations of the owned routes in a host's kernel, ascending. */
export async function destinations(host: LabHost): Promise<string[]> {
  return (await host.routes()).map(({ dst }) => dst).sort()
}

/** The states of a host's routes by prefix. */
export async function routeStates(host: LabHost): Promise<Map<string, string>> {
  const { routes } = await host.ask('Routes')
  return new Map(routes.map(({ prefix, state }) => [prefix, state]))
}

/** The messages of its problems, by code. */
export async function problems(host: LabHost): Promise<Map<string, string>> {
  const status = await host.ask('Status')
  return new Map(status.problems.map(({ code, message }) => [code, message]))
}

/** The program that is built, under another version. */
export async function programOfVersion(lab: Lab, other: string): Promise<string> {
  const place = join(lab.directory, `version-${other}`)
  const files = ['dist', 'node_modules'].map((name) => join(import.meta.dirname, '../..', name))
  const [dist = '', modules = ''] = files
  await cp(dist, join(place, 'dist'), { recursive: true })
  await symlink(modules, join(place, 'node_modules'))
  await promisify(execFile)('sh', ['-c', `sed -i 's/"${version}"/"${other}"/' ${place}/dist/*.js`])
  return join(place, 'dist/starling.js')
}

/** Of all nodes that its agent knows. */
export async function peerNames(host: LabHost): Promise<string[]> {
  const { peers } = await host.ask('Peers')
  return peers.map(({ name }) => name).sort()
}
