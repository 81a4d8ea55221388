/** Containers of real dockerds on two hosts: addresses, reachability, restarts, and what must fail. */

import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { requireDocker } from '../../simulations/chaos/daemon.ts'
import { importPrograms } from '../../simulations/chaos/image.ts'
import { LabDockerd } from '../../simulations/lab/dockerd.ts'
import type { LabHost } from '../../simulations/lab/host.ts'
import { ip } from '../../simulations/lab/iproute.ts'
import { parseAddress } from '../../src/core/ip/address.ts'
import { holds, parsePrefix } from '../../src/core/ip/prefix.ts'
import { converged, ownSubnets, problems, shell, subnetOf, until, withLab } from './lab.ts'

const image = 'sleeper'
const sleeps = [image, 'sleep', '100000']

/** Hosts with an agent and a dockerd each, which has the image. */
async function withDockerds(
  name: string,
  count: number,
  options: readonly string[],
  use: (hosts: readonly LabHost[], dockerds: readonly LabDockerd[]) => Promise<void>,
  order: 'agent first' | 'dockerd first' = 'agent first',
): Promise<void> {
  // Throws, and so fails the test, where the machine cannot run it.
  await requireDocker()
  await withLab(name, async (lab) => {
    const dockerds: LabDockerd[] = []
    try {
      for (let index = 0; index < count; index += 1) {
        const dockerd = new LabDockerd(await lab.addHost())
        dockerds.push(dockerd)
        await dockerd.prepare()
      }
      const seed = lab.hosts[0]?.address ?? ''
      const startDockerds = () => Promise.all(dockerds.map((dockerd) => dockerd.start()))
      if (order === 'dockerd first') {
        for (const host of lab.hosts) await shell(host, 'sysctl -q -w net.ipv4.ip_forward=0')
        await startDockerds()
      }
      for (const [index, host] of lab.hosts.entries())
        await host.startAgent([...flagsFor(dockerds[index]), '--seed', seed, ...options])
      // A dockerd that finds forwarding off switches it on, and drops what is forwarded.
      await Promise.all(lab.hosts.map((host) => host.note('bridge-configured')))
      if (order === 'agent first') await startDockerds()
      for (const [index, { docker }] of dockerds.entries()) {
        const root = join(lab.directory, `root${index}`)
        await importPrograms(docker, image, { root, programs: ['sleep'] })
      }
      await converged(...lab.hosts)
      await use(lab.hosts, dockerds)
    } finally {
      for (const dockerd of dockerds) await dockerd.remove()
    }
  })
}

const flagsFor = (dockerd: LabDockerd | undefined): string[] => [
  '--docker-plugin',
  dockerd?.plugin ?? '',
]

async function restart(host: LabHost, flags: readonly string[]): Promise<void> {
  await host.stopAgent()
  const after = host.lines.length
  await host.startAgent(flags)
  await host.note('in-sync', { after })
  await converged(host)
}

async function makeNetwork(host: LabHost, dockerd: LabDockerd, name = 'pods'): Promise<string> {
  const made = await host.cli('docker', 'network', name, '--docker-host', dockerd.endpoint)
  assert.equal(made.exitCode, 0, made.stderr)
  return made.stdout
}

function isIn(subnet: string, text: string): boolean {
  const [prefix, address] = [parsePrefix(subnet), parseAddress(text)]
  return prefix !== undefined && address !== undefined && holds(prefix, address)
}

const onPods = ['--network', 'pods']

