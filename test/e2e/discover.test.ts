/** Agents that find each other on the LAN, and what a start would change: real hosts, one LAN. */

import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { executable, type LabHost } from '../../simulations/lab/host.ts'
import type { Lab } from '../../simulations/lab/topology.ts'
import { converged, peerNames, problems, ready, shell, subnetOf, until, withLab } from './lab.ts'

const key = ['--cluster-key', '11'.repeat(32)]
const otherKey = ['--cluster-key', '22'.repeat(32)]

test('agents without seeds find each other on their uplink, and nowhere else', () =>
  withLab('discover', async (lab) => {
    const h1 = await lab.addHost()
    const h2 = await lab.addHost()
    const stranger = await lab.addHost()
    await addBridge(h1)
    const avahi = await listenOn5353(h1, { shared: true })
    const blocker = await listenOn5353(stranger, { shared: false })

    await Promise.all([h1.startAgent(key), h2.startAgent(key), stranger.startAgent(otherKey)])
    await ready([h1, h2])
    await met(h1, h2)
    assert.match(
      (await h1.cli('status')).stdout,
      /^admission +by the cluster key; discovery on eth0 hears 1 agent$/m,
    )

    await once(avahi, 'message')
    assert.deepEqual(await spoken(h1, 'docker0'), { packets: 0, isMember: false })
    const onUplink = await spoken(h1, 'eth0')
    assert.ok(onUplink.packets > 0 && onUplink.isMember)

    await stranger.note('claim-confirmed')
    assert.match((await problems(stranger)).get('discovery-failed') ?? '', /eth0: .*EADDRINUSE/)
    blocker.kill()
    await until('the port is shared again', async () => !(await problems(stranger)).size)
    assert.deepEqual(await peerNames(stranger), ['h3'])
    assert.deepEqual(await peerNames(h1), ['h1', 'h2'])

    await moves(lab, [h1, h2])
    await rehearses(lab, h2)
  }))

test('hosts that have IPv6 alone find each other, too', () =>
  withLab('discover6', async (lab) => {
    const hosts = [await lab.addHost(), await lab.addHost()]
    const pool = ['--pool', 'fd00:10::/40', '--prefix-length', '64']
    for (const [index, host] of hosts.entries()) {
      const address = `fd00:1::${index + 1}/64`
      await shell(host, `ip -4 addr flush dev eth0; ip -6 addr add ${address} dev eth0 nodad`)
    }
    // Once it is tested, the kernel would rather send from the link-local one.
    for (const host of hosts)
      await until('its addresses stand', async () => !(await stateOf(host)).includes('tentative'))
    for (const host of hosts) await host.startAgent([...pool, ...key])
    await ready(hosts)
    await met(...hosts)
    for (const host of hosts) {
      assert.match(await shell(host, 'ip maddr show dev eth0'), /ff02::fb/)
    }
  }))

/** On a busy machine a handshake may outlast the time in which one waits for it, and each claims alone until then. */
async function met(...hosts: readonly LabHost[]): Promise<void> {
  const names = hosts.map(({ name }) => name).join()
  for (const host of hosts) {
    const isMet = async () => (await peerNames(host)).join() === names
    await until(`${host.name} knows ${names}`, isMet)
  }
}

/** A host whose uplink gets another address is found at that one. */
async function moves(lab: Lab, [h1, h2]: readonly [LabHost, LabHost]): Promise<void> {
  await h1.stopAgent()
  const before = h2.lines.length
  await shell(h2, 'ip addr flush dev eth0 scope global; ip addr add 10.0.9.9/16 dev eth0')
  await h2.note('uplink-located', { after: before })
  const late = await lab.addHost()
  await late.startAgent(key)
  const met = await late.note('peer-connected')
  assert.match(met.msg, / at 10\.0\.9\.9:/)
  await late.note('claim-confirmed')
  await late.stopAgent()
}

