/** What the adapter makes of its host: bridges, forwarding, the uplink, and a lack of rights. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { UplinkOptions } from '../../../src/adapters/netlink/uplink.ts'
import { type Address, isLinkLocal } from '../../../src/core/ip/address.ts'
import type { KernelChange } from '../../../src/core/routing/route.ts'
import { type BridgeAnswers, noAnswers } from '../../../src/core/routing/route.ts'
import { EventLog } from '../../conformance/event-log.ts'
import type { Host } from '../../conformance/kernel.ts'
import { addressOf, ip, makeHost, makeKernel, prefixOf } from './host.ts'
import { inNamespace } from './in-namespace.ts'

if (await inNamespace(import.meta.url)) {
  describe('bridges', bridges)
  describe('the uplink', uplinks)
  describe('forwarding', forwarding)
  describe('a process without CAP_NET_ADMIN', unprivileged)
}

function bridges(): void {
  let host: Host
  let log: EventLog
  beforeEach(async () => {
    host = await makeHost()
    log = new EventLog()
    await host.kernel.start(log.deliver)
  })
  afterEach(() => host.stop())

  const configure = () =>
    host.kernel.configureBridge({
      name: 'starling0',
      addresses: [
        { address: addressOf('172.16.4.1'), length: 22 },
        { address: addressOf('fd00:10:0:4::1'), length: 64 },
      ],
      former: [],
      answers: noAnswers,
    })

  test('an address of a bridge without ports works at once, IPv6 too', async () => {
    assert.equal(await configure(), '')
    const shown = await ip('-json -6 address show dev starling0 scope global')
    const [bridge] = JSON.parse(shown) as { addr_info: { tentative?: boolean }[] }[]
    assert.deepEqual(
      bridge?.addr_info.map(({ tentative }) => tentative ?? false),
      [false],
    )
    await ip('link set starling0 down')
    await ip('link set starling0 up')
    assert.match(await ip('-6 address show dev starling0 scope global'), /fd00:10:0:4::1/)
  })

  test('a bridge answers for those whom it is told to answer for, and for nobody else any more', async () => {
    const answering = (answers: BridgeAnswers) =>
      host.kernel.configureBridge({
        name: 'starling0',
        addresses: [
          { address: addressOf('172.16.4.1'), length: 22 },
          { address: addressOf('fd00:10:0:4::1'), length: 64 },
        ],
        former: [],
        answers,
      })
    const setting = (path: string) =>
      readFileSync(`/proc/sys/net/${path.replace('IF', 'starling0')}`, 'utf8').trim()
    const proxies = async () =>
      (await ip('-6 neigh show proxy dev starling0'))
        .split('\n')
        .filter((line) => line !== '')
        .sort()
    const [one, two] = ['fd00:10:0:4::5', 'fd00:10:0:4::6'].map(addressOf) as [Address, Address]
    assert.equal(await answering(noAnswers), '')
    assert.equal(setting('ipv4/conf/IF/proxy_arp'), '0')
    assert.equal(await answering({ arp: true, neighbours: [one] }), '')
    assert.deepEqual(
      ['ipv4/conf/IF/proxy_arp', 'ipv6/conf/IF/proxy_ndp', 'ipv4/neigh/IF/proxy_delay'].map(
        setting,
      ),
      ['1', '1', '0'],
    )
    assert.match((await proxies()).join(), /^fd00:10:0:4::5 +proxy/)
    await ip('-6 neigh add proxy fd00:10:0:4::9 dev starling0')
    assert.equal(await answering({ arp: true, neighbours: [two] }), '')
    assert.deepEqual(
      (await proxies()).map((line) => line.split(' ')[0]),
      ['fd00:10:0:4::6', 'fd00:10:0:4::9'],
    )
    assert.equal(await answering(noAnswers), '')
    assert.equal(setting('ipv4/conf/IF/proxy_arp'), '0')
    assert.deepEqual(
      (await proxies()).map((line) => line.split(' ')[0]),
      ['fd00:10:0:4::9'],
    )
  })

  test('a bridge that is right is not written to', async () => {
    assert.equal(await configure(), '')
    await log.change('the address', (change) => change.type === 'address-added')
    await ip('address add 10.0.2.5/24 dev starling0')
    await log.change(
      'a first mark',
      (change) => change.type === 'address-added' && change.address.address.text === '10.0.2.5',
    )
    log.clear()
    assert.equal(await configure(), '')
    await ip('address del 10.0.2.5/24 dev starling0')
    await log.change('a second mark', (change) => change.type === 'address-removed')
    const told = log.changes.filter(
      (change) =>
        change.type !== 'address-removed' &&
        // The connected route of the mark.
        change.type !== 'foreign-routes-changed' &&
        !isLinkLocalNews(change),
    )
    assert.deepEqual(told, [])
  })

  const hardwareAddress = async () => {
    const [bridge] = JSON.parse(await ip('-json link show starling0')) as { address: string }[]
    return bridge?.address
  }

  test('a bridge keeps its hardware address when ports come', async () => {
    assert.equal(await configure(), '')
    const before = await hardwareAddress()
    await ip(`link set ${host.link}p address 00:00:00:00:00:01`)
    await ip(`link set ${host.link}p master starling0`)
    assert.equal(await hardwareAddress(), before)
  })

  test('a bridge that is deleted is told, and made again', async () => {
    assert.equal(await configure(), '')
    const before = await hardwareAddress()
    await ip('link del starling0')
    const removed = await log.change('the removal', (change) => change.type === 'link-removed')
    assert.equal(removed.type === 'link-removed' && removed.name, 'starling0')
    assert.equal(await configure(), '')
    assert.equal(await hardwareAddress(), before, 'containers know it as their neighbour')
    assert.match(await ip('address show dev starling0'), /172\.16\.4\.1\/22/)
  })

  test('what hung on a bridge that was deleted hangs on it again', async () => {
    assert.equal(await configure(), '')
    const masterOf = async (link: string) => {
      const [shown] = JSON.parse(await ip(`-json link show ${link}`)) as { master?: string }[]
      return shown?.master
    }
    await ip('link add stays type veth peer name stays-peer')
    await ip('link set stays master starling0')
    await host.kernel.dump()
    await ip('link del starling0')
    await log.change('the removal', (change) => change.type === 'link-removed')
    assert.equal(await configure(), '')
    assert.equal(await masterOf('stays'), 'starling0')
    await ip('link del stays')
  })

  test('a bridge that was set down is set up', async () => {
    assert.equal(await configure(), '')
    await ip('link set starling0 down')
    assert.equal(await configure(), '')
    assert.ok((await host.kernel.dump()).links.some((l) => l.name === 'starling0' && l.up))
  })
}

/** The kernel makes link-local addresses when it pleases. */
const isLinkLocalNews = (change: KernelChange): boolean =>
  change.type === 'address-added' && isLinkLocal(change.address.address)

