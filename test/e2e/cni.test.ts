/** Containers of two hosts by Debian's bridge plugin, called as libcni does; agents that stop, die and come back. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { copyFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  type CniAttachment,
  type CniResult,
  CniRuntime,
} from '../../simulations/lab/cni-runtime.ts'
import { Container } from '../../simulations/lab/container.ts'
import type { LabHost } from '../../simulations/lab/host.ts'
import { ip, type LabError } from '../../simulations/lab/iproute.ts'
import { holds, parseInterface, parsePrefix } from '../../src/core/ip/prefix.ts'
import {
  converged,
  leasedTo,
  leases,
  ownSubnets,
  ready,
  shell,
  startHosts,
  statusOf,
  subnetOf,
  until,
  withLab,
} from './lab.ts'

const pools = ['--pool', '172.16.0.0/12', '--pool', 'fd00:10::/40']
const deadlineMs = 2_500

/** A container's network namespace, as a runtime makes it. */
async function namespaceFor(host: LabHost, id: string): Promise<CniAttachment> {
  const name = `${host.namespace}-${id}`
  await ip(`netns add ${name}`)
  return { id, ifname: 'eth0', netns: `/run/netns/${name}` }
}

const nameOf = ({ netns }: CniAttachment): string => netns.slice('/run/netns/'.length)

/** Addresses without their lengths. */
const addressesIn = ({ ips }: CniResult): string[] =>
  ips.map(({ address }) => address.slice(0, address.indexOf('/')))

const codeIn = (stdout: string): number => (JSON.parse(stdout) as { code: number }).code

