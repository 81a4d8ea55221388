import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { Accounts } from '../../../src/adapters/libp2p/accounts.ts'
import { Links } from '../../../src/adapters/libp2p/links.ts'
import type { NodeId } from '../../../src/core/claim/record.ts'
import { noTraffic } from '../../../src/ports/traffic.ts'
import type { TransportEvent } from '../../../src/ports/transport.ts'
import { Verified } from '../../../src/wire/verified.ts'
import { FakeClock } from './fake-clock.ts'

const peer = 'peer' as NodeId

/** Links to one peer whose connections do nothing by themselves. */
function world(gossips = () => true) {
  const clock = new FakeClock()
  const seen: string[] = []
  const lost: number[] = []
  const accounts = new Accounts({
    clock,
    knows: () => true,
    joins: () => false,
    nodesMax: 4_096,
    report: () => undefined,
  })
  const links = new Links({
    clock,
    watchMs: 1_000,
    syncProtocol: '/sync',
    verified: new Verified(),
    deliver: (event: TransportEvent) => void seen.push(event.type),
    lost: (_peer, livedMs) => void lost.push(livedMs),
    gossips,
    account: () => accounts.of(peer, ''),
    traffic: noTraffic(),
  })
  links.start()
  const connect = () => {
    const connection = {
      status: 'open',
      remotePeer: { toString: () => peer },
      remoteAddr: multiaddr(
        '/ip6/fd00::1/tcp/7871/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5',
      ),
      newStream: () => new Promise(() => undefined),
      abort() {
        this.status = 'aborted'
      },
    }
    links.opened(connection as unknown as Connection)
    return connection as unknown as Connection
  }
  return { clock, seen, lost, links, connect }
}

test('a connection is no peer before it spoke a protocol of this cluster', async () => {
  const { clock, seen, lost, links, connect } = world()
  const connection = connect()
  links.closed(connection)
  await clock.advance(0)
  assert.deepEqual(seen, [])
  assert.deepEqual(lost, [0])
  assert.equal(links.met(peer), false)
})

test('two connections of a peer are one peer', () => {
  const { seen, links, connect } = world()
  connect()
  connect()
  assert.ok(links.met(peer) && links.met(peer))
  assert.deepEqual(seen, ['peer-connected'])
})

test('with one of two connections that carried something gone, the other is closed too', () => {
  const { seen, lost, links, connect } = world()
  const first = connect()
  const second = connect()
  links.met(peer)
  links.closed(first)
  links.closed(second)
  assert.equal(second.status, 'aborted')
  assert.deepEqual(seen, ['peer-connected', 'peer-disconnected'])
  assert.equal(lost.length, 1)
})

test('a second connection that the peer denied is of no consequence', () => {
  const { seen, lost, links, connect } = world()
  const first = connect()
  links.met(peer)
  links.closed(connect())
  assert.equal(first.status, 'open')
  assert.deepEqual(seen, ['peer-connected'])
  assert.deepEqual(lost, [])
})

test('a watched peer that does not answer is overdue within seconds, and told once', async () => {
  const { clock, seen, links, connect } = world()
  const connection = connect()
  links.watch([{ id: peer, addresses: [], watched: true }])
  links.met(peer)
  // It has streams to open before it can be heard.
  await clock.advance(7_000)
  assert.deepEqual(seen, ['peer-connected'])
  await clock.advance(3_000)
  assert.deepEqual(seen, ['peer-connected', 'peer-overdue'])
  assert.equal(connection.status, 'open')
  // A fresh connection stands, and the old one stays silent: both are given up, and the peer is dialled anew.
  const fresh = connect()
  links.refreshed(peer)
  assert.deepEqual([connection.status, fresh.status], ['aborted', 'aborted'])
  assert.deepEqual(seen, ['peer-connected', 'peer-overdue', 'peer-disconnected'])
})

test('a connection that speaks again makes a fresh one beside it unneeded', () => {
  const { seen, links, connect } = world()
  const connection = connect()
  links.met(peer)
  const fresh = connect()
  links.refreshed(peer)
  assert.deepEqual([connection.status, fresh.status], ['open', 'aborted'])
  assert.deepEqual(seen, ['peer-connected'])
})

test('a peer that others watch may be silent for longer', async () => {
  const { clock, seen, links, connect } = world()
  const connection = connect()
  links.watch([{ id: peer, addresses: [], watched: false }])
  links.met(peer)
  await clock.advance(29_000)
  assert.equal(connection.status, 'open')
  await clock.advance(2_000)
  assert.equal(connection.status, 'aborted')
  assert.deepEqual(seen, ['peer-connected', 'peer-disconnected'])
})

test('silence while this process itself stood still is not the peer’s', async () => {
  const { clock, links, connect } = world()
  const connection = connect()
  links.met(peer)
  await clock.stall(60_000)
  await clock.advance(4_000)
  assert.equal(connection.status, 'open')
})

test('a peer that gossip cannot reach is dropped, after gossip had time to attach', async () => {
  let attached = false
  const { clock, seen, links, connect } = world(() => attached)
  const connection = connect()
  links.met(peer)
  const stallEvery = async (ms: number) => {
    for (let at = 0; at < ms; at += 4_000) await clock.stall(4_000)
  }
  attached = true
  await stallEvery(40_000)
  assert.equal(connection.status, 'open')
  attached = false
  await stallEvery(12_000)
  assert.equal(connection.status, 'aborted')
  assert.deepEqual(seen, ['peer-connected', 'peer-disconnected'])
})
