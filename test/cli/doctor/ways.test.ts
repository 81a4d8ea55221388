/** Which ways to others are asked, where seeds are, and which interface leads there. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, test } from 'node:test'
import { parseIpRoutes } from '../../../src/adapters/doctor/routes.ts'
import type { Ways } from '../../../src/cli/doctor/check.ts'
import { uplinkBy } from '../../../src/cli/doctor/uplink.ts'
import { drawn, probeWays } from '../../../src/cli/doctor/ways.ts'
import { seedPlace } from '../../../src/config/seed.ts'
import { agentFacts, route } from './facts.ts'

describe('the way to a thousand gateways', () => {
  const { status, claims, peers } = agentFacts()
  const [claim, peer] = [claims[1], peers[1]]
  assert.ok(claim && peer && status.claims[0])
  const thousand = {
    // All of 127.0.0.0/8 is this host.
    status: { ...status, claims: [{ ...status.claims[0], gateway: '127.0.0.1' }] },
    claims: Array.from({ length: 1_000 }, (_, index) => ({
      ...claim,
      prefix: `127.9.${index >> 6}.${(index % 64) * 4}/30`,
      name: `h${index}`,
    })),
    peers: [peer],
  }
  const ask = async (port: number, all: boolean): Promise<Ways> => {
    const ways = await probeWays(thousand, port, all)
    assert.ok(typeof ways !== 'string')
    return ways
  }

  test('is asked of 64 of them, unless all are wanted', async () => {
    const server = createServer((connection) => connection.on('error', () => {}).resume())
    await once(server.listen(0, '127.9.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const [some, all] = [await ask(port, false), await ask(port, true)]
    server.close()
    assert.deepEqual([some.probed.length, some.left], [64, 936])
    assert.deepEqual([all.probed.length, all.left], [1_000, 0])
    const outcome = (name: string) => all.probed.find((way) => way.name === name)?.outcome
    assert.deepEqual([outcome('h0'), outcome('h999')], ['answered', 'refused'])
  })

  test('is not asked of hosts that are down, nor without an address to ask from', async () => {
    const down = { ...thousand, peers: [{ ...peer, liveness: 'host-down' }] }
    assert.deepEqual(await probeWays(down, 1, true), { from: ['127.0.0.1'], probed: [], left: 0 })
    const early = { ...thousand, status: { ...status, claims: [] } }
    assert.match(String(await probeWays(early, 1, true)), /no confirmed subnet/)
  })

  test('is drawn over all of them', () => {
    const items = Array.from({ length: 10 }, (_, index) => index)
    assert.deepEqual(
      drawn(items, 3, () => 0.999),
      [7, 8, 9],
    )
    assert.equal(new Set(drawn(items, 20)).size, 10)
  })
})

test('seeds are found in whatever way they are written', () => {
  const places = ['h1', 'h1:99', '10.0.1.70', '[fd00::1]:99', '[fd00::1]', 'fd00::1']
  assert.deepEqual(
    [...places, '/ip4/10.0.1.70/tcp/99/p2p/x', '/dns4/h1/tcp/99', 'a b:c'].map((text) => {
      const place = seedPlace(text)
      return place && `${place.host} ${place.port ?? 7871}`
    }),
    [
      ...['h1 7871', 'h1 99', '10.0.1.70 7871', 'fd00::1 99', 'fd00::1 7871', 'fd00::1 7871'],
      ...['10.0.1.70 99', 'h1 99', undefined],
    ],
  )
})

test('the uplink is that of the most specific way to a seed, else of the default route', () => {
  const routes = [
    route('0.0.0.0/0', 'eth0', { isOnLink: false }),
    route('10.9.0.0/16', 'eth1'),
    route('10.9.9.0/24', 'eth2'),
    route('172.16.0.0/22', 'starling0'),
  ]
  assert.equal(uplinkBy(routes, ['10.9.9.1'], 'starling0'), 'eth2')
  assert.equal(uplinkBy(routes, [], 'starling0'), 'eth0')
  assert.equal(uplinkBy(routes.slice(1), [], 'starling0'), '', 'two of them')
  assert.equal(uplinkBy(routes.slice(1, 2), [], 'starling0'), 'eth1')
})

test('routes are read as ip prints them, in words and in numbers', () => {
  const printed = [
    { dst: 'default', gateway: '10.0.1.1', dev: 'eth0' },
    { type: 'local', dst: '10.0.1.70', dev: 'eth0', table: 'local' },
    { type: '2', dst: '10.0.1.70', dev: 'eth0', table: '255' },
    { dst: '172.16.4.0/22', gateway: '10.0.1.71', dev: 'eth0', protocol: '83' },
    { type: 'unreachable', dst: '172.16.8.0/22', protocol: '83', metric: 7 },
    { dst: '10.1.1.1', nexthops: [{ gateway: '10.0.1.2', dev: 'eth1' }, { dev: 'eth2' }] },
  ]
  assert.deepEqual(
    parseIpRoutes(JSON.stringify(printed), 4).map(({ prefix, link, isOnLink, protocol }) =>
      [prefix.text, link, isOnLink, protocol].join(' '),
    ),
    [
      '0.0.0.0/0 eth0 false 0',
      '172.16.4.0/22 eth0 false 83',
      '172.16.8.0/22  true 83',
      '10.1.1.1/32 eth1 false 0',
    ],
  )
  assert.deepEqual(parseIpRoutes('', 6), [])
})
