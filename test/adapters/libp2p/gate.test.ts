/** Bounds on who comes in: at each, beyond it, and back below it. */

import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type { MultiaddrConnection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { Accounts, allowances } from '../../../src/adapters/libp2p/accounts.ts'
import { addressKey, Gate, gateLimits } from '../../../src/adapters/libp2p/gate.ts'
import type { NodeId } from '../../../src/core/claim/record.ts'
import type { Trouble } from '../../../src/core/event.ts'
import { nodeOf, recordOf } from '../../core/specimens.ts'
import { FakeClock } from './fake-clock.ts'

class FakeConnection extends EventTarget {
  readonly remoteAddr
  readonly socket = Object.assign(new EventEmitter(), {
    paused: false,
    pause() {
      this.paused = true
    },
    resume() {
      this.paused = false
    },
    isPaused() {
      return this.paused
    },
  })
  aborted = false

  constructor(ip: string) {
    super()
    this.remoteAddr = multiaddr(`/ip4/${ip}/tcp/1000`)
  }

  abort(): void {
    this.aborted = true
    this.dispatchEvent(new Event('close'))
  }
}

const nodesMax = 4_096

function world(known: readonly string[] = [], phase = { joins: false }) {
  const clock = new FakeClock()
  const knows = (node: NodeId) => known.includes(node)
  const troubles: Trouble[] = []
  const accounts = new Accounts({
    clock,
    knows,
    joins: () => phase.joins,
    nodesMax,
    report: (trouble) => troubles.push(trouble),
  })
  const gate = new Gate({ clock, accounts, knows })
  const knock = (ip: string) => {
    const connection = new FakeConnection(ip)
    const denied = gate.denyInboundConnection(connection as unknown as MultiaddrConnection)
    if (denied) connection.abort()
    return connection
  }
  /** Whether it got through the handshake. */
  const enter = (connection: FakeConnection, peer: string): boolean => {
    const it = connection as unknown as MultiaddrConnection
    const denied =
      gate.denyInboundEncryptedConnection(peer, it) || gate.denyInboundUpgradedConnection(peer, it)
    if (denied) connection.abort()
    return !denied
  }
  return { clock, accounts, gate, knock, enter, troubles }
}

test('of one address’s half-open connections the oldest end; another address is let in all the same', () => {
  const { knock } = world()
  const { mostEach } = gateLimits.halfOpen
  const idle = Array.from({ length: 512 }, () => knock('10.0.1.9'))
  assert.equal(idle.filter(({ aborted }) => !aborted).length, mostEach)
  assert.ok(idle.slice(-mostEach).every(({ aborted }) => !aborted))
  assert.equal(knock('10.0.1.10').aborted, false)
})

test('where all half-open connections are taken by many addresses, the greediest gives way', () => {
  const { knock } = world()
  const { most, mostEach } = gateLimits.halfOpen
  const idle = Array.from({ length: most }, (_, index) =>
    knock(`10.0.2.${Math.floor(index / mostEach)}`),
  )
  assert.ok(idle.every(({ aborted }) => !aborted))
  assert.equal(knock('10.0.3.1').aborted, false)
  assert.equal(idle.filter(({ aborted }) => aborted).length, 1)
})

test('handshakes of one address are bounded, and come back with time', async () => {
  const { clock, knock } = world()
  for (let index = 0; index < gateLimits.handshakes.burst; index += 1) {
    knock('10.0.1.9').dispatchEvent(new Event('close'))
  }
  assert.equal(knock('10.0.1.9').aborted, true)
  assert.equal(knock('10.0.1.10').aborted, false)
  await clock.advance(1_000)
  assert.equal(knock('10.0.1.9').aborted, false)
})

test('who sends more than a handshake before its handshake is thrown out', () => {
  const { knock, enter } = world()
  const loud = knock('10.0.1.9')
  loud.socket.emit('data', Buffer.alloc(gateLimits.handshakeBytes))
  assert.equal(loud.aborted, false)
  loud.socket.emit('data', Buffer.alloc(1))
  assert.equal(loud.aborted, true)
  const proper = knock('10.0.1.9')
  enter(proper, 'p')
  proper.socket.emit('data', Buffer.alloc(gateLimits.handshakeBytes + 1))
  assert.equal(proper.aborted, false)
})

test('a connection that sends beyond its bytes is read no faster, and goes on', async () => {
  const { clock, knock, enter } = world()
  const loud = knock('10.0.1.9')
  enter(loud, 'p')
  loud.socket.emit('data', Buffer.alloc(gateLimits.bytes.burst))
  assert.equal(loud.socket.paused, false)
  loud.socket.emit('data', Buffer.alloc(gateLimits.bytes.perMinute / 60))
  assert.equal(loud.socket.paused, true)
  await clock.advance(1_000)
  assert.equal(loud.socket.paused, false)
})

test('one node has a few connections and no more, until one of them ends', () => {
  const { knock, enter } = world()
  const all = Array.from({ length: gateLimits.ofPeer }, () => knock('10.0.1.9'))
  assert.ok(all.every((connection) => enter(connection, 'p')))
  assert.equal(enter(knock('10.0.1.9'), 'p'), false)
  assert.equal(enter(knock('10.0.1.9'), 'q'), true)
  all[0]?.abort()
  assert.equal(enter(knock('10.0.1.9'), 'p'), true)
})

test('strangers of one address are bounded, the newest lose, and a known node always gets in', () => {
  const { knock, enter } = world(['known'])
  const { mostEach } = gateLimits.strangers
  const crowd = Array.from({ length: mostEach }, (_, index) => {
    const connection = knock('10.0.1.9')
    assert.ok(enter(connection, `stranger-${index}`))
    return connection
  })
  assert.equal(enter(knock('10.0.1.9'), 'late'), false)
  assert.equal(enter(knock('10.0.1.9'), 'known'), true)
  assert.equal(enter(knock('10.0.1.10'), 'elsewhere'), true)
  assert.ok(crowd.every(({ aborted }) => !aborted))
  crowd[0]?.abort()
  assert.equal(enter(knock('10.0.1.9'), 'late'), true)
})

test('who brings more forgeries than an accident explains stays out for a minute; a known node at its address does not', async () => {
  const { clock, accounts, knock, enter } = world(['known'])
  const account = accounts.of('p' as NodeId, '10.0.1.9')
  for (let index = 0; index < allowances.forgeries.burst; index += 1) account.broughtForgery()
  assert.equal(account.isDisgraced, false)
  account.broughtForgery()
  assert.equal(enter(knock('10.0.1.9'), 'p'), false)
  assert.equal(enter(knock('10.0.1.9'), 'another'), false)
  assert.equal(enter(knock('10.0.1.9'), 'known'), true)
  await clock.advance(allowances.disgraceMs)
  assert.equal(enter(knock('10.0.1.9'), 'p'), true)
})

test('unknown identities are bounded by the minute, and known ones are not counted', async () => {
  const known = nodeOf(1)
  const { clock, accounts } = world([known.id])
  const account = accounts.of('p' as NodeId, '10.0.1.9')
  const stranger = recordOf(nodeOf(2))
  for (let index = 0; index < allowances.identities.burst; index += 1) {
    assert.ok(account.mayBring(stranger, 1))
  }
  assert.equal(account.mayBring(stranger, 1), false)
  assert.equal(account.mayBring(recordOf(known), 1), true)
  await clock.advance(1_000)
  assert.equal(account.mayBring(stranger, 1), true)
})

test('of whom a node meets while it joins it hears all that there may be; of others as little as ever', () => {
  const phase = { joins: true }
  const { accounts } = world([], phase)
  const brings = (address: string, count: number, signatures: number) =>
    Array.from({ length: count }).every(() =>
      accounts.of('p' as NodeId, address).mayBring(recordOf(nodeOf(2)), signatures),
    )
  assert.ok(brings('10.0.1.9', nodesMax, 1))
  assert.ok(brings('10.0.1.9', 4 * nodesMax, 2))
  assert.equal(brings('10.0.1.9', allowances.identities.burst + 1, 1), false)
  phase.joins = false
  assert.equal(brings('10.0.1.10', allowances.identities.burst + 1, 1), false)
})

test('signature checks are bounded by the minute, for known ones too', async () => {
  const known = nodeOf(1)
  const { clock, accounts } = world([known.id])
  const account = accounts.of(known.id, '10.0.1.9')
  for (let index = 0; index < allowances.checks.burst; index += 1) {
    assert.ok(account.mayBring(recordOf(known), 1))
  }
  assert.equal(account.mayBring(recordOf(known), 1), false)
  await clock.advance(1_000)
  assert.equal(account.mayBring(recordOf(known), 1), true)
})

test('papers of an operator are bounded together with entries, and come back with time', async () => {
  const { accounts, clock } = world(['peer'])
  const account = accounts.of('peer' as NodeId, '10.0.1.9')
  const { burst, perMinute } = allowances.checks
  assert.ok(account.mayBringSigned(burst - 1))
  assert.ok(!account.mayBringSigned(2))
  assert.ok(account.mayBringSigned(1))
  await clock.advance(60_000)
  assert.ok(account.mayBringSigned(perMinute))
})

test('addresses of one IPv6 host are one, IPv4 ones are told apart', () => {
  const key = (text: string) => addressKey(multiaddr(text))
  assert.equal(key('/ip6/fd00::1/tcp/1'), key('/ip6/fd00:0:0:0:9:8:7:6/tcp/2'))
  assert.notEqual(key('/ip6/fd00::1/tcp/1'), key('/ip6/fd00:0:0:1::1/tcp/1'))
  assert.notEqual(key('/ip4/10.0.1.1/tcp/1'), key('/ip4/10.0.1.2/tcp/1'))
  assert.equal(key('/ip6/::ffff:10.0.1.1/tcp/1'), key('/ip4/10.0.1.1/tcp/1'))
})

test('who brings too much is told of once, with its address, until it has been quiet for a minute', async () => {
  const { clock, accounts, troubles } = world(['known'])
  const account = accounts.of('p' as NodeId, '10.0.1.9')
  const flood = () => {
    for (let index = 0; index <= allowances.forgeries.burst; index += 1) account.broughtForgery()
  }
  flood()
  flood()
  const told = { code: 'peer-flooding', subject: '10.0.1.9', active: true }
  assert.deepEqual(troubles, [{ ...told, reason: 'forged signatures' }])
  await clock.advance(50_000)
  flood()
  await clock.advance(50_000)
  assert.equal(troubles.length, 1)
  await clock.advance(60_000)
  assert.deepEqual(troubles[1], { ...told, reason: '', active: false })
  assert.ok(!accounts.of('known' as NodeId, '10.0.1.10').mayBringSigned(100_000))
  assert.equal(troubles[2]?.subject, 'known at 10.0.1.10')
})

test('strangers of many addresses fill no list', () => {
  const { accounts, troubles } = world()
  for (let index = 0; index < 100; index += 1) {
    accounts.of('p' as NodeId, `10.0.2.${index}`).mayBringSigned(100_000)
  }
  assert.equal(troubles.length, 16)
})