test('containers get addresses by the bridge plugin, reach each other, and are gone again', (t) =>
  withLab('cnibridge', async (lab) => {
    const hosts = await ready(await startHosts(lab, 2, pools))
    const runtimes = hosts.map((host) => new CniRuntime(host))
    for (const runtime of runtimes) await runtime.install()
    const [h1, h2] = hosts
    const [one, two] = runtimes
    assert.ok(h1 && h2 && one && two)

    await t.test('a network is installed with the MTU of the uplink', () => {
      assert.equal(one.conflist.plugins[0]?.mtu, 1_500)
      assert.deepEqual(
        one.conflist.plugins.map(({ type }) => type),
        ['bridge', 'portmap', 'bandwidth'],
      )
    })
    await t.test('two hosts’ containers ping each other by both families', async () => {
      const containers: Container[] = []
      for (const runtime of runtimes) {
        const attachment = await namespaceFor(runtime.host, 'ping')
        const result = await runtime.add(attachment)
        const addresses = addressesIn(result)
        const subnets = (await ownSubnets(runtime.host)).map(parsePrefix)
        for (const [index, { address, gateway }] of result.ips.entries()) {
          const parsed = parseInterface(address)
          const subnet = subnets[index]
          assert.ok(parsed && subnet && holds(subnet, parsed.address), address)
          assert.equal(parsed.prefix.text, subnet.text)
          assert.ok(gateway?.endsWith('1'), gateway)
        }
        assert.deepEqual(
          result.routes?.map(({ dst }) => dst),
          ['0.0.0.0/0', '::/0'],
        )
        assert.deepEqual(await leasedTo(runtime.host, 'ping'), addresses)
        assert.equal(await runtime.check(attachment, result), undefined)
        containers.push(new Container('c', nameOf(attachment), addresses[0] ?? ''))
        for (const address of addresses) await dadIsOver(nameOf(attachment), address)
        const inside = await addressesOf(nameOf(attachment))
        for (const address of addresses) assert.ok(inside.includes(address), inside.join())
      }
      const [from, to] = containers
      assert.ok(from && to)
      for (const each of containers) await each.start()
      try {
        const { sent, received } = await from.ping(to, 3)
        assert.equal(received, sent)
        const [, v6 = ''] = await leasedTo(h2, 'ping')
        await until('IPv6 is answered', async () => (await from.ping(v6, 1)).received === 1)
      } finally {
        for (const each of containers) await each.stop()
      }
    })
    await t.test('versions', (context) => everyVersion(context, one))
    await t.test('what is asked for', (context) => askedFor(context, one))
    await t.test(
      'two interfaces of one container have an address each, and go by themselves',
      async () => {
        const attachment = await namespaceFor(h1, 'two')
        const second = { ...attachment, ifname: 'net1' }
        const results = [await one.add(attachment), await one.add(second)]
        const all = await leasedTo(h1, 'two')
        assert.equal(new Set(all).size, 4)
        assert.deepEqual(all.sort(), results.flatMap(addressesIn).sort())
        assert.equal(await one.del(second, results[1]), undefined)
        assert.deepEqual(
          (await leasedTo(h1, 'two')).sort(),
          addressesIn(results[0] as CniResult).sort(),
        )
        assert.equal(await one.del(attachment, results[0]), undefined)
        assert.deepEqual(await leasedTo(h1, 'two'), [])
      },
    )
    await t.test('a bridge that fails after our ADD leaves no lease', async () => {
      const attachment = await namespaceFor(h1, 'failing')
      const routes = [{ dst: '10.99.0.0/16', gw: '203.0.113.1' }]
      const conf = one.bridgeConf({ ipam: { type: 'starling-ipam', routes } })
      const { exitCode, stdout } = await one.call('ADD', 'bridge', conf, attachment)
      assert.equal(exitCode, 1)
      assert.match(stdout, /10\.99\.0\.0/)
      assert.deepEqual(await leasedTo(h1, 'failing'), [])
    })
    await t.test('DEL frees the address of a container whose namespace is gone', async () => {
      const attachment = await namespaceFor(h1, 'gone')
      const result = await one.add(attachment)
      await ip(`netns del ${nameOf(attachment)}`)
      assert.equal(await one.del({ ...attachment, netns: '' }, result), undefined)
      assert.deepEqual(await leasedTo(h1, 'gone'), [])
    })
    await t.test(
      'CHECK is content after a restart of the agent, and with a bridge made anew',
      async () => {
        const attachment = await namespaceFor(h1, 'checked')
        const result = await one.add(attachment)
        assert.equal(await h1.stopAgent(), 0)
        await h1.startAgent(['--seed', h2.address, ...pools])
        await until('CHECK is answered by an agent', () => statusOf(h1))
        await converged(h1)
        assert.equal(await one.check(attachment, result), undefined)
        assert.deepEqual(await leasedTo(h1, 'checked'), addressesIn(result))

        await ip(`-n ${h1.namespace} link del starling0`)
        await until('the bridge is there again', async () =>
          (await shell(h1, 'ip -o addr show starling0 || true')).includes('172.16.'),
        )
        // What hung on the former one hangs on it again, and has the neighbour that it knows.
        await until(
          'its port is back',
          async () => (await one.check(attachment, result)) === undefined,
        )
        // Its own CHECK finds an address that is not its.
        const another = { ...result, ips: [{ address: '172.31.255.1/22' }] }
        const conf = one.bridgeConf({ prevResult: another })
        const { exitCode } = await one.call('CHECK', 'starling-ipam', conf, attachment)
        assert.equal(exitCode, 1)
        assert.equal(await one.del(attachment, result), undefined)
      },
    )
    await t.test('GC frees what its runtime does not know, of its network alone', () =>
      garbage(one),
    )
    await t.test('wrong calls change nothing and say what is wrong', () => wrongCalls(one))
    await t.test('every lease can be given back', async () => {
      for (const runtime of runtimes) {
        const attachment = { id: 'ping', ifname: 'eth0', netns: '' }
        assert.equal(await runtime.del(attachment), undefined)
        assert.deepEqual(await leases(runtime.host), [])
      }
    })
  }))

