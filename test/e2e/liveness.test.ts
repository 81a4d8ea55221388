/** Hosts that die, freeze, are cut off and come back, with real kernels: who notices what, and what it costs. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LabHost } from '../../simulations/lab/host.ts'
import { ip, type ShownRoute } from '../../simulations/lab/iproute.ts'
import { RouteMonitor } from '../../simulations/lab/route-monitor.ts'
import { converged, ready, startHosts, subnetOf, until, withLab } from './lab.ts'

/** Everything that is asserted to happen soon has as long as a loaded machine may need. */
const soonMs = 30_000

interface ShownPeer {
  readonly name: string
  readonly liveness: string
  readonly missedBy: readonly string[]
}

async function livenessAt(host: LabHost, of: LabHost): Promise<ShownPeer | undefined> {
  const { stdout } = await host.cli('peers', '--json')
  const { peers } = JSON.parse(stdout || '{"peers":[]}') as { peers: ShownPeer[] }
  return peers.find(({ name }) => name === of.name)
}

const isUnreachable = (routes: readonly ShownRoute[], subnet: string): boolean =>
  routes.some(({ dst, type }) => dst === subnet && type === 'unreachable')

const leadsTo = (routes: readonly ShownRoute[], subnet: string, host: LabHost): boolean =>
  routes.some(({ dst, gateway }) => dst === subnet && gateway === host.address)

const everywhere = (
  what: string,
  hosts: readonly LabHost[],
  holds: (routes: ShownRoute[]) => boolean,
) =>
  Promise.all(
    hosts.map((host) =>
      until(`${host.name}: ${what}`, async () => holds(await host.routes()), soonMs),
    ),
  )

