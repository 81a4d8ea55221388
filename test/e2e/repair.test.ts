/** What others do to the kernel is put right at once, by events: the periodic resync is minutes away. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LabHost } from '../../simulations/lab/host.ts'
import { ip } from '../../simulations/lab/iproute.ts'
import { RouteMonitor } from '../../simulations/lab/route-monitor.ts'
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

const complete = async (host: LabHost, subnets: readonly string[]) => {
  await until(`${host.name} has ${subnets}`, async () => {
    const present = await destinations(host)
    return subnets.every((subnet) => present.includes(subnet))
  })
}

test('drift is repaired, aliens are respected, leftovers are swept', async (t) => {
  await withLab('repair', async (lab) => {
    const [h1, h2, h3] = await startHosts(lab, 3)
    assert.ok(h1 && h2 && h3)
    for (const host of [h1, h2, h3]) await host.note('claim-confirmed')
    await converged(h1, h2, h3)
    const [own, second, third] = await Promise.all([h1, h2, h3].map(subnetOf))
    assert.ok(own && second && third)

    await t.test('a route deleted by hand comes back', async () => {
      const after = h1.lines.length
      await ip(`-n ${h1.namespace} route del ${second}`)
      await complete(h1, [second, third])
      await h1.note('route-drifted', { after })
    })

    await t.test('a link set down and up has all its routes again', async () => {
      await ip(`-n ${h1.namespace} link set eth0 down`)
      await until('the kernel dropped the routes', async () => (await h1.routes()).length === 0)
      await ip(`-n ${h1.namespace} link set eth0 up`)
      await complete(h1, [second, third])
      await converged(h1)
    })

    await t.test('a deleted bridge is made again with its gateway', async () => {
      const gateway = `${own.slice(0, own.lastIndexOf('.'))}.1/22`
      await ip(`-n ${h1.namespace} link del starling0`)
      await until('the bridge is back', async () => {
        const shown = await ip(`-n ${h1.namespace} -o addr show`)
        return shown.includes('starling0') && shown.includes(gateway)
      })
    })

    await t.test('a gateway address removed by hand comes back', async () => {
      const gateway = `${own.slice(0, own.lastIndexOf('.'))}.1/22`
      await ip(`-n ${h1.namespace} addr del ${gateway} dev starling0`)
      await until('the gateway is back', async () =>
        (await ip(`-n ${h1.namespace} -o addr show`)).includes(gateway),
      )
    })

    await t.test(
      'an alien route in the way is reported and left, and ours follows when it goes',
      async () => {
        await ip(`-n ${h1.namespace} route replace ${second} via ${h3.address} proto static`)
        await until('it is reported', async () => (await routeStates(h1)).get(second) === 'alien')
        assert.match((await problems(h1)).get('route-alien') ?? '', new RegExp(second))
        const shown = await ip(`-n ${h1.namespace} route show ${second}`)
        assert.match(shown, /proto static/)
        await ip(`-n ${h1.namespace} route del ${second} proto static`)
        await complete(h1, [second])
        await converged(h1)
        assert.equal((await problems(h1)).has('route-alien'), false)
      },
    )

    await t.test('leftovers of a former run are swept only after in-sync', async () => {
      const leftover = '172.16.200.0/22'
      await h1.stopAgent('SIGKILL')
      await ip(`-n ${h1.namespace} route add ${leftover} via ${h2.address} proto 83`)
      // Cut from everybody: without word from a peer nothing may be removed.
      await ip(`-n ${h1.switch} link set ${h1.port} nomaster`)
      const after = h1.lines.length
      await h1.startAgent(['--seed', h2.address])
      await h1.note('uplink-located', { after })
      assert.equal((await h1.ask('Status')).phase, 'joining')
      assert.ok((await destinations(h1)).includes(leftover))
      await ip(`-n ${h1.switch} link set ${h1.port} master br0`)
      await h1.note('pruned', { after, timeoutMs: 60_000 })
      await until('the leftover is gone', async () => !(await destinations(h1)).includes(leftover))
      await complete(h1, [second, third])
    })

    await t.test(
      'after a change of the metric each route goes once the new one is there',
      async () => {
        const metrics = async (prefix: string) =>
          (await h1.routes()).filter(({ dst }) => dst === prefix).map(({ metric = 0 }) => metric)
        const have = new Map([second, third].map((prefix) => [prefix, 1]))
        for (const wanted of [77, 0]) {
          await h1.stopAgent()
          const monitor = await RouteMonitor.start(h1.namespace)
          await h1.startAgent(['--seed', h2.address, '--metric', `${wanted}`])
          for (const prefix of have.keys()) {
            await until(`${prefix} has metric ${wanted} alone`, async () => {
              const found = await metrics(prefix)
              return found.length === 1 && found[0] === wanted
            })
          }
          await converged(h1)
          for (const line of await monitor.stop()) {
            const prefix = [...have.keys()].find((each) => line.split(' ').includes(each))
            if (!prefix) continue
            const count = (have.get(prefix) ?? 0) + (line.includes('Deleted') ? -1 : 1)
            assert.ok(count > 0, `no route to ${prefix} after: ${line}`)
            have.set(prefix, count)
          }
          assert.deepEqual([...have.values()], [1, 1])
        }
      },
    )

    await t.test('SIGTERM leaves routes and claim, SIGHUP reads the kernel again', async () => {
      const after = h1.lines.length
      process.kill(h1.agentPid ?? 0, 'SIGHUP')
      await h1.note('kernel-resync', { after })
      assert.equal(await h1.stopAgent('SIGTERM'), 0)
      assert.deepEqual(await destinations(h1), [second, third].sort())
      await converged(h2, h3)
      assert.ok((await destinations(h2)).includes(own))
    })
  })
})

test('what nobody claims of the pool is unreachable at once where that is asked for', async () => {
  await withLab('refuse', async (lab) => {
    const [h1, h2] = await startHosts(lab, 2, ['--refuse-unclaimed'])
    assert.ok(h1 && h2)
    for (const host of [h1, h2]) await host.note('claim-confirmed')
    await converged(h1, h2)
    const towards = (address: string) =>
      ip(`-n ${h1.namespace} route get ${address}`).catch((error: Error) => error.message)
    assert.match(await towards('172.31.255.9'), /No route to host/)
    const [network = ''] = (await subnetOf(h2)).split('/')
    assert.match(await towards(network.replace(/0$/, '9')), new RegExp(`via ${h2.address}`))
    await ip(`-n ${h1.namespace} route flush proto 83`)
    await until('it is refused again', async () => /No route/.test(await towards('172.31.255.9')))
    const { stdout } = await h1.cli('routes', '--json')
    assert.doesNotMatch(stdout, /172\.16\.0\.0\/12/)
    assert.equal((await h1.cli('purge')).exitCode, 0)
    assert.deepEqual(await destinations(h1), [])
  })
})