test('200 ADDs at once get 200 addresses, and every DEL gives one back', () =>
  withLab('cniburst', async (lab) => {
    const [host] = await ready(await startHosts(lab, 1))
    assert.ok(host)
    const runtime = new CniRuntime(host)
    await runtime.install()
    const ids = Array.from({ length: 200 }, (_, index) => `n${index}`)
    const all = await Promise.all(ids.map((id) => burst(runtime, 'ADD', id)))
    assert.deepEqual(failed(all), [])
    const given = all.flatMap(({ stdout }) => addressesIn(JSON.parse(stdout) as CniResult))
    assert.equal(new Set(given).size, 200)
    assert.equal((await leases(host)).length, 200)
    const gone = await Promise.all(ids.map((id) => burst(runtime, 'DEL', id)))
    assert.deepEqual(failed(gone), [])
    await until('all are free', async () => (await leases(host)).length === 0)
  }))

test('an agent that is stopped, killed, or started late: nothing is lost, nothing is freed twice', () =>
  withLab('cnidown', async (lab) => {
    const [host] = await ready(await startHosts(lab, 1))
    assert.ok(host)
    const runtime = new CniRuntime(host)
    await runtime.install()
    const queue = join(host.directory, 'del')
    const conf = runtime.bridgeConf()
    const status = runtime.bridgeConf({ cniVersion: '1.1.0' })
    const ask = (command: 'ADD' | 'DEL' | 'CHECK' | 'STATUS', attachment: CniAttachment) =>
      runtime.call(command, 'starling-ipam', command === 'STATUS' ? status : conf, attachment)
    const attachment = (id: string): CniAttachment => ({ id, ifname: 'eth0', netns: '/none' })
    const nobody = attachment('s')
    const restart = async () => {
      await host.startAgent(['--seed', host.address])
      await until('an agent answers', () => statusOf(host))
      await converged(host)
      await until('plugins are heard', async () => (await ask('STATUS', nobody)).exitCode === 0)
    }

    assert.equal((await ask('STATUS', nobody)).exitCode, 0)
    for (const id of ['stopped', 'killed', 'anew']) {
      assert.equal((await ask('ADD', attachment(id))).exitCode, 0)
    }
    const [former] = await leasedTo(host, 'anew')

    // Stopped: what is asked of it meanwhile has its answer in time, and is done or undone when it goes on.
    assert.ok(host.agentPid)
    process.kill(host.agentPid, 'SIGSTOP')
    const killed = adding(runtime, conf, attachment('cut'))
    const [late, unready, unchecked, deleted] = await Promise.all([
      ask('ADD', attachment('late')),
      ask('STATUS', nobody),
      ask('CHECK', attachment('killed')),
      ask('DEL', attachment('stopped')),
    ])
    assert.deepEqual([late.exitCode, codeIn(late.stdout)], [1, 11])
    assert.deepEqual([unready.exitCode, codeIn(unready.stdout)], [1, 50])
    assert.deepEqual([unchecked.exitCode, unchecked.stdout], [0, ''])
    assert.deepEqual([deleted.exitCode, deleted.stdout], [0, ''])
    for (const { ms } of [late, unready, unchecked, deleted]) assert.ok(ms < deadlineMs, `${ms} ms`)
    assert.equal((await readdir(queue)).length, 1)
    await killed()
    process.kill(host.agentPid, 'SIGCONT')
    await until('the DEL is done', async () => (await leasedTo(host, 'stopped')).length === 0)
    assert.equal((await ask('DEL', attachment('cut'))).exitCode, 0)
    for (const id of ['late', 'cut']) assert.deepEqual(await leasedTo(host, id), [], id)

    // Killed: DELs wait, and are done before the next agent answers.
    await host.stopAgent('SIGKILL')
    const [down, first] = await Promise.all([
      ask('ADD', attachment('down')),
      ask('DEL', attachment('killed')),
    ])
    assert.deepEqual([down.exitCode, codeIn(down.stdout)], [1, 11])
    assert.equal(first.exitCode, 0)
    assert.equal((await ask('DEL', attachment('anew'))).exitCode, 0)
    // Beside those, one that is there again after its container was made anew.
    const names = await readdir(queue)
    for (const name of names)
      await copyFile(join(queue, name), join(host.directory, `kept-${name}`))
    await restart()
    assert.equal((await ask('ADD', attachment('anew'))).exitCode, 0)
    assert.deepEqual(await leasedTo(host, 'killed'), [])
    const [renewed] = await leasedTo(host, 'anew')
    assert.ok(renewed)
    assert.notEqual(renewed, former, 'a lease of its own')
    assert.deepEqual(await readdir(queue), [])

    await host.stopAgent('SIGKILL')
    for (const name of names)
      await copyFile(join(host.directory, `kept-${name}`), join(queue, name))
    await restart()
    await until('the files are gone', async () => (await readdir(queue)).length === 0)
    assert.deepEqual(await leasedTo(host, 'anew'), [renewed], 'an older DEL frees no newer lease')

    // The end of an agent is no end of a runtime's patience either.
    assert.equal(await host.stopAgent(), 0)
    assert.equal((await ask('DEL', attachment('anew'))).exitCode, 0)
    await restart()
    await until('it is free', async () => (await leases(host)).length === 0)
  }))