function uplinks(): void {
  let host: Host
  beforeEach(async () => {
    host = await makeHost()
    await ip('link add other0 type bridge')
    await ip('link set other0 up')
    await ip('address add 10.0.5.1/24 dev other0')
  })
  afterEach(() => host.stop())

  const locate = async (uplink: Partial<UplinkOptions>) => {
    const kernel = makeKernel(uplink)
    const { name, nextHops } = await kernel.locateUplink([])
    await kernel.stop()
    return [name, ...nextHops.map(({ text }) => text)]
  }
  const seeds = (...texts: string[]) => ({
    seedAddresses: () => Promise.resolve(texts.map(addressOf)),
  })

  test('is where the seeds are, with the address that the kernel would send from', async () => {
    await ip('address add 10.0.6.1/24 dev other0')
    assert.deepEqual((await locate(seeds('10.0.6.9'))).slice(0, 2), ['other0', '10.0.6.1'])
    assert.deepEqual(await locate(seeds('10.0.1.71')), [host.link, '10.0.1.70', 'fd00:1::70'])
    assert.deepEqual(await locate(seeds('fd00:1::71')), [host.link, '10.0.1.70', 'fd00:1::70'])
  })

  test('is where a seed is that is this host itself', async () => {
    assert.deepEqual((await locate(seeds('10.0.5.1'))).slice(0, 2), ['other0', '10.0.5.1'])
  })

  test('a seed that no route leads to, or on the loopback, says nothing', async () => {
    assert.deepEqual(await locate(seeds('203.0.113.1', '127.0.0.1', '10.0.1.71')), [
      host.link,
      '10.0.1.70',
      'fd00:1::70',
    ])
  })

  test('without seeds it is where the default route leads', async () => {
    await ip('route add default via 10.0.5.254')
    assert.deepEqual((await locate({})).slice(0, 2), ['other0', '10.0.5.1'])
  })

  test('two candidates and no route: there is none, and both are named', async () => {
    await ip('link add lan1 type veth peer name lan1p')
    await ip('link set lan1 up')
    await ip('address add 10.0.7.1/24 dev lan1')
    const kernel = makeKernel({})
    const { nextHops, lack } = await kernel.locateUplink([])
    await kernel.stop()
    await ip('link del lan1')
    assert.deepEqual(nextHops, [])
    assert.ok(lack?.type === 'several')
    assert.deepEqual([...lack.names].sort(), ['lan1', host.link])
  })

  test('the only LAN with an address is it, whatever bridges there are, and though seeds do not resolve', async () => {
    const seedAddresses = () => Promise.reject(new Error('no such name'))
    assert.deepEqual(await locate({ seedAddresses }), [host.link, '10.0.1.70', 'fd00:1::70'])
  })

  test('a configured interface goes before what the seeds say', async () => {
    const options = { ...seeds('10.0.1.71'), interface: 'other0' }
    assert.deepEqual((await locate(options)).slice(0, 2), ['other0', '10.0.5.1'])
  })

  test('a configured interface that does not exist gives no next hop, and those that do are named', async () => {
    await ip(`link property add dev ${host.link} altname enp3s0f1-uplink`)
    const kernel = makeKernel({ interface: 'absent0' })
    const { lack } = await kernel.locateUplink([])
    await kernel.stop()
    assert.ok(lack?.type === 'absent' && lack.wanted === 'absent0')
    assert.ok(lack.names.includes('other0'))
    assert.ok(lack.names.includes(`${host.link} or enp3s0f1-uplink`))
    assert.deepEqual((await locate({ interface: 'enp3s0f1-uplink' })).slice(0, 2), [
      host.link,
      '10.0.1.70',
    ])
  })

  test('an address of the own subnets, or one that the agent added, is none', async () => {
    const kernel = makeKernel(seeds('172.16.0.9', '10.0.1.71'))
    await kernel.configureBridge({
      name: 'starling0',
      addresses: [{ address: addressOf('172.16.0.1'), length: 22 }],
      former: [],
      answers: noAnswers,
    })
    assert.equal((await kernel.locateUplink([])).name, host.link)
    await ip('address add 172.16.0.8/22 dev other0')
    await ip('address del 10.0.5.1/24 dev other0')
    assert.equal((await kernel.locateUplink([prefixOf('172.16.0.0/22')])).name, host.link)
    await kernel.stop()
  })

  test('a configured next hop is used on the interface that has it', async () => {
    assert.deepEqual((await locate({ nextHops: [addressOf('10.0.5.1')] })).slice(0, 2), [
      'other0',
      '10.0.5.1',
    ])
  })

  test('a configured next hop that no interface has is used all the same', async () => {
    const options = { nextHops: [addressOf('192.0.2.77')], ...seeds('10.0.1.71') }
    assert.deepEqual(await locate(options), [host.link, '192.0.2.77', 'fd00:1::70'])
  })
}

