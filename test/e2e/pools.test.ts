/** Other pools, both families, no bridge, and a host that is gone for good. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ip } from '../../simulations/lab/iproute.ts'
import { converged, startHosts, subnetOf, until, withLab } from './lab.ts'

const pools = [
  ...['--pool', '10.64.0.0/10', '--prefix-length', '20'],
  ...['--pool', 'fd00:10::/40', '--prefix-length', '64'],
]

test('IPv4 and IPv6 beside each other, on a LAN that has only IPv4 addresses', () =>
  withLab('dual', async (lab) => {
    const [h1, h2] = [await lab.addHost(), await lab.addHost()]
    // Forwarding is inherited from the host for IPv4: the agent must be the one that sets it.
    await ip(`netns exec ${h2.namespace} sysctl -qw net.ipv4.ip_forward=0`)
    for (const host of [h1, h2]) {
      await host.startAgent(['--seed', h1.address, ...pools])
      await host.note('claim-confirmed')
    }
    await converged(h1, h2)
    const { claims } = await h2.ask('Status')
    assert.deepEqual(claims.map(({ prefix, gateway }) => `${prefix} ${gateway}`).sort(), [
      '10.64.16.0/20 10.64.16.1',
      'fd00:10:0:1::/64 fd00:10:0:1::1',
    ])
    const [v4] = await h1.routes(4)
    assert.deepEqual([v4?.dst, v4?.gateway, v4?.dev], ['10.64.16.0/20', h2.address, 'eth0'])
    const [v6] = await h1.routes(6)
    assert.equal(v6?.dst, 'fd00:10:0:1::/64')
    assert.match(v6?.gateway ?? '', /^fe80::/)
    const bridge = await ip(`-n ${h2.namespace} -o addr show dev starling0`)
    assert.match(bridge, /10\.64\.16\.1\/20/)
    assert.match(bridge, /fd00:10:0:1::1\/64/)
    const forwarding = await ip(
      `netns exec ${h2.namespace} sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding`,
    )
    assert.deepEqual(forwarding.split('\n'), ['1', '1', ''])
  }))

test('without a bridge nothing but routes is made; a dead host is evicted, and its subnet is free', () =>
  withLab('evict', async (lab) => {
    const [h1, h2, h3] = await startHosts(lab, 3, ['--bridge', 'none', '--tenure-ms', '2s'])
    assert.ok(h1 && h2 && h3)
    for (const host of [h1, h2, h3]) await host.note('claim-confirmed')
    await converged(h1, h2, h3)
    assert.doesNotMatch(await ip(`-n ${h1.namespace} -o link show`), /starling0/)

    const alive = await h1.cli('evict', 'h3')
    assert.equal(alive.exitCode, 1)
    assert.match(alive.stderr, /h3 is alive and connected: run starling leave on it/)

    const freed = await subnetOf(h3)
    await h3.stopAgent('SIGKILL')
    for (const host of [h1, h2]) await host.note('peer-disconnected')
    assert.ok(
      (await h1.routes()).some(({ dst }) => dst === freed),
      'a dead agent is not a dead host',
    )
    assert.equal((await h1.cli('evict', 'h3')).exitCode, 0)
    for (const host of [h1, h2]) {
      await until(
        'its route is gone',
        async () => !(await host.routes()).some(({ dst }) => dst === freed),
      )
    }
    const h4 = await lab.addHost()
    await h4.startAgent(['--seed', h1.address, '--bridge', 'none'])
    await h4.note('claim-confirmed')
    assert.equal(await subnetOf(h4), freed)

    // It was only dead for a while: it comes back, and takes another.
    const after = h3.lines.length
    await h3.startAgent(['--seed', h1.address, '--bridge', 'none'])
    await h3.note('claim-confirmed', { after })
    await converged(h1, h2, h3, h4)
    assert.notEqual(await subnetOf(h3), freed)
    assert.equal(await subnetOf(h4), freed)
  }))
