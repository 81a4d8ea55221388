/** Two halves of a cluster that never met, claimed the same subnets, and run containers in them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '../../simulations/lab/container.ts'
import type { LabHost } from '../../simulations/lab/host.ts'
import { ip } from '../../simulations/lab/iproute.ts'
import { converged, destinations, isWell, problems, subnetOf, until, withLab } from './lab.ts'

const pools = [
  ...['--pool', '172.16.0.0/12', '--prefix-length', '22'],
  ...['--pool', 'fd00:10::/40', '--prefix-length', '64'],
]

test('two halves with the same subnets converge to distinct ones, and containers keep their addresses', () =>
  withLab('halves', async (lab) => {
    const hosts: LabHost[] = []
    for (let index = 0; index < 4; index += 1) hosts.push(await lab.addHost())
    const [a1, a2, b1, b2] = hosts
    assert.ok(a1 && a2 && b1 && b2)
    // A second switch that is not connected to the first.
    await ip(`-n ${a1.switch} link add br1 type bridge`)
    await ip(`-n ${a1.switch} link set br1 up`)
    for (const host of [b1, b2]) await ip(`-n ${host.switch} link set ${host.port} master br1`)
    const seeds = ['--seed', a1.address, '--seed', b1.address, ...pools]
    for (const host of [a1, b1]) {
      await host.startAgent([...seeds, '--join-timeout-ms', '3000'])
      await host.note('claim-confirmed', { timeoutMs: 60_000 })
    }
    for (const host of [a2, b2]) {
      await host.startAgent(seeds)
      await host.note('claim-confirmed', { timeoutMs: 60_000 })
    }
    assert.deepEqual(await Promise.all(hosts.map(subnetOf)), [
      ...['172.16.0.0/22', '172.16.4.0/22', '172.16.0.0/22', '172.16.4.0/22'],
    ])

    // Each half has containers in what it takes for its own; two of them have one address.
    const winning = await run(a1, 'winning', '172.16.0.10')
    const kept = await run(b1, 'kept', '172.16.0.20')
    const beside = await run(b1, 'beside', '172.16.0.21')
    const third = await run(a2, 'third', '172.16.4.30')
    const doubled = '172.16.0.77'
    for (const host of [a1, b1]) await run(host, 'doubled', doubled)
    const endStream = await kept.stream(beside)

    for (const host of [b1, b2]) await ip(`-n ${host.switch} link set ${host.port} master br0`)
    for (const host of [b1, b2]) await host.note('claim-lost', { timeoutMs: 60_000 })
    for (const host of [b1, b2]) {
      const lost = host.lines.findIndex(({ code }) => code === 'claim-lost')
      await host.note('claim-confirmed', { after: lost, timeoutMs: 60_000 })
    }
    await converged(...hosts)
    const subnets = await Promise.all(hosts.map(subnetOf))
    assert.equal(new Set(subnets).size, 4)
    assert.deepEqual(
      subnets.slice(0, 2),
      ['172.16.0.0/22', '172.16.4.0/22'],
      'the earlier confirmed keep theirs',
    )
    for (const [index, host] of hosts.entries()) {
      const others = subnets.filter((_, at) => at !== index)
      const single = [kept, beside].map(({ address }) => address)
      assert.deepEqual(await destinations(host), [...others, ...single].sort())
      assert.deepEqual(await winners(host), await winners(a1))
    }

    const { sent, received } = await endStream()
    assert.equal(received, sent, 'containers of one host never lost each other')
    const fresh = await run(b1, 'fresh')
    assert.ok(!fresh.address.startsWith('172.16.0.'), `${fresh.address} is of the new subnet`)
    // On the link they take each other for neighbours: the gateways answer for those who are elsewhere.
    for (const [from, to] of [
      [third, kept],
      [winning, kept],
      [kept, winning],
      [kept, fresh],
      [fresh, beside],
      [kept, third],
    ] as const) {
      for (const address of [to.address, addressOf6(to)]) {
        const isReached = async () => (await from.ping(address)).received === 3
        await until(`${from.name} reaches ${address} of ${to.name}`, isReached, 30_000)
      }
    }
    const refused = await a1.cli('ip', 'allocate', 'thief', '--address', kept.address)
    assert.equal(refused.exitCode, 1)
    assert.match(refused.stderr, /172\.16\.0\.20 is a container's of another node/)

    // What both handed out is lost where the subnet is, and that is said.
    assert.ok((await problems(b1)).has('addresses-lost'))
    const status = await b1.cli('status')
    assert.equal(status.exitCode, 1)
    assert.match(status.stdout, /1 container of this host lost its address/)
    assert.match(status.stdout, /kept +3 of 172\.16\.0\.0\/22, which h1 has now, 1 lost/)
    assert.match((await b1.cli('ip', 'list')).stdout, new RegExp(`${doubled} .* lost to h1`))
    assert.match((await b1.cli('explain', doubled)).stdout, /lost to a container of h1/)
    assert.match((await a2.cli('explain', kept.address)).stdout, /held by manual kept/)
    assert.equal((await a1.cli('status')).exitCode, 0)

    // With its last container the old subnet is gone from its host, and each address from all others.
    for (const id of ['kept', 'beside', 'doubled']) await b1.cli('ip', 'release', id)
    await converged(...hosts)
    for (const [index, host] of hosts.entries()) {
      const others = subnets.filter((_, at) => at !== index).sort()
      await until(
        `${host.name} has subnets alone`,
        async () => (await destinations(host)).join() === others.join(),
      )
    }
    const bridge = await ip(`-n ${b1.namespace} -o addr show dev starling0`)
    assert.doesNotMatch(bridge, /172\.16\.0\.1\//)
    await until('all is well', () => isWell(b1))
  }))

/** A container with an address of each family that its host grants. */
async function run(host: LabHost, id: string, asked?: string): Promise<Container> {
  const words = asked === undefined ? [] : ['--address', asked]
  const granted = await host.cli('ip', 'allocate', id, ...words, '--json')
  const { leases } = JSON.parse(granted.stdout) as { leases: { address: string; subnet: string }[] }
  const [four, six] = leases.map(({ address, subnet }) => `${address}/${subnet.split('/')[1]}`)
  const { subnets } = await host.ask('Leases')
  const [gateway4 = '', gateway6 = ''] = subnets.map(({ gateway }) => gateway)
  const container = await host.addContainer(four ?? '', gateway4)
  await ip(`-n ${container.namespace} addr add ${six} dev eth0 nodad`)
  await ip(`-n ${container.namespace} -6 route add default via ${gateway6}`)
  sixOf.set(container, six?.split('/')[0] ?? '')
  return container
}

const sixOf = new Map<Container, string>()
const addressOf6 = (container: Container): string => sixOf.get(container) ?? ''

async function winners(host: LabHost): Promise<string[]> {
  const { claims } = await host.ask('Claims')
  return claims
    .filter(({ standing }) => standing === 'winner')
    .map(({ prefix, node }) => `${prefix} ${node}`)
    .sort()
}