test('containers of two hosts get addresses, reach each other, and no restart changes that', () =>
  withDockerds('docker', 2, [], async (hosts, dockerds) => {
    const [h1, h2] = hosts
    const [d1, d2] = dockerds
    assert.ok(h1 && h2 && d1 && d2)
    const subnets = [await subnetOf(h1), await subnetOf(h2)] as const
    assert.match(await makeNetwork(h1, d1), /network pods gives containers addresses/)
    await makeNetwork(h2, d2)

    const here = await d1.run('here', ...onPods, ...sleeps)
    const there = await d2.run('there', ...onPods, ...sleeps)
    assert.ok(isIn(subnets[0], here.address), here.address)
    assert.ok(isIn(subnets[1], there.address), there.address)
    assert.equal((await here.ping(there)).received, 3, 'across hosts')
    assert.equal((await there.ping(here)).received, 3, 'and back')
    const nat = await shell(h1, 'iptables -t nat -S POSTROUTING')
    assert.doesNotMatch(nat, /MASQUERADE/, 'others see the own addresses of containers')

    const chosen = subnets[0].replace(/\.0\/22$/, '.77')
    const fixed = await d1.run('fixed', ...onPods, '--ip', chosen, ...sleeps)
    assert.equal(fixed.address, chosen)
    const twice = await d1.docker.attempt(['run', ...onPods, '--ip', chosen, ...sleeps])
    assert.notEqual(twice.exitCode, 0)
    assert.match(twice.stderr, /IpamDriver\.RequestAddress: starling: .*77/)

    const stop = await there.stream(here)
    await d1.stop()
    await d1.start()
    await restart(h1, [...flagsFor(d1), '--seed', h1.address])
    await converged(h2)
    const { sent, received } = await stop()
    assert.equal(received, sent, 'nothing is lost while dockerd and the agent restart')
    assert.match(await makeNetwork(h1, d1), /network pods already exists, as it should be/)
    const after = await d1.run('after', ...onPods, ...sleeps)
    assert.ok(![here.address, fixed.address].includes(after.address), 'nothing is given twice')
    assert.equal((await there.ping(after)).received, 3)

    await h1.stopAgent('SIGKILL')
    const waits = d1.docker.run('run', '--detach', '--name', 'late', ...onPods, ...sleeps)
    await h1.startAgent([...flagsFor(d1), '--seed', h1.address])
    await waits
    const late = await d1.join('late')
    assert.ok(isIn(subnets[0], late.address), 'Docker waits for an agent that restarts')

    const bridge = () => ip(`-n ${h1.namespace} -o -4 addr show starling0`)
    const before = await bridge()
    await d1.docker.run('rm', '--force', 'here', 'fixed', 'after', 'late')
    await d1.docker.run('network', 'rm', 'pods')
    assert.equal(await bridge(), before, 'the bridge stays, and so does its address')
    await makeNetwork(h1, d1)
    const again = await d1.run('again', ...onPods, '--ip', here.address, ...sleeps)
    assert.equal(again.address, here.address, 'what was released is free')
    assert.equal((await there.ping(again)).received, 3)
  }))

test('what a dockerd that switched forwarding on drops is opened', () =>
  withDockerds(
    'docker-open',
    2,
    ['--open-forward'],
    async (hosts, dockerds) => {
      const [h1, h2] = hosts
      const [d1, d2] = dockerds
      assert.ok(h1 && h2 && d1 && d2)
      assert.match(await shell(h1, 'iptables -S FORWARD'), /-P FORWARD DROP/)
      await makeNetwork(h1, d1)
      await makeNetwork(h2, d2)
      const here = await d1.run('here', ...onPods, ...sleeps)
      const there = await d2.run('there', ...onPods, ...sleeps)
      await until('the rule is there', async () =>
        (await shell(h1, 'iptables -S DOCKER-USER')).includes('--comment starling'),
      )
      assert.equal((await here.ping(there)).received, 3)
      assert.equal((await there.ping(here)).received, 3)
      await d1.stop()
      await d1.start()
      assert.equal((await there.ping(here)).received, 3)
      assert.equal((await h1.cli('purge')).exitCode, 0)
      assert.doesNotMatch(await shell(h1, 'iptables -S'), /comment starling|STARLING/)
    },
    'dockerd first',
  ))

test('a dockerd that makes the bridge at boot, before the agent, leaves it to the agent', () =>
  withDockerds('docker-boot', 2, [], async (hosts, dockerds) => {
    const [h1, h2] = hosts
    const [d1, d2] = dockerds
    assert.ok(h1 && h2 && d1 && d2)
    const subnet = await subnetOf(h1)
    await makeNetwork(h1, d1)
    await makeNetwork(h2, d2)
    const there = await d2.run('there', ...onPods, ...sleeps)
    await d1.stop()
    await h1.stopAgent('SIGKILL')
    // A boot: nothing in the kernel outlives it.
    await ip(`-n ${h1.namespace} link del starling0`)
    await ip(`-n ${h1.namespace} route flush proto 83`)
    await d1.start()
    assert.match(await ip(`-n ${h1.namespace} -o -4 addr show starling0`), /inet 172\.16\./)
    const from = h1.lines.length
    await h1.startAgent([...flagsFor(d1), '--seed', h2.address])
    await h1.note('in-sync', { after: from })
    await converged(h1, h2)
    assert.equal(await subnetOf(h1), subnet)
    const here = await d1.run('here', ...onPods, ...sleeps)
    assert.ok(isIn(subnet, here.address), here.address)
    assert.equal((await here.ping(there)).received, 3)
    assert.deepEqual([...(await problems(h1)).keys()], [])
  }))