function forwarding(): void {
  const v4 = '/proc/sys/net/ipv4/ip_forward'
  const v6 = '/proc/sys/net/ipv6/conf/all/forwarding'
  const read = (path: string) => readFileSync(path, 'utf8').trim()

  test('is switched on for the families asked for, and advertisements are still heeded', async () => {
    const host = await makeHost()
    writeFileSync(v4, '0')
    writeFileSync(v6, '0')
    writeFileSync(`/proc/sys/net/ipv6/conf/${host.link}/accept_ra`, '1')
    assert.deepEqual(await host.kernel.checkForwarding([4], []), {
      restored: ['net.ipv4.ip_forward'],
      error: '',
    })
    assert.deepEqual([read(v4), read(v6)], ['1', '0'])
    assert.deepEqual(await host.kernel.checkForwarding([4, 6], []), {
      restored: ['net.ipv6.conf.all.forwarding'],
      error: '',
    })
    assert.deepEqual([read(v4), read(v6)], ['1', '1'])
    assert.equal(read(`/proc/sys/net/ipv6/conf/${host.link}/accept_ra`), '2')
    await host.stop()
  })
}

function unprivileged(): void {
  test('reads, and is told what it may not do', async () => {
    const host = await makeHost()
    const program = fileURLToPath(new URL('./unprivileged-kernel.ts', import.meta.url))
    const dropped = ['--bounding-set', '-net_admin', '--inh-caps', '-net_admin']
    const printed = execFileSync('setpriv', [...dropped, process.execPath, program], {
      encoding: 'utf8',
    })
    assert.deepEqual(JSON.parse(printed), {
      sees: true,
      outcomes: [
        ['forbidden', 'EPERM'],
        ['forbidden', 'EPERM'],
      ],
      bridge: 'cannot create bridge starling0: EPERM (CAP_NET_ADMIN is missing)',
    })
    await host.stop()
  })
}
