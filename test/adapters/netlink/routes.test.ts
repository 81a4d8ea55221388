/** Route writes on a real kernel: many, failing, IPv6, and beside another process that writes the same keys. */

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type {
  KernelChange,
  RouteChange,
  RouteKey,
  RouteTarget,
} from '../../../src/core/routing/route.ts'
import type { Host } from '../../conformance/kernel.ts'
import {
  addressOf,
  hostKeys,
  ip,
  ipBatch,
  Meddler,
  makeHost,
  monitorPid,
  prefixOf,
  scope,
} from './host.ts'
import { inNamespace } from './in-namespace.ts'
import { RouteModel } from './model.ts'

if (await inNamespace(import.meta.url)) describe('routes on a real kernel', suite)

function suite(): void {
  let host: Host
  let model: RouteModel
  let ifindex: number

  beforeEach(async () => {
    host = await makeHost()
    model = new RouteModel(host.kernel)
    await host.kernel.start(model.deliver)
    ifindex = (await host.kernel.dump()).links.find(({ name }) => name === host.link)?.ifindex ?? 0
    await model.read()
  })
  afterEach(() => host.stop())

  const via = (nextHop: string): RouteTarget => ({
    type: 'via',
    nextHop: addressOf(nextHop),
    ifindex,
  })
  const add = (key: RouteKey, nextHop = '10.0.1.71'): RouteChange => ({
    type: 'add',
    key,
    target: via(nextHop),
  })
  const remove = (key: RouteKey): RouteChange => ({ type: 'remove', key })
  const apply = async (changes: readonly RouteChange[]) => {
    const results = await host.kernel.apply(changes)
    model.answer(results)
    return results.map(({ outcome }) => outcome)
  }
  /** All that the kernel told before is delivered, or said to be missed: then so may the fence be, and another is put. */
  const settle = async () => {
    let isMissed = true
    // Each has a metric of its own: news of the one before may still be under way.
    for (let metric = 1; isMissed; metric += 1) {
      model.log.clear()
      await ip(`route add 172.31.255.0/24 via 10.0.1.99 metric ${metric}`)
      isMissed = await isFenceMissed('route-added', metric)
      await ip(`route del 172.31.255.0/24 metric ${metric}`)
      isMissed = isMissed || (await isFenceMissed('route-removed', metric))
    }
  }
  const isFenceMissed = async (type: 'route-added' | 'route-removed', metric: number) => {
    const isFence = (change: KernelChange) =>
      change.type === type &&
      change.route.prefix.text === '172.31.255.0/24' &&
      change.route.metric === metric
    const told = await model.log.event(
      `the fence: ${type}`,
      (event) =>
        event.type === 'kernel-overrun' ||
        (event.type === 'kernel-changed' && event.changes.some(isFence)),
    )
    return told.type === 'kernel-overrun'
  }

  test('10,000 routes are added, dumped and removed', async () => {
    const keys = hostKeys(10_000)
    assert.ok((await apply(keys.map((key) => add(key)))).every((outcome) => outcome === 'done'))
    const { routes } = await host.kernel.dump()
    assert.equal(routes.filter(({ owned }) => owned).length, 10_000)
    await model.check()
    assert.ok((await apply(keys.map(remove))).every((outcome) => outcome === 'done'))
    await model.check()
  })

  test('in a large batch each failure belongs to its own change', async () => {
    const keys = hostKeys(2_000)
    const taken = keys.filter((_, i) => i % 7 === 0)
    await ipBatch(taken.map(({ prefix }) => `route add ${prefix.text} via 10.0.1.80`))
    const changes = keys.map((key, i) =>
      i % 11 === 0 ? remove(key) : add(key, i % 13 === 0 ? '10.9.9.9' : '10.0.1.71'),
    )
    const expected = keys.map((_, i) => {
      if (i % 11 === 0) return 'absent'
      // IPv4 looks at the next hop before it looks for the key.
      if (i % 13 === 0) return 'not-on-link'
      return i % 7 === 0 ? 'exists' : 'done'
    })
    assert.deepEqual(await apply(changes), expected)
  })

  test('a batch of which every change fails overruns nothing', async () => {
    const keys = hostKeys(5_000)
    assert.ok((await apply(keys.map(remove))).every((outcome) => outcome === 'absent'))
  })

  test('IPv6 routes are written, found and removed like IPv4 ones', async () => {
    const key = { prefix: prefixOf('fd00:10:0:4::/64'), metric: 1024 }
    const other = { prefix: prefixOf('fd00:10:0:5::/64'), metric: 1024 }
    await ip('-6 route add fd00:10:0:7::/64 via fd00:1::80')
    const alien = { prefix: prefixOf('fd00:10:0:7::/64'), metric: 1024 }
    assert.deepEqual(
      await apply([
        add(key, 'fd00:1::71'),
        { type: 'add', key: other, target: { type: 'unreachable' } },
        add(alien, 'fd00:1::71'),
        add({ ...alien, metric: 100 }, 'fd00:9::1'),
        remove(alien),
        add({ ...other, metric: 200 }, '10.0.1.71'),
      ]),
      ['done', 'done', 'exists', 'not-on-link', 'absent', 'failed'],
    )
    const routes = (await host.kernel.dump()).routes.filter(({ owned }) => owned)
    assert.deepEqual(routes, [
      { ...key, target: via('fd00:1::71'), owned: true },
      { ...other, target: { type: 'unreachable' }, owned: true },
    ])
    await ip('-6 route del fd00:10:0:4::/64')
    await model.log.change('its removal', (change) => change.type === 'route-removed')
    assert.deepEqual(await apply([remove(other)]), ['done'])
    await model.check()
  })

  test('a link-local next hop is looked for on the given interface', async () => {
    const answers = await host.kernel.lookUpNextHops([
      { nextHop: addressOf('fe80::71'), ifindex },
      { nextHop: addressOf('fd00:1::71'), ifindex: 0 },
      { nextHop: addressOf('fd00:9::1'), ifindex: 0 },
      { nextHop: addressOf('fe80::71'), ifindex: 0 },
    ])
    assert.deepEqual(
      answers.map((answer) => answer.ifindex),
      [ifindex, ifindex, undefined, undefined],
    )
  })

  test('an alien route of another shape is told as such', async () => {
    await ip(`route add 172.20.0.0/24 dev ${host.link}`)
    await ip('route add blackhole 172.20.1.0/24')
    await ip('route add 172.20.2.0/24 nexthop via 10.0.1.81 nexthop via 10.0.1.82')
    await ip('route add 172.20.3.0/24 via 10.0.1.80 table 77')
    await ip('route add 172.20.4.0/24 via 10.0.1.80 tos 0x10')
    const { routes } = await host.kernel.dump()
    assert.deepEqual(
      routes.map(({ prefix, target }) => [prefix.text, target]),
      [
        ['172.20.0.0/24', { type: 'other', ifindex, text: '' }],
        ['172.20.1.0/24', { type: 'other', ifindex: undefined, text: 'blackhole' }],
        ['172.20.2.0/24', { type: 'other', ifindex: undefined, text: 'nexthop ...' }],
      ],
    )
    await settle()
    await model.check()
    await ip('route del 172.20.1.0/24')
  })

  test('a replaced route is told as the one that replaced it', async () => {
    const key = { prefix: prefixOf('172.16.4.0/22'), metric: 0 }
    await apply([add(key)])
    await ip('route replace 172.16.4.0/22 via 10.0.1.80')
    const added = await model.log.change('it', (change) => change.type === 'route-added')
    assert.deepEqual(added, {
      type: 'route-added',
      route: { ...key, target: via('10.0.1.80'), owned: false },
    })
    assert.deepEqual(await apply([remove(key)]), ['absent'])
    await model.check()
  })

  test('answers and events together are the truth while another process writes the same keys', async () => {
    const keys = hostKeys(24)
    const meddling: string[] = []
    // No randomness: multiplicative steps visit keys and actions in an order of their own.
    for (let i = 1; i <= 4_000; i += 1) {
      const { prefix } = keys[(i * 7_919) % keys.length] ?? { prefix: prefixOf('172.16.0.0/32') }
      const protocol = i % 3 === 0 ? 'static' : String(scope.protocol)
      const action = (i * 31) % 5 < 2 ? 'add' : 'del'
      meddling.push(`route ${action} ${prefix.text} via 10.0.1.80 proto ${protocol}`)
    }
    let done = false
    const meddler = ipBatch(meddling).then(() => {
      done = true
    })
    for (let round = 0; !done; round += 1) {
      const changes = keys
        .filter((_, i) => (i + round) % 3 === 0)
        .map((key) => (round % 2 === 0 ? add(key) : remove(key)))
      await apply(changes)
    }
    await meddler
    await settle()
    await model.check()
    assert.equal(model.overruns, 0)
  })

  test('own writes beyond what the monitor can hold cost one dump, and it goes on watching', async () => {
    const capacityMax = 40_000
    const pid = monitorPid()
    const keys = hostKeys(capacityMax)
    await apply(keys.map((key) => add(key)))
    await model.log.event('the overrun', (event) => event.type === 'kernel-overrun')
    await ip(`route del ${keys[5]?.prefix.text}`)
    await model.log.change(
      'a removal after it',
      (change) =>
        change.type === 'route-removed' && change.route.prefix.text === keys[5]?.prefix.text,
    )
    assert.equal(monitorPid(), pid)
    await model.check()
    assert.equal(model.overruns, 1)
  })

  test('50,000 changes by another process are all taken in, or said to be missed', async (context) => {
    const ours = new Meddler(scope.protocol)
    const alien = new Meddler(4)
    context.after(() => Promise.all([ours.stop(), alien.stop()]))
    await apply(hostKeys(50).map((key) => add(key)))
    const batch = hostKeys(12_500)
    await ours.write(batch.map((key) => add(key, '10.0.1.80')))
    await alien.write(batch.map((key) => add({ ...key, metric: 9 }, '10.0.1.81')))
    await ours.write(batch.filter((_, i) => i % 2 === 0).map(remove))
    await alien.write(
      batch.filter((_, i) => i % 3 === 0).map((key) => remove({ ...key, metric: 9 })),
    )
    await settle()
    await model.check()
    await ipBatch(['route flush table main proto 4', 'route flush table main proto 83'])
  })
}
