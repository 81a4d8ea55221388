/** The monitor child on a real kernel: overrun, death, a dead parent, and what it tells meanwhile. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { KernelChange, RouteChange, RouteKey } from '../../../src/core/routing/route.ts'
import type { Host } from '../../conformance/kernel.ts'
import {
  addressOf,
  eventually,
  hostKeys,
  ip,
  isMonitor,
  Meddler,
  makeHost,
  monitorPid,
  prefixOf,
  scope,
} from './host.ts'
import { inNamespace } from './in-namespace.ts'
import { RouteModel } from './model.ts'

if (await inNamespace(import.meta.url)) describe('the monitor', suite)

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

  const add = (key: RouteKey): RouteChange => ({
    type: 'add',
    key,
    target: { type: 'via', nextHop: addressOf('10.0.1.71'), ifindex },
  })
  const remove = (key: RouteKey): RouteChange => ({ type: 'remove', key })
  const apply = async (changes: readonly RouteChange[]) => {
    const results = await host.kernel.apply(changes)
    model.answer(results)
    return results.map(({ outcome }) => outcome)
  }
  const pidOfMonitor = () => {
    const pid = monitorPid()
    assert.ok(pid, 'the monitor runs')
    return pid
  }
  const overrun = () => model.log.event('the overrun', (event) => event.type === 'kernel-overrun')
  const troubles = () =>
    model.log.events.flatMap((event) =>
      event.type === 'trouble-reported' ? [[event.trouble.code, event.trouble.active]] : [],
    )

  test('50,000 changes while it stands still cost one resync, and what is told after it is right', async (context) => {
    const own = hostKeys(64, 5)
    await apply(own.map(add))
    const pid = pidOfMonitor()
    process.kill(pid, 'SIGSTOP')
    const ours = new Meddler(scope.protocol)
    const alien = new Meddler(4)
    context.after(() => Promise.all([ours.stop(), alien.stop()]))
    const keys = hostKeys(12_500)
    await ours.write([...keys.map(add), ...keys.map(remove), ...own.slice(0, 32).map(remove)])
    await alien.write([...keys.map(add), ...keys.slice(100).map(remove)])
    process.kill(pid, 'SIGCONT')
    await overrun()
    await model.check()
    assert.deepEqual(troubles(), [])
    model.log.clear()
    await alien.write(keys.slice(0, 100).map(remove))
    await model.log.change(
      'the last removal',
      (change) =>
        change.type === 'route-removed' && change.route.prefix.text === keys[99]?.prefix.text,
    )
    await model.check()
  })

  test('writes go on, and are not held up, while it stands still', async () => {
    const pid = pidOfMonitor()
    process.kill(pid, 'SIGSTOP')
    for (let round = 0; round < 4; round += 1) {
      assert.ok((await apply(hostKeys(10_000).map(add))).every((outcome) => outcome === 'done'))
      assert.ok((await apply(hostKeys(10_000).map(remove))).every((outcome) => outcome === 'done'))
    }
    process.kill(pid, 'SIGCONT')
    await overrun()
    await model.check()
  })

  test('a killed monitor is replaced, then a resync is asked for, and the trouble is over', async () => {
    const pid = pidOfMonitor()
    process.kill(pid, 'SIGKILL')
    await ip('route add 172.20.0.0/22 via 10.0.1.80')
    await overrun()
    assert.notEqual(pidOfMonitor(), pid)
    await model.log.event(
      'the end of the trouble',
      (event) => event.type === 'trouble-reported' && !event.trouble.active,
    )
    assert.deepEqual(troubles(), [
      ['monitor-died', true],
      ['monitor-died', false],
    ])
    await model.check()
    await ip('route del 172.20.0.0/22 via 10.0.1.80')
    await model.log.change('a removal', (change) => change.type === 'route-removed')
    await model.check()
  })

  test('what is watched outside the interest survives a restart', async () => {
    await ip('route add 192.168.7.0/24 via 10.0.1.80')
    const key = { prefix: prefixOf('192.168.7.0/24'), metric: 0 }
    assert.deepEqual(await apply([add(key)]), ['exists'])
    await model.log.change('the alien', (change) => change.type === 'route-added')
    process.kill(pidOfMonitor(), 'SIGKILL')
    await overrun()
    await ip('route del 192.168.7.0/24')
    await model.log.change('its removal', (change) => change.type === 'route-removed')
    await model.check()
  })

  test('it ignores the signals of a terminal', async () => {
    const pid = pidOfMonitor()
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.kill(pid, signal)
    await ip('route add 172.20.0.0/22 via 10.0.1.80')
    await model.log.change('the addition', (change) => change.type === 'route-added')
    assert.equal(pidOfMonitor(), pid)
  })

  test('a link that goes down and up at once is told as both', async () => {
    await apply([add({ prefix: prefixOf('172.16.4.0/22'), metric: 0 })])
    await ip(`link set ${host.link} down`)
    await ip(`link set ${host.link} up`)
    const isState = (up: boolean) => (change: KernelChange) =>
      change.type === 'link-changed' && change.link.ifindex === ifindex && change.link.up === up
    await model.log.change('down', isState(false))
    await model.log.change('up', isState(true))
    const states = model.log.changes.flatMap((change) =>
      change.type === 'link-changed' && change.link.ifindex === ifindex ? [change.link.up] : [],
    )
    assert.deepEqual(states, [false, true])
  })

  test('stop ends it, even where it stands still', async () => {
    const pid = pidOfMonitor()
    process.kill(pid, 'SIGSTOP')
    await host.kernel.stop()
    assert.equal(isMonitor(pid), false)
  })

  test('it dies with its parent, however that ends', async () => {
    const parent = spawn(
      process.execPath,
      [fileURLToPath(new URL('./standing-kernel.ts', import.meta.url))],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    await once(parent.stdout, 'data')
    assert.ok(parent.pid)
    const pid = monitorPid(parent.pid)
    assert.ok(pid)
    parent.kill('SIGKILL')
    await eventually('the end of the monitor', () => !isMonitor(pid))
  })
}