test('STATUS is 50 until there is a subnet, and ADD says so at once', () =>
  withLab('cniearly', async (lab) => {
    const host = await lab.addHost()
    // Nobody is there to join: it waits, and claims nothing.
    await host.startAgent(['--seed', '10.0.1.99', '--join-timeout-ms', '60s'])
    await until('it answers', () => statusOf(host))
    const runtime = new CniRuntime(host)
    await runtime.install()
    const attachment = { id: 'early', ifname: 'eth0', netns: '/none' }
    const conf = runtime.bridgeConf({ cniVersion: '1.1.0' })
    for (const [command, code] of [
      ['STATUS', 50],
      ['ADD', 11],
    ] as const) {
      const { exitCode, stdout, ms } = await runtime.call(
        command,
        'starling-ipam',
        conf,
        attachment,
      )
      assert.deepEqual([exitCode, codeIn(stdout)], [1, code], stdout)
      assert.ok(ms < 1_000, `${ms} ms`)
    }
    assert.equal((await runtime.call('DEL', 'starling-ipam', conf, attachment)).exitCode, 0)
  }))

/** All versions that Debian's bridge knows. */
async function everyVersion(context: TestContext, runtime: CniRuntime): Promise<void> {
  const nowhere = { id: '', ifname: '', netns: '' }
  const { stdout } = await runtime.call('VERSION', 'bridge', '{}', nowhere)
  const { supportedVersions } = JSON.parse(stdout) as { supportedVersions: string[] }
  assert.ok(supportedVersions.length >= 6, stdout)
  for (const cniVersion of supportedVersions) {
    await context.test(`a container of ${cniVersion}`, async () => {
      const attachment = await namespaceFor(runtime.host, `v${cniVersion}`)
      const conf = runtime.bridgeConf({ cniVersion })
      const added = await runtime.call('ADD', 'bridge', conf, attachment)
      assert.equal(added.exitCode, 0, added.stdout)
      const result = JSON.parse(added.stdout) as {
        cniVersion?: string
        ip4?: object
        ips?: object[]
      }
      assert.ok(cniVersion < '0.3.0' ? result.ip4 : result.ips?.length === 2, added.stdout)
      const addresses = await leasedTo(runtime.host, attachment.id)
      assert.equal(addresses.length, 2)
      const inside = await addressesOf(nameOf(attachment))
      for (const address of addresses) assert.ok(inside.includes(address), inside.join())
      const routes = await ip(`-n ${nameOf(attachment)} route show default`)
      assert.match(routes, /^default via 172\.16\.\d+\.1 dev eth0/)
      const prevResult = JSON.parse(added.stdout) as object
      if (cniVersion >= '0.4.0') {
        const checked = await runtime.call('CHECK', 'bridge', { ...conf, prevResult }, attachment)
        assert.equal(checked.exitCode, 0, checked.stdout)
      }
      const deleted = await runtime.call('DEL', 'bridge', conf, attachment)
      assert.deepEqual([deleted.exitCode, deleted.stdout], [0, ''])
      assert.deepEqual(await leasedTo(runtime.host, attachment.id), [])
    })
  }
}

