/** Which interface and addresses a host offers to others, and what it leaves alone while it looks for them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ip } from '../../simulations/lab/iproute.ts'
import {
  converged,
  destinations,
  ownSubnets,
  problems,
  routeStates,
  shell,
  startHosts,
  subnetOf,
  until,
  withLab,
} from './lab.ts'

const v6 = ['--pool', 'fd00:10::/40', '--prefix-length', '64']
const v4 = ['--pool', '172.16.0.0/12', '--prefix-length', '22']

test('a first node without seeds offers its one LAN interface, whatever bridges there are', () =>
  withLab('alone', async (lab) => {
    const h1 = await lab.addHost()
    await shell(h1, 'ip link add docker0 type bridge; ip link set docker0 up')
    await shell(h1, 'ip addr add 172.17.0.1/16 dev docker0')
    await h1.startAgent()
    await h1.note('claim-confirmed')
    const located = await h1.note('uplink-located')
    assert.match(located.msg, /next hop 10\.0\.1\.71, fe80::\S+ on eth0/)
    // A restart: its own bridge has an address by now.
    await h1.stopAgent()
    await h1.startAgent()
    const again = await h1.note('uplink-located', { after: h1.lines.indexOf(located) + 1 })
    assert.match(again.msg, /on eth0/)
    assert.equal((await h1.cli('status')).exitCode, 0)
  }))

test('two LANs and no word on which is meant: both are named, with the option', () =>
  withLab('several', async (lab) => {
    const h1 = await lab.addHost()
    await shell(h1, 'ip link add lan1 type veth peer name lan1p; ip link set lan1 up')
    await shell(h1, 'ip addr add 10.7.0.1/24 dev lan1')
    await h1.startAgent()
    const line = await h1.note('uplink-missing')
    assert.match(line.msg, /eth0.*lan1|lan1.*eth0/)
    assert.match(String(line.mend), /--interface/)
    await h1.stopAgent()
    await h1.startAgent(['--interface', 'lan9'])
    const absent = await h1.seen('the missing interface', ({ msg }) => msg.includes('lan9'))
    assert.match(absent.msg, /there is no interface lan9/)
    assert.match(String(absent.mend), /eth0/)
    await h1.stopAgent()
    await shell(h1, 'ip link property add dev lan1 altname the-lan-of-the-rack')
    await h1.startAgent(['--interface', 'lan1'])
    await h1.seen('lan1', ({ msg }) => msg.startsWith('next hop 10.7.0.1'))
  }))

test('nothing on the host is touched before there is a claim', () =>
  withLab('untouched', async (lab) => {
    const h1 = await lab.addHost()
    await shell(h1, 'sysctl -qw net.ipv4.ip_forward=0')
    await h1.startAgent(['--seed', '10.0.1.99', '--join-timeout-ms', '10000'])
    await h1.note('seed-unreachable')
    const links = await shell(h1, 'ip -br link')
    assert.ok(!links.includes('starling0'), links)
    assert.equal((await shell(h1, 'cat /proc/sys/net/ipv4/ip_forward')).trim(), '0')
    await h1.note('claim-confirmed')
    await until('it forwards', async () =>
      (await shell(h1, 'cat /proc/sys/net/ipv4/ip_forward')).startsWith('1'),
    )
  }))

test('--bridge with the bridge that carries the LAN: the host stays reachable; then another one', () =>
  withLab('brlan', async (lab) => {
    const [h1, h2] = [await lab.addHost(), await lab.addHost()]
    await shell(h1, 'ip link add br0 type bridge; ip link set br0 up; ip link set eth0 master br0')
    await shell(h1, `ip addr del ${h1.address}/16 dev eth0; ip addr add ${h1.address}/16 dev br0`)
    // An operator's own, inside the pool.
    await shell(h1, 'ip addr add 172.30.0.1/24 dev br0')
    const options = ['--seed', h2.address, ...v4]
    await h2.startAgent(['--seed', h2.address, ...v4])
    await h2.note('claim-confirmed')
    await h1.startAgent([...options, '--bridge', 'br0'])
    await h1.note('claim-confirmed')
    const gateway = (await subnetOf(h1)).replace('.0/22', '.1/22')
    const shown = () => shell(h1, 'ip -br addr')
    await until('the gateway is there', async () => (await shown()).includes(gateway))
    for (const text of [`${h1.address}/16`, '172.30.0.1/24']) {
      assert.ok((await shown()).includes(text), await shown())
    }
    await converged(h1, h2)
    assert.deepEqual(
      (await h2.routes()).map((route) => route.gateway),
      [h1.address],
    )
    await h1.stopAgent()
    await h1.startAgent([...options, '--bridge', 'other0'])
    await until('our address moves', async () => {
      const lines = (await shown()).split('\n')
      const onOther = lines.some((line) => line.startsWith('other0') && line.includes(gateway))
      return onOther && !lines.some((line) => line.startsWith('br0') && line.includes(gateway))
    })
    for (const text of [`${h1.address}/16`, '172.30.0.1/24']) {
      assert.ok((await shown()).includes(text), await shown())
    }
    await converged(h1, h2)
  }))

test('link-local next hops are looked for on the LAN that their node is on', () =>
  withLab('lans', async (lab) => {
    const [h1, h2, h3] = [await lab.addHost(), await lab.addHost(), await lab.addHost()]
    // h1 is on two LANs, h2 on the first, h3 on the second.
    await ip(`-n ${h1.switch} link add br1 type bridge`)
    await ip(`-n ${h1.switch} link set br1 up`)
    await ip(`-n ${h1.switch} link set ${h3.port} master br1`)
    await ip(`-n ${h1.switch} link add p-second type veth peer name eth1 netns ${h1.namespace}`)
    await ip(`-n ${h1.switch} link set p-second master br1 up`)
    await shell(h1, 'ip link set eth1 up; ip addr add 10.9.0.71/24 dev eth1')
    await shell(h3, `ip addr del ${h3.address}/16 dev eth0; ip addr add 10.9.0.73/24 dev eth0`)
    const pools = [...v4, ...v6]
    await h1.startAgent(['--interface', 'eth0', '--seed', h1.address, ...pools])
    await h1.note('claim-confirmed')
    await h2.startAgent(['--seed', h1.address, ...pools])
    await h3.startAgent(['--seed', '10.9.0.71', ...pools])
    for (const host of [h2, h3]) await host.note('claim-confirmed')
    const [, second6 = ''] = await ownSubnets(h2)
    const [, third6 = ''] = await ownSubnets(h3)
    await until('h1 has both, each over its LAN', async () => {
      const devices = new Map((await h1.routes(6)).map(({ dst, dev }) => [dst, dev]))
      return devices.get(second6) === 'eth0' && devices.get(third6) === 'eth1'
    })
    await until('h2 refuses what is on no link of its own', async () => {
      const states = await routeStates(h2)
      return states.get(third6) === 'not-on-link'
    })
    assert.match((await problems(h2)).get('route-off-link') ?? '', /is not on-link/)
    assert.ok(!(await h2.routes(6)).some(({ dst }) => dst === third6))
  }))

test('--table N heeds the networks of every table that the rules lead to', () =>
  withLab('table', async (lab) => {
    const [h1, h2] = [await lab.addHost(), await lab.addHost()]
    // Docker's network in the main table, a VPN's in one of its own.
    await shell(h1, 'ip link add docker0 type bridge; ip link set docker0 up')
    await shell(h1, 'ip addr add 172.16.0.1/14 dev docker0')
    await shell(h1, 'ip route add 172.20.0.0/22 dev docker0 table 77; ip rule add lookup 77')
    await shell(h1, 'ip rule add priority 500 lookup 100')
    const options = ['--seed', h1.address, '--table', '100']
    await h1.startAgent(options)
    await h1.note('claim-confirmed')
    assert.equal(await subnetOf(h1), '172.20.4.0/22')
    await shell(h2, 'ip rule add priority 500 lookup 100')
    await h2.startAgent(options)
    await h2.note('claim-confirmed')
    await converged(h1, h2)
    assert.deepEqual(await destinations(h2), [], 'the main table is left alone')
    assert.match(await shell(h2, 'ip route show table 100'), /172\.20\.4\.0\/22 via 10\.0\.1\.71/)
    await shell(h2, 'ip rule del priority 500')
    await until('nobody looks there', async () => {
      return (await problems(h2)).has('route-shadowed') && (await h2.cli('status')).exitCode === 1
    })
  }))

test('a second interface that appears is no reason to move', () =>
  withLab('stays', async (lab) => {
    const [h1, h2] = await startHosts(lab, 2)
    assert.ok(h1 && h2)
    for (const host of [h1, h2]) await host.note('claim-confirmed')
    await converged(h1, h2)
    await shell(h1, 'ip link add lan1 type veth peer name lan1p; ip link set lan1 up')
    await shell(h1, 'ip addr add 10.7.0.1/24 dev lan1')
    await shell(h1, 'sleep 1')
    assert.equal((await h1.cli('status')).exitCode, 0)
    assert.deepEqual(
      (await h2.routes()).map((route) => route.gateway),
      [h1.address],
    )
  }))