test('an agent that dies or freezes costs nothing, and a host that dies or is cut off is found', () =>
  withLab('liveness', async (lab) => {
    const hosts = await ready(await startHosts(lab, 5))
    const [seed, dying, frozen] = hosts
    assert.ok(seed && dying && frozen)
    const others = hosts.filter((host) => host !== dying)
    const subnet = await subnetOf(dying)
    const before = await Promise.all(others.map((host) => host.routes()))

    await dying.stopAgent('SIGKILL')
    for (const host of others) await host.note('node-down', { timeoutMs: soonMs })
    const dead = await livenessAt(seed, dying)
    assert.equal(dead?.liveness, 'agent-down')
    assert.ok((dead?.missedBy.length ?? 0) >= 2)
    assert.deepEqual(await Promise.all(others.map((host) => host.routes())), before)
    const status = await seed.cli('status')
    assert.match(status.stdout, /the agent of h2 does not answer, but its host does/)
    assert.match(status.stdout, /4 other nodes, 3 connected, 1 agent down/)

    const marks = others.map((host) => host.lines.length)
    await dying.startAgent(['--seed', seed.address])
    await Promise.all(
      others.map((host, index) =>
        host.note('node-back', { after: marks[index] ?? 0, timeoutMs: soonMs }),
      ),
    )
    await converged(...hosts)
    assert.equal(await subnetOf(dying), subnet)
    assert.deepEqual(await Promise.all(others.map((host) => host.routes())), before)

    process.kill(frozen.agentPid ?? 0, 'SIGSTOP')
    await until(
      'frozen is agent-down',
      async () => (await livenessAt(seed, frozen))?.liveness === 'agent-down',
      60_000,
    )
    process.kill(frozen.agentPid ?? 0, 'SIGCONT')
    await until(
      'frozen is alive',
      async () => (await livenessAt(seed, frozen))?.liveness === 'alive',
      soonMs,
    )
    await converged(...hosts)
    assert.deepEqual(await Promise.all(others.map((host) => host.routes())), before)

    await dying.cutOff()
    await everywhere('no way to h2', others, (routes) => isUnreachable(routes, subnet))
    const lost = hosts.filter((host) => host !== dying)
    await everywhere('nobody is left', [dying], (routes) =>
      routes.every(({ type }) => type === 'unreachable'),
    )
    assert.match((await seed.cli('peers')).stdout, /^h2 +host down \d+ s \(h\d, h\d/m)
    assert.match(
      (await seed.cli('routes')).stdout,
      /172\.16\.\d+\.0\/22 +h2 +unreachable +unreachable +in kernel/,
    )
    await dying.reconnect()
    await everywhere('the way to h2', lost, (routes) => leadsTo(routes, subnet, dying))
    await converged(...hosts)
    assert.deepEqual(await Promise.all(others.map((host) => host.routes())), before)
  }))

test('two halves of a network miss each other, take it back when they meet, and no container of one half notices', () =>
  withLab('halves-missed', async (lab) => {
    const hosts = await ready(await startHosts(lab, 6))
    const before = await Promise.all(hosts.map((host) => host.routes()))
    const [first, , third] = hosts
    assert.ok(first && third)
    const half = hosts.filter((_, index) => index % 2 === 0)
    const containers = await Promise.all(
      [first, third].map(async (host) => {
        const [address] = (await subnetOf(host)).split('/')
        const base = address?.replace(/\.0$/, '') ?? ''
        return host.addContainer(`${base}.77/22`, `${base}.1`)
      }),
    )
    const [here, there] = containers
    assert.ok(here && there)
    await ip(`-n ${first.switch} link add br1 type bridge`)
    await ip(`-n ${first.switch} link set br1 up`)
    for (const host of half) await host.reconnect('br1')
    const stop = await here.stream(there.address)
    await everywhere('the other half is missed', hosts, (routes) => {
      const unreachable = routes.filter(({ type }) => type === 'unreachable').length
      return unreachable === 3 && routes.length === 5
    })
    const { sent, received } = await stop()
    assert.ok(sent > 0)
    assert.equal(received, sent, 'within one half nothing is lost')
    for (const host of half) await host.reconnect()
    await converged(...hosts)
    assert.deepEqual(await Promise.all(hosts.map((host) => host.routes())), before)
  }))

test('a host that is not heard, agents that are all killed at once, and an address that changes', () =>
  withLab('unheard', async (lab) => {
    const hosts = await ready(await startHosts(lab, 4))
    const [seed, muted, moved] = hosts
    assert.ok(seed && muted && moved)
    const subnets = await Promise.all(hosts.map(subnetOf))
    const before = await Promise.all(hosts.map((host) => host.routes()))
    const others = (host: LabHost) => hosts.filter((other) => other !== host)
    const [, mutedSubnet = '', movedSubnet = ''] = subnets

    // What it sends is lost on the switch, ARP too; what is sent to it arrives.
    await ip(
      `netns exec ${muted.switch} nft add table bridge deaf ; add chain bridge deaf ways { type filter hook forward priority 0 ; } ; add rule bridge deaf ways iifname ${muted.port} drop`,
    )
    await everywhere('no way to h2', others(muted), (routes) => isUnreachable(routes, mutedSubnet))
    await ip(`netns exec ${muted.switch} nft delete table bridge deaf`)
    await everywhere('the way to h2', others(muted), (routes) =>
      leadsTo(routes, mutedSubnet, muted),
    )
    await converged(...hosts)
    assert.deepEqual(await Promise.all(hosts.map((host) => host.routes())), before)

    const monitors = await Promise.all(hosts.map((host) => RouteMonitor.start(host.namespace)))
    await Promise.all(hosts.map((host) => host.stopAgent('SIGKILL')))
    const ends = hosts.map((host) => host.lines.length)
    for (const host of hosts) await host.startAgent(['--seed', seed.address])
    for (const [index, host] of hosts.entries()) {
      await host.note('in-sync', { after: ends[index] ?? 0, timeoutMs: soonMs })
    }
    await converged(...hosts)
    assert.deepEqual(await Promise.all(hosts.map(subnetOf)), subnets)
    for (const monitor of monitors) assert.deepEqual(await monitor.stop(), [], 'no route flaps')

    const address = '10.0.1.200'
    await ip(`-n ${moved.namespace} addr add ${address}/16 dev eth0`)
    await ip(`-n ${moved.namespace} addr del ${moved.address}/16 dev eth0`)
    await ip(`-n ${moved.namespace} addr add ${address}/16 dev eth0`).catch(() => undefined)
    await everywhere('the way to where h3 is now', others(moved), (routes) =>
      routes.some(({ dst, gateway }) => dst === movedSubnet && gateway === address),
    )
    await converged(...hosts)
    assert.deepEqual(await Promise.all(hosts.map(subnetOf)), subnets)
  }))

test('a host that is set up anew gives its old subnet back, however often', () =>
  withLab('displaced', async (lab) => {
    const options = ['--displaced-after', '1s', '--tenure-ms', '1s']
    const hosts = await ready(await startHosts(lab, 3, options))
    const [seed, , anew] = hosts
    assert.ok(seed && anew)
    const claimed = async (): Promise<number> => {
      const { stdout } = await seed.cli('claims', '--json')
      return (JSON.parse(stdout) as { claims: unknown[] }).claims.length
    }
    for (let round = 1; round <= 2; round += 1) {
      await anew.stopAgent('SIGKILL')
      await ip(`netns exec ${anew.namespace} rm -rf ${anew.directory}/state`)
      const mark = seed.lines.length
      await anew.startAgent(['--seed', seed.address, ...options])
      await seed.note('node-evicted', { after: mark, timeoutMs: 60_000 })
      await converged(...hosts)
      assert.equal(await claimed(), 3)
    }
  }))
