/** What goes wrong in real clusters: each gets one clear line, and the right behaviour. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LabHost } from '../../simulations/lab/host.ts'
import { ip } from '../../simulations/lab/iproute.ts'
import {
  converged,
  destinations,
  problems,
  routeStates,
  startHosts,
  subnetOf,
  until,
  withLab,
} from './lab.ts'

const executable = new URL('../../src/starling.ts', import.meta.url).pathname

test('local networks inside the pool, a default route and a broad route', () =>
  withLab(
    'overlap',
    async (lab) => {
      const [h1, h2] = [await lab.addHost(), await lab.addHost()]
      // What dockerd makes, and a router that knows the pool and the world.
      await ip(`-n ${h1.namespace} link add docker0 type bridge`)
      await ip(`-n ${h1.namespace} addr add 172.17.0.1/16 dev docker0`)
      await ip(`-n ${h1.namespace} link set docker0 up`)
      await ip(`-n ${h1.namespace} route add default via 172.16.0.1`)
      await ip(`-n ${h1.namespace} route add 172.16.0.0/12 via 172.16.0.2`)
      await h1.startAgent(['--seed', h1.address])
      await h1.note('claim-confirmed')
      // The LAN is 172.16.0.0/16 and Docker has 172.17.0.0/16: the first free subnet lies behind both.
      assert.equal(await subnetOf(h1), '172.18.0.0/22')
      await h2.startAgent(['--seed', h1.address])
      await h2.note('claim-confirmed')
      assert.equal(await subnetOf(h2), '172.18.4.0/22', 'exclusions of others are heeded')
      await converged(h1, h2)
      assert.deepEqual(await destinations(h1), ['172.18.4.0/22'])
    },
    { lan: '172.16.0' },
  ))

test('a next hop off the link, an announced default route and different pools', () =>
  withLab('policy', async (lab) => {
    const [h1, h2, h3] = [await lab.addHost(), await lab.addHost(), await lab.addHost()]
    await h1.startAgent(['--seed', h1.address])
    await h1.note('claim-confirmed')
    await h2.startAgent(['--seed', h1.address, '--next-hop', '192.0.2.9'])
    await h3.startAgent(['--seed', h1.address, '--pool', '10.128.0.0/9', '--prefix-length', '20'])
    for (const host of [h2, h3]) await host.note('claim-confirmed')

    const second = await subnetOf(h2)
    await until(
      'the off-link hop is reported',
      async () => (await routeStates(h1)).get(second) === 'not-on-link',
    )
    assert.match((await problems(h1)).get('route-off-link') ?? '', /192\.0\.2\.9 is not on-link/)
    assert.ok(!(await destinations(h1)).includes(second))

    const third = await subnetOf(h3)
    assert.equal(third, '10.128.0.0/20')
    assert.match((await problems(h1)).get('pool-mismatch') ?? '', /h3 uses pool 10\.128\.0\.0\/9/)
    await until('pools that do not overlap work', async () =>
      (await destinations(h1)).includes(third),
    )

    const announced = await h3.cli('announce', '0.0.0.0/0')
    assert.equal(announced.exitCode, 0, announced.stderr)
    await until('it is refused', async () => (await routeStates(h1)).get('0.0.0.0/0') === 'refused')
    assert.match((await problems(h1)).get('route-refused') ?? '', /0\.0\.0\.0\/0 .*accept list/)
    assert.equal((await ip(`-n ${h1.namespace} route show default`)).trim(), '')

    assert.equal((await h3.cli('announce', '192.168.77.0/24')).exitCode, 0)
    await until('an accepted one is installed', async () =>
      (await destinations(h1)).includes('192.168.77.0/24'),
    )
    assert.equal((await h3.cli('withdraw', '192.168.77.0/24')).exitCode, 0)
    await until('and withdrawn', async () => !(await destinations(h1)).includes('192.168.77.0/24'))
  }))

test('a full pool: the third of two is told so, and takes the first subnet that frees', () =>
  withLab('full', async (lab) => {
    const pool = ['--pool', '10.200.0.0/23', '--prefix-length', '24']
    const [h1, h2] = await startHosts(lab, 2, pool)
    assert.ok(h1 && h2)
    for (const host of [h1, h2]) await host.note('claim-confirmed')
    const h3 = await lab.addHost()
    await h3.startAgent(['--seed', h1.address, ...pool])
    const line = await h3.note('pool-full')
    assert.match(line.msg, /no available subnets in network configuration/)
    assert.notEqual((await h3.cli('status')).exitCode, 0)
    const freed = await subnetOf(h2)
    assert.equal((await h2.cli('leave')).exitCode, 0)
    await h3.note('claim-confirmed')
    assert.equal(await subnetOf(h3), freed)
    await converged(h1, h3)
  }))

test('a node with a copied identity: the first stays, the copy ends and says how to mend it', () =>
  withLab('twin', async (lab) => {
    const [h1, h2] = await startHosts(lab, 2)
    assert.ok(h1 && h2)
    for (const host of [h1, h2]) await host.note('claim-confirmed')
    const subnet = await subnetOf(h2)
    const h3 = await lab.addHost()
    // A lock is a socket, which no copy of a disk holds. What is being written may have another name a moment later.
    const filter = (source: string) => !/\/lock$|\.tmp$/.test(source)
    await cp(join(h2.directory, 'state'), join(h3.directory, 'state'), { recursive: true, filter })
    await h3.startAgent(['--seed', h1.address])
    assert.equal(await h3.agentEnded(), 1)
    const line = await h3.note('duplicate-identity')
    assert.match(
      `${line.msg} ${String(line.mend)}`,
      /runs with this node's identity.*copied state directory: remove it whole/,
    )
    await converged(h1, h2)
    assert.equal(await subnetOf(h2), subnet)
    assert.deepEqual(await h1.routes().then((routes) => routes.map(({ gateway }) => gateway)), [
      h2.address,
    ])
  }))

test('a seed that resolves to nothing, a wrong cluster key, a second agent, no capability', () =>
  withLab('refused', async (lab) => {
    const [h1, h2, h3] = [await lab.addHost(), await lab.addHost(), await lab.addHost()]
    const key = ['--cluster-key', '11'.repeat(32), '--discover', 'off']
    await h1.startAgent(['--seed', h1.address, ...key])
    await h1.note('claim-confirmed')

    await h2.startAgent([
      '--seed',
      h1.address,
      '--cluster-key',
      '22'.repeat(32),
      '--join-timeout-ms',
      '4000',
    ])
    const refused = await h2.note('handshake-failed')
    assert.match(
      `${refused.msg} ${String(refused.mend)}`,
      /no handshake with .*cluster keys differ/,
    )
    assert.equal((await h2.cli('peers', '--json')).stdout.includes(h1.address), false)
    await until('it claims nothing', async () => (await problems(h2)).has('join-held'))
    assert.ok((await problems(h2)).has('handshake-failed'))

    await h3.startAgent(['--seed', 'nobody.invalid', ...key, '--join-timeout-ms', '2000'])
    const unresolved = await h3.note('seed-unresolvable')
    assert.match(unresolved.msg, /seed nobody\.invalid does not resolve/)
    assert.match((await h3.note('joined-alone')).msg, /no seed answered within 2 s: claiming alone/)
    await h3.note('claim-confirmed')

    const second = await runAgent(h1, [
      '--state-dir',
      join(h1.directory, 'other'),
      '--socket',
      h1.socket,
    ])
    assert.equal(second.exitCode, 1)
    assert.match(second.stderr, /another agent .*starling\.sock|starling\.sock.*another agent/s)
    assert.equal((await h1.cli('status')).exitCode, 0, 'the first goes on')

    const drop = ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin']
    const powerless = await runAgent(
      h3,
      [
        '--state-dir',
        join(h3.directory, 'powerless'),
        '--socket',
        join(h3.directory, 'powerless.sock'),
      ],
      drop,
    )
    assert.equal(powerless.exitCode, 1)
    assert.match(powerless.stderr, /no CAP_NET_ADMIN.*NET_ADMIN/)
  }))

/** An agent in a host's namespace that is expected to end by itself. */
function runAgent(
  host: LabHost,
  flags: readonly string[],
  wrapper: readonly string[] = [],
): Promise<{ exitCode: number; stderr: string }> {
  const agent = [process.execPath, executable, 'agent', '--log-format', 'json', ...flags]
  const words = ['netns', 'exec', host.namespace, ...wrapper, ...agent]
  return new Promise((resolve) => {
    execFile('ip', words, { timeout: 30_000 }, (error, _stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stderr })
    })
  })
}
