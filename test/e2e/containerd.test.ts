/** Containers of real containerds on two hosts, by `ctr run --cni` and the network that `starling cni install` writes. */

import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ended } from '../../simulations/lab/containerd.ts'
import type { LabHost } from '../../simulations/lab/host.ts'
import { withContainerds } from './containerds.ts'
import { destinations, leasedTo, leases, problems, statusOf, until } from './lab.ts'

test('containers of two containerds ping each other, and are gone with their leases', () =>
  withContainerds('containerd', [], async (hosts, containerds) => {
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
    await until('an agent answers', () => statusOf(h2))
    await until('its lease ends', async () => (await leases(h2)).length === 0)
  }))

test('a container that is made anew under the name of one that nobody deleted has its own lease', () =>
  withContainerds('containerds', [], async ([host], [containerd]) => {
    assert.ok(host && containerd)
    // Detached, ctr never calls DEL.
    assert.equal(await ended(containerd.run('db', '--detach')), 0)
    const [former] = await leases(host)
    await containerd.drop('db')
    assert.equal(await ended(containerd.run('db', '--detach')), 0)
    const [lease, ...more] = await leases(host)
    assert.deepEqual(more, [])
    assert.equal(lease?.address, former?.address)
    const container = await containerd.join('db', lease?.address ?? '')
    assert.equal((await container.ping(await gatewayOf(host), 1)).sent, 1)
    await containerd.drop('db')
  }))

test('leases that were lost are adopted from what CNI remembers', () =>
  withContainerds('ctrlost', [], async (hosts, containerds) => {
    const [h1, h2] = hosts
    const [one, two] = containerds
    assert.ok(h1 && h2 && one && two)
    for (const containerd of containerds)
      assert.equal(await ended(containerd.run('web', '--detach')), 0)
    const [kept = ''] = await leasedTo(h1, 'default-web')
    const [remote = ''] = await leasedTo(h2, 'default-web')
    const web = await one.join('web', kept)
    const far = await two.join('web', remote)
    assert.equal(await h1.stopAgent(), 0)
    for (const name of ['leases', 'leases-wal'])
      await rm(join(h1.directory, 'state', name), { force: true })
    const after = h1.lines.length
    await h1.startAgent(['--seed', h2.address])
    await h1.note('in-sync', { after })

    assert.notEqual(await ended(one.run('refused', '--rm')), 0)
    assert.match((await problems(h1)).get('leases-unreadable') ?? '', /starling ip adopt/)
    assert.deepEqual(await leases(h1), [])
    assert.equal((await h2.cli('announce', '10.70.0.0/24')).exitCode, 0)
    await until('routes go on', async () => (await destinations(h1)).includes('10.70.0.0/24'))
    assert.equal((await web.ping(far)).received, 3)

    const adopted = await h1.cli('ip', 'adopt', '--from', one.cacheDir)
    assert.equal(adopted.exitCode, 0, adopted.stderr)
    assert.deepEqual(await leasedTo(h1, 'default-web'), [kept])
    assert.equal((await problems(h1)).has('leases-unreadable'), false)
    assert.equal(await ended(one.run('next', '--detach')), 0)
    const [next = ''] = await leasedTo(h1, 'default-next')
    assert.notEqual(next, kept)
    assert.equal((await web.ping(await one.join('next', next))).received, 3)
  }))

const gatewayOf = async (host: LabHost): Promise<string> =>
  (await host.ask('Status')).claims[0]?.gateway ?? ''
