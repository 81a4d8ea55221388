/** Containers of real containerds on two hosts, by `ctr run --cni` and the network that `starling cni install` writes. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lacking, textOf } from '../../setup/machine.ts'
import { ended, LabContainerd } from '../../simulations/lab/containerd.ts'
import type { LabHost } from '../../simulations/lab/host.ts'
import { LabError } from '../../simulations/lab/iproute.ts'
import { converged, startHosts, until, withLab } from './lab.ts'

interface Lease {
  readonly address: string
  readonly id: string
  readonly network: string
}

async function leases(host: LabHost): Promise<readonly Lease[]> {
  const { stdout } = await host.cli('ip', 'list', '--json')
  return (JSON.parse(stdout) as { leases: Lease[] }).leases
}

test('containers of two containerds ping each other, and are gone with their leases', () =>
  withContainerds('containerd', async (hosts, containerds) => {
    const [h1, h2] = hosts
    const [one, two] = containerds
    assert.ok(h1 && h2 && one && two)
    const running = [one.run('web', '--rm'), two.run('web', '--rm')]
    const containers = []
    for (const [index, containerd] of containerds.entries()) {
      const host = hosts[index] as LabHost
      const lease = await until(`${host.name} leases`, async () => (await leases(host))[0])
      assert.deepEqual([lease.id, lease.network], ['default-web', 'starling'])
      await until('the container runs', () => containerd.pidOf('web'))
      containers.push(await containerd.join('web', lease.address))
    }
    const [from, to] = containers
    assert.ok(from && to)
    assert.equal((await from.ping(to, 3)).received, 3)
    assert.equal((await to.ping(from, 3)).received, 3)

    // One ends while no agent answers: it ends all the same, and its lease ends with the next agent.
    await h2.stopAgent('SIGKILL')
    for (const containerd of containerds) await containerd.ctr('task', 'kill', '-s', 'KILL', 'web')
    for (const child of running) assert.equal(await ended(child), 137)
    assert.deepEqual(await leases(h1), [])
    await h2.startAgent(['--seed', h1.address])
    await until('an agent answers', async () => (await h2.cli('status')).exitCode !== 3)
    await until('its lease ends', async () => (await leases(h2)).length === 0)
  }))

test('a container that is made anew under the name of one that nobody deleted has its own lease', () =>
  withContainerds('containerds', async ([host], [containerd]) => {
    assert.ok(host && containerd)
    // Detached, ctr never calls DEL.
    assert.equal(await ended(containerd.run('db', '--detach')), 0)
    const [former] = await leases(host)
    await containerd.ctr('task', 'rm', '--force', 'db')
    await containerd.ctr('container', 'rm', 'db')
    assert.equal(await ended(containerd.run('db', '--detach')), 0)
    const [lease, ...more] = await leases(host)
    assert.deepEqual(more, [])
    assert.equal(lease?.address, former?.address)
    const container = await containerd.join('db', lease?.address ?? '')
    assert.equal((await container.ping(await gatewayOf(host), 1)).sent, 1)
    await containerd.ctr('task', 'rm', '--force', 'db')
    await containerd.ctr('container', 'rm', 'db')
  }))

async function gatewayOf(host: LabHost): Promise<string> {
  const { stdout } = await host.cli('status', '--json')
  return (JSON.parse(stdout) as { claims: { gateway: string }[] }).claims[0]?.gateway ?? ''
}

async function withContainerds(
  name: string,
  use: (hosts: readonly LabHost[], containerds: readonly LabContainerd[]) => Promise<void>,
): Promise<void> {
  const missing = lacking(['containerd', 'containernetworking-plugins', 'util-linux'])
  if (missing.length > 0)
    throw new LabError('not-seen', `missing ${missing.map(textOf).join(', ')}`)
  await withLab(name, async (lab) => {
    const hosts = await startHosts(lab, 2)
    const containerds = hosts.map((host) => new LabContainerd(host))
    try {
      await Promise.all(containerds.map((containerd) => containerd.start()))
      for (const host of hosts) await host.note('claim-confirmed')
      await converged(...hosts)
      for (const [index, host] of hosts.entries()) {
        const { binDir, confDir } = containerds[index] as LabContainerd
        const places = ['--bin-dir', binDir, '--conf-dir', confDir]
        const { exitCode, stderr } = await host.cliInside('cni', 'install', ...places)
        assert.equal(exitCode, 0, stderr)
      }
      await use(hosts, containerds)
    } finally {
      for (const containerd of containerds) await containerd.remove()
    }
  })
}