/** Static addresses by every way, and names. */
async function askedFor(context: TestContext, runtime: CniRuntime): Promise<void> {
  const { host } = runtime
  const [network = ''] = (await subnetOf(host)).split('/')
  const base = network.slice(0, network.lastIndexOf('.'))
  const annotation = 'io.kubernetes.cri.pod-annotations'
  const ways: readonly (readonly [string, string, Partial<CniAttachment>])[] = [
    ['capability', `${base}.201`, { capabilities: { ips: [`${base}.201/22`] } }],
    ['args', `${base}.202`, { args: `IgnoreUnknown=1;IP=${base}.202;K8S_POD_NAME=x` }],
    [
      'annotation',
      `${base}.203`,
      { capabilities: { [annotation]: { 'starling/ips': `${base}.203` } } },
    ],
  ]
  for (const [way, address, told] of ways) {
    await context.test(`an address by ${way}`, async () => {
      const attachment = { ...(await namespaceFor(host, way)), ...told }
      const result = await runtime.add(attachment)
      const [v4, v6] = addressesIn(result)
      assert.equal(v4, address)
      assert.ok(v6, 'the other family comes by itself')
      const thief = { ...(await namespaceFor(host, `${way}2`)), ...told }
      await assert.rejects(runtime.add(thief), (error: LabError) =>
        error.message.includes(`${address} is held by ${way}`),
      )
      assert.deepEqual(await leasedTo(host, thief.id), [], 'not even the other family')
      assert.equal(await runtime.del(attachment, result), undefined)
    })
  }
  await context.test('the same Pod comes to the same address', async () => {
    const pod = { args: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0' }
    const former = { ...(await namespaceFor(host, 'pod1')), ...pod }
    const result = await runtime.add(former)
    const [lease] = (await leases(host)).filter(({ id }) => id === 'pod1')
    assert.equal(lease?.name, 'shop/web-0')
    await runtime.del(former, result)
    const other = await namespaceFor(host, 'between')
    await runtime.add(other)
    const again = { ...(await namespaceFor(host, 'pod2')), ...pod }
    assert.deepEqual(addressesIn(await runtime.add(again)), addressesIn(result))
    for (const each of [other, again]) await runtime.del(each)
  })
}

async function garbage(runtime: CniRuntime): Promise<void> {
  const { host } = runtime
  const conf = (name: string, fields: object = {}) =>
    runtime.bridgeConf({ cniVersion: '1.1.0', name, ...fields })
  const at = (id: string): CniAttachment => ({ id, ifname: 'eth0', netns: '/none' })
  const collect = async (name: string, fields: object) => {
    const { exitCode, stdout } = await runtime.call(
      'GC',
      'starling-ipam',
      conf(name, fields),
      at(''),
    )
    assert.deepEqual([exitCode, stdout], [0, ''])
  }
  const ids = async () => {
    const all = (await leases(host)).filter(({ network }) => network.startsWith('gc'))
    return [...new Set(all.map(({ id }) => id))].sort()
  }
  for (const [name, id] of [
    ['gc1', 'a'],
    ['gc1', 'b'],
    ['gc1', 'c'],
    ['gc2', 'd'],
  ] as const) {
    const { exitCode } = await runtime.call('ADD', 'starling-ipam', conf(name), at(id))
    assert.equal(exitCode, 0)
  }
  await collect('gc1', {})
  await collect('other', { 'cni.dev/valid-attachments': [] })
  assert.deepEqual(await ids(), ['a', 'b', 'c', 'd'])
  const valid = [{ containerID: 'a', ifname: 'eth0' }]
  await collect('gc1', { 'cni.dev/valid-attachments': valid, 'cni.dev/attachments': valid })
  assert.deepEqual(await ids(), ['a', 'd'])
  await collect('gc1', { 'cni.dev/valid-attachments': null })
  assert.deepEqual(await ids(), ['d'])
  await collect('gc2', { 'cni.dev/valid-attachments': [] })
  assert.deepEqual(await ids(), [])
}

async function wrongCalls(runtime: CniRuntime): Promise<void> {
  const before = await leases(runtime.host)
  const good: CniAttachment = { id: 'wrong', ifname: 'eth0', netns: '/none' }
  const asked = (ips: unknown) => runtime.bridgeConf({ runtimeConfig: { ips } })
  const cases: readonly (readonly [object | string, Partial<CniAttachment>, number, RegExp])[] = [
    ['{"cniVersion":"1.0.0",', {}, 6, /JSON/],
    [runtime.bridgeConf({ cniVersion: '0.9.0' }), {}, 1, /0\.9\.0/],
    [runtime.bridgeConf(), { id: '', netns: '', ifname: '' }, 4, /CONTAINERID.*NETNS.*IFNAME/],
    [runtime.bridgeConf(), { id: '../etc' }, 4, /CNI_CONTAINERID/],
    [runtime.bridgeConf(), { id: 'x'.repeat(10_000) }, 4, /CNI_CONTAINERID/],
    [asked(['10.11.12.13']), {}, 7, /10\.11\.12\.13 is not in/],
    [asked('nonsense'), {}, 7, /nonsense/],
    [
      runtime.bridgeConf({ ipam: { type: 'starling-ipam', resolvConf: '/etc/resolv.conf' } }),
      {},
      2,
      /resolvConf/,
    ],
  ]
  for (const [conf, changes, code, words] of cases) {
    const attachment = { ...good, ...changes }
    const { exitCode, stdout, stderr } = await runtime.call(
      'ADD',
      'starling-ipam',
      conf,
      attachment,
    )
    assert.deepEqual([exitCode, codeIn(stdout), stderr], [1, code, ''], stdout)
    assert.match(stdout, words)
  }
  assert.deepEqual(await leases(runtime.host), before)
}

/** One plugin without `ip netns exec`, which 200 at once would wait for. */
/** What those that failed said. */
const failed = (calls: readonly { exitCode: number | null; stdout: string }[]): string[] =>
  calls.flatMap(({ exitCode, stdout }) => (exitCode === 0 ? [] : [`${exitCode}: ${stdout}`]))

async function burst(runtime: CniRuntime, command: string, id: string) {
  // From a file, as 200 starts take seconds, and nothing is written to a pipe before the last of them.
  const conf = join(runtime.binDir, `${id}.conf`)
  writeFileSync(conf, JSON.stringify(runtime.bridgeConf()))
  const stdin = openSync(conf, 'r')
  const child = spawn(join(runtime.binDir, 'starling-ipam'), {
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: id,
      CNI_IFNAME: 'eth0',
      CNI_NETNS: '/none',
      CNI_PATH: runtime.binDir,
    },
    stdio: [stdin, 'pipe', 'inherit'],
  })
  closeSync(stdin)
  let stdout = ''
  child.stdout?.on('data', (chunk) => {
    stdout += chunk
  })
  const [exitCode] = (await once(child, 'close')) as [number]
  return { exitCode, stdout }
}

