/** Sixteen agents that start at once. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogLine } from '../../simulations/lab/host.ts'
import { RouteMonitor } from '../../simulations/lab/route-monitor.ts'
import { converged, destinations, startHosts, subnetOf, until, withLab } from './lab.ts'

const count = 16
const quietMs = 10_000

test('sixteen hosts that start at once get distinct subnets, complete kernels, and are quiet', () =>
  withLab('sixteen', async (lab) => {
    const hosts = await startHosts(lab, count)
    for (const host of hosts) await host.note('claim-confirmed', { timeoutMs: 120_000 })
    for (const host of hosts) {
      await until(
        `${host.name} has ${count - 1} routes`,
        async () => (await host.routes()).length === count - 1,
        60_000,
      )
    }
    await converged(...hosts)

    const subnets = await Promise.all(hosts.map(subnetOf))
    assert.equal(new Set(subnets).size, count)
    for (const [index, host] of hosts.entries()) {
      const others = subnets.filter((_, at) => at !== index).sort()
      assert.deepEqual(await destinations(host), others)
    }

    // Quiet is an absence: it takes the time that it is promised for.
    const monitors = await Promise.all(hosts.map((host) => RouteMonitor.start(host.namespace)))
    const written = hosts.map((host) => host.lines.filter(isWrite).length)
    await new Promise((resolve) => setTimeout(resolve, quietMs))
    for (const [index, monitor] of monitors.entries()) {
      assert.deepEqual(await monitor.stop(), [], `route changes on ${monitor.namespace}`)
      assert.equal(hosts[index]?.lines.filter(isWrite).length, written[index])
    }
  }))

// A summary of what was held back comes when its burst is over: it tells of writes before the quiet.
const isWrite = ({ code, suppressed }: LogLine): boolean =>
  suppressed === undefined && (code === 'routes-written' || code === 'bridge-configured')
