/** What is played with a cluster of containers: stories, named as in the simulator where it has the same. */

import { overlaps, parsePrefix } from '../../src/core/ip/prefix.ts'
import type { Observed } from '../lab/observed.ts'
import type { Screen } from '../lab/screen.ts'
import { type Cluster, hostAt } from './cluster.ts'
import { DockerError } from './docker.ts'
import type { Host } from './host.ts'
import { settle } from './settle.ts'
import { Workload } from './workload.ts'

export interface Stage {
  readonly cluster: Cluster
  readonly screen: Screen
  /** Grows as the stories go on; removed by whoever set the stage. */
  readonly workloads: Workload[]
}

export interface Scenario {
  readonly name: string
  readonly promise: string
  readonly play: (stage: Stage) => Promise<void>
}

/** In this order: each finds the cluster as the one before left it. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'cold-start',
    promise: 'four hosts start at once, find each other by the name of their service, and route',
    play: coldStart,
  },
  {
    name: 'crash-restart',
    promise:
      'an agent killed by kill -9 comes back with its subnet, and its kernel is filled again',
    play: crashRestart,
  },
  {
    name: 'recreate',
    promise: 'a host recreated without its state is a new node, and says so',
    play: recreate,
  },
  {
    name: 'grow-and-shrink',
    promise: 'two hosts join, three leave, and their subnets are free',
    play: growAndShrink,
  },
]

async function coldStart(stage: Stage): Promise<void> {
  const { cluster, screen, workloads } = stage
  await cluster.scale(4)
  const observed = await settle(await cluster.hosts())
  report(screen, observed)
  await avoidsLocalNetworks(stage, observed)
  const status = ['exec', '-T', '--index', '2', 'host', 'starling', 'status', '--wait']
  screen.shown(`docker compose ${status.join(' ')}`, await cluster.compose(...status))
  for (const [index, host] of (await cluster.hosts()).entries()) {
    const subnet = subnetOf(observed[index])
    workloads.push(await Workload.behind(host, subnet, `${cluster.project}-w${index + 1}`))
  }
  await pingAll(stage)
}

async function crashRestart(stage: Stage): Promise<void> {
  const { cluster, screen, workloads } = stage
  const host = await hostAt(cluster, 1)
  const before = await host.observe()
  const startedAt = await host.startedAt()
  const pid = await host.pid()
  // Not docker kill, which counts as a wish that it stays down.
  process.kill(pid, 'SIGKILL')
  await seen(`${host.name} is started again`, async () => (await host.startedAt()) !== startedAt)
  await seen(`${host.name} has routes again`, async () => (await host.routes()).length === 3)
  const tookMs = Date.now() - Date.parse(await host.startedAt())
  screen.good(`all routes were back ${(tookMs / 1000).toFixed(2)} s after the container's start`)
  const after = (await settle(await cluster.hosts()))[1]
  expect(`${host.name} is the same node`, after?.status.node, before.status.node)
  expect(`${host.name} has its subnet`, subnetOf(after), subnetOf(before))
  // Its network namespace ended with its container.
  await workloads[1]?.attach()
  await pingAll(stage)
}

async function recreate(stage: Stage): Promise<void> {
  const { cluster, screen } = stage
  const host = await hostAt(cluster, 2)
  const former = (await host.observe()).status.node
  await removeWorkloads(stage, [host])
  await cluster.remove(host)
  const present = (await cluster.hosts()).map(({ id }) => id)
  await cluster.scale(4)
  const hosts = await cluster.hosts()
  const newcomer = hosts.find(({ id }) => !present.includes(id))
  const line = await seen('the recreated host says that it is a new node', async () =>
    (await newcomer?.log())?.find(({ msg }) => msg.startsWith('new node ')),
  )
  screen.good(`${newcomer?.name} says: ${line.msg}`)
  // It holds its subnet until then.
  const evicted = await (await hostAt(cluster, 0)).cli('evict', former)
  expect('evicting the former node ends with', evicted.exitCode, 0)
  const observed = await settle(hosts)
  const nodes = observed.map(({ status }) => status.node)
  expect('the former node is among the nodes', nodes.includes(former), false)
  report(screen, observed)
}

async function growAndShrink(stage: Stage): Promise<void> {
  const { cluster, screen } = stage
  await cluster.scale(6)
  report(screen, await settle(await cluster.hosts()))
  const hosts = await cluster.hosts()
  const leaving = hosts.slice(3)
  for (const host of leaving) {
    const left = await host.cli('leave')
    expect(`starling leave on ${host.name} ends with`, left.exitCode, 0)
    screen.event(host.name, left.stdout.trim())
  }
  for (const host of leaving)
    await seen(`${host.name} has ended for good`, async () => (await host.pid()) === 0)
  await removeWorkloads(stage, leaving)
  await cluster.removeEnded()
  await cluster.scale(3)
  const observed = await settle(await cluster.hosts())
  expect('hosts that are left', observed.length, 3)
  report(screen, observed)
  await pingAll(stage)
}

/** The network that compose made often lies inside the default pool. */
async function avoidsLocalNetworks({ cluster, screen }: Stage, hosts: readonly Observed[]) {
  const networks = (await cluster.subnets()).flatMap((text) => parsePrefix(text) ?? [])
  for (const host of hosts) {
    const subnet = parsePrefix(subnetOf(host))
    for (const network of networks)
      expect(
        `${host.name}'s subnet overlaps compose's ${network.text}`,
        subnet !== undefined && overlaps(subnet, network),
        false,
      )
  }
  screen.good(`no subnet overlaps ${networks.map(({ text }) => text).join(', ')}, compose's own`)
}

/** Those behind the given hosts. */
async function removeWorkloads({ workloads }: Stage, hosts: readonly Host[]): Promise<void> {
  for (const workload of [...workloads]) {
    if (!hosts.some(({ id }) => id === workload.host.id)) continue
    workloads.splice(workloads.indexOf(workload), 1)
    await workload.remove()
  }
}

async function pingAll({ screen, workloads }: Stage): Promise<void> {
  const containers = workloads.map(({ container }) => container)
  for (const from of containers) {
    for (const to of containers) {
      if (from === to) continue
      const { sent, received } = await from.ping(to, 3)
      expect(`echoes from ${from.name} to ${to.name}`, received, sent)
    }
  }
  screen.good(`all ${containers.length} containers behind the hosts reach each other`)
}

function report(screen: Screen, hosts: readonly Observed[]): void {
  for (const host of hosts)
    screen.event(
      host.name,
      `${host.address} has ${subnetOf(host)} and ${host.kernel.length} routes in its kernel`,
    )
}

const subnetOf = (host: Observed | undefined): string => host?.status.claims[0]?.prefix ?? 'none'

/** Asks until the answer is not undefined or false. Each asking is a process, so that asking does not spin. */
async function seen<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
  const end = performance.now() + seenWithinMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > end)
      throw new DockerError('not-seen', `not within ${seenWithinMs} ms: ${what}`)
  }
}

const seenWithinMs = 30_000

function expect(what: string, found: unknown, wanted: unknown): void {
  if (found === wanted) return
  throw new DockerError('not-seen', `${what}: expected ${String(wanted)}, saw ${String(found)}`)
}