test('a plugin socket that cannot be made is a problem, and the agent goes on', () =>
  withLab('docker-shut', async (lab) => {
    const host = await lab.addHost()
    const plugin = '/dev/null/starling.sock'
    await host.startAgent(['--docker-plugin', plugin, '--seed', host.address])
    await host.note('bridge-configured')
    await host.note('door-shut')
    assert.match(
      (await problems(host)).get('door-shut') ?? '',
      /Docker gets no addresses from this agent: cannot listen on \/dev\/null/,
    )
    await converged(host)
  }))

test('both families on one network', () =>
  withDockerds(
    'docker6',
    1,
    ['--pool', '10.77.0.0/16', '--prefix-length', '24', '--pool', 'fd00:77::/40'],
    async ([host], [dockerd]) => {
      assert.ok(host && dockerd)
      const [v4 = '', v6 = ''] = await ownSubnets(host)
      await makeNetwork(host, dockerd)
      await dockerd.docker.run('run', '--detach', '--name', 'both', ...onPods, ...sleeps)
      const format =
        '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}}{{end}}'
      const shown = await dockerd.docker.run('inspect', '--format', format, 'both')
      const [four = '', six = ''] = shown.trim().split(' ')
      assert.ok(isIn(v4, four) && isIn(v6, six), shown)
      await dockerd.stop()
      await dockerd.start()
      assert.equal(await dockerd.docker.run('inspect', '--format', format, 'both'), shown)
      await dockerd.docker.run('rm', '--force', 'both')
    },
  ))

test('a network without a subnet fails at once, and a full subnet says so', () =>
  withDockerds(
    'docker-full',
    1,
    ['--pool', '10.77.0.0/29', '--prefix-length', '30'],
    async ([host], [dockerd]) => {
      assert.ok(host && dockerd)
      const { docker } = dockerd
      const counted = await countCalls(host, dockerd)
      const plain = [
        'network',
        'create',
        '--driver',
        'bridge',
        '--ipam-driver',
        'starling',
        'plain',
      ]
      const refused = await docker.attempt(plain, { timeoutMs: 20_000 })
      assert.equal(refused.exitCode, 1)
      assert.match(refused.stderr, /create the network with: starling docker network NAME/)
      assert.equal(counted.calls('RequestPool'), 1, 'Docker does not ask again')

      await makeNetwork(host, dockerd)
      assert.equal(counted.calls('RequestPool'), 2)
      await docker.run('run', '--detach', '--name', 'only', ...onPods, ...sleeps)
      const full = await docker.attempt(['run', '--name', 'more', ...onPods, ...sleeps])
      assert.notEqual(full.exitCode, 0)
      assert.match(full.stderr, /starling: every address of 10\.77\.0\.0\/30 is held/)
      await docker.run('rm', '--force', 'only', 'more')
      await docker.run('run', '--detach', '--name', 'next', ...onPods, ...sleeps)
      await docker.run('rm', '--force', 'next')
    },
  ))

/** Puts the agent behind a socket that counts the calls that go through it. */
async function countCalls(
  host: LabHost,
  dockerd: LabDockerd,
): Promise<{ calls(name: string): number }> {
  const behind = join(host.directory, 'behind', 'starling.sock')
  await mkdir(dirname(behind), { recursive: true })
  const options = ['--pool', '10.77.0.0/29', '--prefix-length', '30', '--seed', host.address]
  await restart(host, ['--docker-plugin', behind, ...options])
  let said = ''
  const proxy = createServer((caller) => {
    const agent = connect(behind)
    caller.on('data', (data) => {
      said += data.toString('latin1')
    })
    for (const end of [caller, agent]) end.unref().on('error', () => undefined)
    caller.pipe(agent).pipe(caller)
  })
  await new Promise<void>((resolve) => proxy.listen(dockerd.plugin, resolve))
  // A test that fails does not wait for it.
  proxy.unref()
  return { calls: (name) => said.split(`POST /IpamDriver.${name} `).length - 1 }
}
