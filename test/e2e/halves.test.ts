/** Two halves of a cluster that never met and claimed the same subnets. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LabHost } from '../../simulations/lab/host.ts'
import { ip } from '../../simulations/lab/iproute.ts'
import { converged, destinations, subnetOf, withLab } from './lab.ts'

test('two halves with the same subnets converge to distinct ones, with the same winners everywhere', () =>
  withLab('halves', async (lab) => {
    const hosts: LabHost[] = []
    for (let index = 0; index < 4; index += 1) hosts.push(await lab.addHost())
    const [a1, a2, b1, b2] = hosts
    assert.ok(a1 && a2 && b1 && b2)
    // A second switch that is not connected to the first.
    await ip(`-n ${a1.switch} link add br1 type bridge`)
    await ip(`-n ${a1.switch} link set br1 up`)
    for (const host of [b1, b2]) await ip(`-n ${host.switch} link set ${host.port} master br1`)
    const seeds = ['--seed', a1.address, '--seed', b1.address, '--join-timeout-ms', '3000']
    for (const host of [a1, b1]) {
      await host.startAgent(seeds)
      await host.note('claim-confirmed', { timeoutMs: 60_000 })
    }
    for (const host of [a2, b2]) {
      await host.startAgent(seeds)
      await host.note('claim-confirmed', { timeoutMs: 60_000 })
    }
    assert.deepEqual(await Promise.all(hosts.map(subnetOf)), [
      ...['172.16.0.0/22', '172.16.4.0/22', '172.16.0.0/22', '172.16.4.0/22'],
    ])

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
      assert.deepEqual(await destinations(host), subnets.filter((_, at) => at !== index).sort())
      assert.deepEqual(await winners(host), await winners(a1))
    }
  }))

async function winners(host: LabHost): Promise<string[]> {
  const { stdout } = await host.cli('claims', '--json')
  const { claims } = JSON.parse(stdout) as {
    claims: { prefix: string; node: string; standing: string }[]
  }
  return claims
    .filter(({ standing }) => standing === 'winner')
    .map(({ prefix, node }) => `${prefix} ${node}`)
    .sort()
}
