import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf, parseSeed, SeedResolver } from '../../../src/adapters/libp2p/seeds.ts'
import { keysOf } from './cluster.ts'

const peer = keysOf(0).id

const understood: [text: string, host: string, port: number, family?: 4 | 6, peer?: string][] = [
  ['10.0.1.70', '10.0.1.70', 7871],
  ['10.0.1.70:9000', '10.0.1.70', 9000],
  ['seed.example', 'seed.example', 7871],
  ['seed.example:9000', 'seed.example', 9000],
  ['seed', 'seed', 7871],
  ['my_service-1:65535', 'my_service-1', 65_535],
  ['seed.example.:9000', 'seed.example.', 9000],
  ['fd00::1', 'fd00::1', 7871],
  ['fd00::1:7871', 'fd00::1:7871', 7871],
  ['fe80::1%eth0', 'fe80::1%eth0', 7871],
  ['[fd00::1]', 'fd00::1', 7871],
  ['[fd00::1]:9000', 'fd00::1', 9000],
  ['/ip4/10.0.1.70/tcp/9000', '10.0.1.70', 9000, 4],
  [`/ip4/10.0.1.70/tcp/9000/p2p/${peer}`, '10.0.1.70', 9000, 4, peer],
  ['/ip6/fd00::1/tcp/9000', 'fd00::1', 9000, 6],
  ['/dns/seed.example/tcp/9000', 'seed.example', 9000],
  ['/dns4/seed.example/tcp/9000', 'seed.example', 9000, 4],
  [`/dns6/seed.example/tcp/9000/p2p/${peer}`, 'seed.example', 9000, 6, peer],
]

for (const [text, host, port, family, id] of understood) {
  test(`seed ${text} is host ${host}, port ${port}`, () => {
    assert.deepEqual(parseSeed(text, 7871), { text, host, port, family, peer: id })
  })
}

const refused = [
  '',
  ' ',
  'a b',
  ':9000',
  'host:',
  'host:0',
  'host:65536',
  'host:9000:1',
  'host/path',
  'http://host',
  '10.0.1',
  '10.0.1.256',
  '10.0.1.70:x',
  '[10.0.1.70]',
  '[fd00::1',
  '[fd00::1]9000',
  '-host',
  '/ip4/10.0.1.70',
  '/ip4/10.0.1.70/udp/9000',
  '/ip4/10.0.1.70/tcp/9000/ws',
  '/ip4/10.0.1/tcp/9000',
  '/dnsaddr/seed.example',
  '/nonsense',
  `/ip4/10.0.1.70/tcp/9000/p2p/${peer}/p2p-circuit`,
]

for (const text of refused) {
  test(`seed "${text}" is refused`, () => assert.equal(parseSeed(text, 7871), undefined))
}

test('a name stands for all its addresses, each once', async () => {
  const resolver = new SeedResolver(async () => ['10.0.1.1', 'fd00::1', '10.0.1.1'])
  const seed = parseSeed('seeds', 7871)
  assert.ok(seed)
  assert.deepEqual(await resolver.resolve(seed), { ok: true, addresses: ['10.0.1.1', 'fd00::1'] })
})

test('a name asked for in one family stands for that family alone', async () => {
  const resolver = new SeedResolver(async () => ['10.0.1.1', 'fd00::1'])
  const seed = parseSeed('/dns6/seeds/tcp/7871', 7871)
  assert.ok(seed)
  assert.deepEqual(await resolver.resolve(seed), { ok: true, addresses: ['fd00::1'] })
})

test('names are looked up one at a time, and a failure does not stop the next', async () => {
  let running = 0
  const resolver = new SeedResolver(async (name) => {
    running += 1
    assert.equal(running, 1)
    await new Promise((resolve) => setImmediate(resolve))
    running -= 1
    if (name === 'gone') throw Object.assign(new Error('x'), { code: 'ENOTFOUND' })
    return ['10.0.1.1']
  })
  const seeds = ['gone', 'there', 'gone'].map((text) => parseSeed(text, 7871)!)
  const all = await Promise.all(seeds.map((seed) => resolver.resolve(seed)))
  assert.deepEqual(
    all.map(({ ok }) => ok),
    [false, true, false],
  )
  assert.deepEqual(all[0], { ok: false, reason: 'the name gone does not exist' })
})

test('addresses of every kind become multiaddrs', () => {
  assert.equal(addressOf('10.0.1.1', 1).toString(), '/ip4/10.0.1.1/tcp/1')
  assert.equal(addressOf('fd00::1', 1).toString(), '/ip6/fd00::1/tcp/1')
  assert.equal(addressOf('fe80::1%eth0', 1).toString(), '/ip6zone/eth0/ip6/fe80::1/tcp/1')
  assert.equal(addressOf('10.0.1.1', 1, peer).toString(), `/ip4/10.0.1.1/tcp/1/p2p/${peer}`)
})