/** On a host beside a cluster: changes nothing, is seen by nobody, and says what the start then does. */
async function rehearses(lab: Lab, member: LabHost): Promise<void> {
  const [host, copy] = [await lab.addHost(), await lab.addHost()]
  await shell(host, 'sysctl -qw net.ipv4.ip_forward=0')
  await until('its addresses stand', async () => !(await stateOf(host)).includes('tentative'))
  const [state, peers] = [await stateOf(host), await peerNames(member)]
  const plan = await rehearse(host)
  assert.equal(plan.heard, 'peers')
  assert.equal(await stateOf(host), state)
  assert.deepEqual(await peerNames(member), peers)

  await shell(copy, plan.commands.join('\n'))
  await host.startAgent(key)
  await host.note('claim-confirmed')
  await converged(host)
  assert.equal(await subnetOf(host), plan.subnets[0]?.prefix)
  const written = async (on: LabHost) => [
    await on.routes(),
    await shell(on, 'ip -o addr show starling0 | awk \'$3 == "inet" { print $4 }\''),
    await shell(on, 'cat /proc/sys/net/ipv4/ip_forward'),
  ]
  assert.deepEqual(await written(copy), await written(host))

  const again = await rehearse(host)
  assert.deepEqual([again.agentRuns, again.commands], [true, []])
  assert.equal(again.subnets[0]?.held, true)
}

interface Plan {
  readonly heard: string
  readonly agentRuns: boolean
  readonly subnets: readonly { prefix: string; held: boolean }[]
  readonly commands: readonly string[]
}

async function rehearse(host: LabHost): Promise<Plan> {
  const own = ['--name', host.name, '--state-dir', join(host.directory, 'state')]
  const words = ['agent', '--dry-run', '--json', ...own, '--socket', host.socket, ...key]
  const inside = ['netns', 'exec', host.namespace, executable, ...words]
  return JSON.parse((await promisify(execFile)('ip', inside)).stdout) as Plan
}

async function stateOf(host: LabHost): Promise<string> {
  const network = 'ip -j link; ip -j addr; ip -j route show table all; ip -j rule; nft list ruleset'
  const settings = 'grep -rs . /proc/sys/net/ipv4/conf /proc/sys/net/ipv4/ip_forward'
  return [
    (await shell(host, network)).replaceAll(/"(preferred|valid)_life_time":[0-9]+/g, ''),
    await shell(host, settings),
    await readdir(host.directory).catch(() => 'no directory'),
  ].join('\n')
}

/** As Docker makes one, with a container behind it. What goes out to port 5353 is counted by interface. */
async function addBridge(host: LabHost): Promise<void> {
  await shell(
    host,
    [
      'ip link add docker0 type bridge; ip link add veth0 type veth peer name veth1',
      'ip link set veth0 master docker0; ip link set docker0 up',
      'ip link set veth0 up; ip link set veth1 up; ip addr add 172.31.0.1/24 dev docker0',
      'nft add table inet seen; nft add chain inet seen out "{ type filter hook output priority 0; }"',
      ...['docker0', 'eth0'].map(
        (link) => `nft add rule inet seen out oifname ${link} udp dport 5353 counter`,
      ),
    ].join('\n'),
  )
}

async function spoken(
  host: LabHost,
  link: string,
): Promise<{ packets: number; isMember: boolean }> {
  const rules = await shell(host, 'nft list chain inet seen out')
  const [, packets] = new RegExp(`"${link}".*packets ([0-9]+)`).exec(rules) ?? []
  const groups = await shell(host, `ip maddr show dev ${link}`)
  return { packets: Number(packets), isMember: groups.includes('224.0.0.251') }
}

/** Another program that speaks multicast DNS; it says every packet that it hears. */
async function listenOn5353(
  host: LabHost,
  { shared }: { readonly shared: boolean },
): Promise<ChildProcess> {
  const script = `
    const socket = require('node:dgram').createSocket({ type: 'udp4', reuseAddr: ${shared} })
    socket.on('message', () => process.send('heard'))
    socket.bind(5353, () => { socket.addMembership('224.0.0.251', '${host.address}'); process.send('ready') })`
  const words = ['netns', 'exec', host.namespace, process.execPath, '-e', script]
  const child = spawn('ip', words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  await once(child, 'message')
  return child
}