/** An ADD in the middle; the returned function kills its plugin. */
function adding(runtime: CniRuntime, conf: object, { id, ifname, netns }: CniAttachment) {
  const child = spawn(join(runtime.binDir, 'starling-ipam'), {
    env: {
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: id,
      CNI_IFNAME: ifname,
      CNI_NETNS: netns,
      CNI_PATH: runtime.binDir,
    },
  })
  child.stdin.on('error', () => {})
  child.stdin.end(JSON.stringify(conf))
  const ended = once(child, 'close')
  return async () => {
    child.kill('SIGKILL')
    await ended
  }
}

/** What a namespace has on eth0, without lengths. */
async function addressesOf(namespace: string): Promise<string[]> {
  const text = await ip(`-j -n ${namespace} addr show dev eth0`)
  const links = JSON.parse(text) as { addr_info: { local: string }[] }[]
  return links.flatMap(({ addr_info }) => addr_info.map(({ local }) => local))
}

/** IPv6 addresses are not used before nobody else has answered for them. */
async function dadIsOver(namespace: string, address: string): Promise<void> {
  await until(`${address} may be used`, async () => {
    const text = await ip(`-n ${namespace} addr show dev eth0 to ${address}`)
    assert.doesNotMatch(text, /dadfailed/)
    return !text.includes('tentative')
  })
}
