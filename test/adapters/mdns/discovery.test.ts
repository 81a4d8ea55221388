import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { type MdnsOptions, mdnsDiscovery } from '../../../src/adapters/mdns/discovery.ts'
import { isOnLink, placeOn } from '../../../src/adapters/mdns/link.ts'
import { clusterNames } from '../../../src/adapters/mdns/names.ts'
import { answer, question, read } from '../../../src/adapters/mdns/packet.ts'
import { defaultTiming } from '../../../src/core/config.ts'
import type { DiscoveryEvent } from '../../../src/ports/discovery.ts'
import { addressOf } from '../../core/specimens.ts'
import { FakeClock } from '../libp2p/fake-clock.ts'
import { Lan, placeWith } from './lan.ts'

const uplink = { link: 'eth0', nextHops: [] }
const [key, otherKey] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
const names = clusterNames('c', [key])
const said = (port: number, forMs = 120_000) =>
  answer(names, { instance: `i${port}._starling._tcp.local`, port, forMs })

class Node {
  readonly events: DiscoveryEvent[] = []
  readonly discovery
  readonly #address: string

  constructor(lan: Lan, clock: FakeClock, number: number, options: Partial<MdnsOptions> = {}) {
    this.#address = `10.0.1.${number}`
    this.discovery = mdnsDiscovery({
      cluster: 'c',
      clusterKeys: [key],
      port: 7000 + number,
      clock,
      rng: () => 0.5,
      open: lan.at(this.#address),
      placeOn: placeWith(this.#address),
      ...options,
    })
    this.discovery.start((event) => this.events.push(event))
    this.discovery.follow(uplink)
  }

  /** Ports of those whom it hears. */
  get heard(): number[] {
    const all = this.events.filter((event) => event.type === 'neighbours-heard')
    return (all.at(-1)?.neighbours ?? []).map(({ port }) => port).sort()
  }

  get troubles(): string[] {
    return this.events.flatMap((event) =>
      event.type === 'trouble-reported'
        ? `${event.trouble.active ? '' : 'over: '}${event.trouble.subject}: ${event.trouble.reason}`
        : [],
    )
  }
}

function lan() {
  return { on: new Lan(), clock: new FakeClock() }
}

describe('agents on one LAN', () => {
  it('hear each other within half a second, whichever comes first, and not themselves', async () => {
    const { on, clock } = lan()
    const first = new Node(on, clock, 1)
    const twin = new Node(on, clock, 2)
    await clock.advance(500)
    assert.deepEqual([first.heard, twin.heard], [[7002], [7001]])
    await clock.advance(100_000)
    const late = new Node(on, clock, 3)
    await clock.advance(500)
    assert.deepEqual(late.heard, [7001, 7002])
    assert.deepEqual(first.heard, [7002, 7003])
  })

  it('of another name or another key are not heard, and nothing shows name or key', async () => {
    const { on, clock } = lan()
    const node = new Node(on, clock, 1)
    const others = [
      new Node(on, clock, 2, { cluster: 'other' }),
      new Node(on, clock, 3, { clusterKeys: [otherKey] }),
      new Node(on, clock, 4, { clusterKeys: [] }),
    ]
    await clock.advance(10_000)
    assert.deepEqual(
      [node, ...others].map(({ heard }) => heard),
      [[], [], [], []],
    )
    const shown = Buffer.concat(on.packets.map(({ bytes }) => bytes)).toString('latin1')
    assert.ok(!shown.includes(Buffer.from(key).toString('hex')))
    assert.ok(!shown.includes('other'))
  })

  it('hear each other while a key is being changed', async () => {
    const { on, clock } = lan()
    const former = new Node(on, clock, 1, { clusterKeys: [otherKey, key] })
    const newcomer = new Node(on, clock, 2, { clusterKeys: [key, otherKey] })
    await clock.advance(500)
    assert.deepEqual([former.heard, newcomer.heard], [[7002], [7001]])
  })

  it('that leave are forgotten at once, and those that are cut off after five minutes', async () => {
    const { on, clock } = lan()
    const node = new Node(on, clock, 1)
    const leaving = new Node(on, clock, 2)
    on.say('10.0.1.3', said(7003, 300_000))
    await clock.advance(1_000)
    assert.deepEqual(node.heard, [7002, 7003])
    await leaving.discovery.stop()
    assert.deepEqual(node.heard, [7003])
    await clock.advance(600_000)
    assert.deepEqual(node.heard, [])
  })

  it('ask ever more rarely, and one for all', async () => {
    const { on, clock } = lan()
    for (let number = 1; number <= 10; number += 1)
      new Node(on, clock, number, { rng: Math.random })
    await clock.advance(600_000)
    const before = on.packets.length
    await clock.advance(1_200_000)
    const perMinute = (on.packets.length - before) / 20
    // A question and ten answers in about two minutes.
    assert.ok(perMinute > 3 && perMinute < 8, `${perMinute} packets a minute`)
  })

  it('answer a thousand questions with no more than one packet a second', async () => {
    const { on, clock } = lan()
    new Node(on, clock, 1)
    await clock.advance(60_000)
    const before = on.packets.filter(({ from }) => from === '10.0.1.1').length
    for (let second = 0; second < 10; second += 1) {
      for (let count = 0; count < 100; count += 1) on.say('10.0.1.9', question(names))
      await clock.advance(1_000)
    }
    const sent = on.packets.filter(({ from }) => from === '10.0.1.1').length - before
    assert.ok(sent >= 9 && sent <= 11, `${sent}`)
  })
})

describe('what others say on the LAN', () => {
  it('is remembered of at most 64 agents, four of one address', async () => {
    const { on, clock } = lan()
    const node = new Node(on, clock, 1)
    for (let port = 1; port <= 50; port += 1) on.say('10.0.1.2', said(port))
    assert.equal(node.heard.length, 4)
    for (let host = 3; host <= 250; host += 1) on.say(`10.0.1.${host}`, said(9))
    assert.equal(node.heard.length, 64)
  })

  it('is not read beyond 250 packets a second: the socket is closed for ten seconds, and that is told', async () => {
    const { on, clock } = lan()
    const node = new Node(on, clock, 1)
    for (let count = 0; count < 251; count += 1) on.say('10.0.1.2', randomBytes(40))
    assert.equal(on.listening, 0)
    assert.deepEqual(node.troubles, ['eth0: more than 250 packets came in a second'])
    await clock.advance(12_000)
    assert.equal(on.listening, 1)
    assert.match(node.troubles.at(-1) ?? '', /^over: /)
    on.say('10.0.1.3', said(7003))
    assert.deepEqual(node.heard, [7003])
  })

  it('counts from its port alone, and malformed it is nothing', () => {
    const { on, clock } = lan()
    const node = new Node(on, clock, 1)
    on.say('10.0.1.2', said(7002), 'another-port')
    // No agent can be dialled there.
    on.say('fe80::2%eth0', said(7005))
    for (let length = 0; length < 100; length += 1) on.say('10.0.1.3', randomBytes(length))
    // Its header says that it has a quarter of a million records.
    const vast = Buffer.from(said(7003)).fill(255, 4, 12)
    const began = performance.now()
    for (let count = 0; count < 5_000; count += 1) assert.equal(read(vast, names), undefined)
    assert.ok(performance.now() - began < 2_000, 'none is made room for')
    const whole = said(7004)
    for (let end = 0; end < whole.length; end += 3) on.say('10.0.1.4', whole.subarray(0, end))
    assert.deepEqual(node.heard, [])
  })

  it('is what was written', () => {
    const says = { instance: 'x._starling._tcp.local', port: 7871, forMs: 300_000 }
    assert.deepEqual(read(answer(names, says), names), { asks: false, says })
    assert.deepEqual(read(question(names), names), { asks: true, says: undefined })
    assert.equal(read(answer(names, says), clusterNames('d', [key])), undefined)
  })
})

describe('an uplink', () => {
  it('that cannot be had is told of, and tried again', async () => {
    const { on, clock } = lan()
    on.refuses = 'bind EADDRINUSE'
    const node = new Node(on, clock, 1)
    await clock.advance(1_000)
    assert.deepEqual(node.troubles, ['eth0: bind EADDRINUSE'])
    on.refuses = ''
    await clock.advance(15_000)
    assert.equal(on.listening, 1)
    assert.deepEqual(node.troubles.slice(1), ['over: eth0: bind EADDRINUSE'])
  })

  it('whose address the kernel tests at first is spoken on before a newcomer claims alone', async () => {
    const { on, clock } = lan()
    on.refuses = 'send EADDRNOTAVAIL'
    const node = new Node(on, clock, 1)
    await clock.advance(1_800)
    on.refuses = ''
    new Node(on, clock, 2)
    await clock.advance(defaultTiming.discoveryMs - 1_800)
    assert.deepEqual(node.heard, [7002])
  })

  it('that changes its address, comes late or goes is followed', async () => {
    const { on, clock } = lan()
    const other = new Node(on, clock, 2)
    let address = '10.0.1.5'
    const node = new Node(on, clock, 1, { placeOn: (link) => placeWith(address)(link) })
    await clock.advance(1_000)
    const { length } = on.packets
    address = '10.0.1.6'
    node.discovery.follow(uplink)
    await clock.advance(500)
    assert.ok(on.packets.length > length, 'it says anew that it is there')
    node.discovery.follow({ link: '', nextHops: [] })
    assert.deepEqual([on.listening, node.heard], [1, []])
    node.discovery.follow(uplink)
    await clock.advance(1_500)
    assert.deepEqual(node.heard, [7002])
    assert.deepEqual(other.heard, [7001])
  })

  it('is spoken on from the next hop, in IPv6 only where it has no IPv4 address', () => {
    const held = (family: 'IPv4' | 'IPv6', address: string, length: number) =>
      ({
        family,
        address,
        cidr: `${address}/${length}`,
        netmask: '',
        mac: '',
        internal: false,
      }) as never
    const interfaces = {
      eth0: [
        held('IPv4', '192.168.1.1', 24),
        held('IPv4', '10.0.1.1', 24),
        held('IPv6', 'fe80::1', 64),
      ],
      eth1: [held('IPv6', 'fe80::1', 64)],
      eth2: [held('IPv6', 'fe80::1', 64), held('IPv6', 'fd00::1', 64), held('IPv6', 'fd00::2', 64)],
      br0: [],
    }
    const v4 = placeOn('eth0', [addressOf('10.0.1.1')], interfaces)
    assert.equal(v4?.interface, '10.0.1.1')
    assert.ok(v4 && isOnLink(v4, '192.168.1.9') && isOnLink(v4, '10.0.1.9'))
    assert.ok(!isOnLink(v4, '10.0.2.9') && !isOnLink(v4, 'fe80::9%eth1'))
    const v6 = placeOn('eth1', [], interfaces)
    assert.equal(v6?.interface, '::%eth1')
    assert.equal(v6?.source, undefined)
    assert.equal(placeOn('eth1', [addressOf('fe80::1')], interfaces)?.source, undefined)
    assert.equal(placeOn('eth2', [addressOf('fd00::2')], interfaces)?.source, 'fd00::2')
    assert.equal(placeOn('eth2', [], interfaces)?.source, 'fd00::1')
    assert.ok(v6 && isOnLink(v6, 'fe80::9%eth1') && !isOnLink(v6, 'fe80::9%br0'))
    assert.equal(placeOn('br0', [], interfaces), undefined)
    assert.equal(placeOn('gone', [], interfaces), undefined)
  })
})
