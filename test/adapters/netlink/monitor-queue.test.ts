/** What waits for the agent, and what it becomes: no kernel needed. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeAddress } from '../../../src/adapters/netlink/address-message.ts'
import { BridgePorts } from '../../../src/adapters/netlink/bridge-ports.ts'
import { readLink, writeLinkUp } from '../../../src/adapters/netlink/link-message.ts'
import { MessageWriter, walkMessages } from '../../../src/adapters/netlink/message.ts'
import type { Frame } from '../../../src/adapters/netlink/monitor-message.ts'
import { MonitorQueue } from '../../../src/adapters/netlink/monitor-queue.ts'
import { readNotifications } from '../../../src/adapters/netlink/notification.ts'
import { writeChange } from '../../../src/adapters/netlink/route-message.ts'
import { byteScope, ScopeFilter, watchKey } from '../../../src/adapters/netlink/scope.ts'
import { Words } from '../../../src/adapters/netlink/words.ts'
import { addressOf, prefixOf, scope } from './host.ts'

const ownPort = 77

interface Told {
  readonly type: 'add' | 'remove'
  readonly prefix?: string
  readonly via?: string
  readonly protocol?: number
  readonly table?: number
  readonly replace?: boolean
  readonly port?: number
  readonly seq?: number
}

/** A kernel's notification looks like the request for what it tells. */
function route(told: Told): Buffer {
  const writer = new MessageWriter(128)
  const key = { prefix: prefixOf(told.prefix ?? '172.16.4.0/22'), metric: 0 }
  const nextHop = addressOf(told.via ?? '10.0.1.71')
  const target = { type: 'via', nextHop, ifindex: 3 } as const
  writeChange(
    writer,
    told.type === 'add' ? { type: 'add', key, target } : { type: 'remove', key },
    {
      seq: told.seq ?? 0,
      table: told.table ?? scope.table,
      protocol: told.protocol ?? 4,
    },
  )
  const bytes = Buffer.from(writer.bytes)
  bytes.writeUInt16LE(told.replace ? 0x100 : 0x400, 6)
  bytes.writeUInt32LE(told.port ?? 0, 12)
  // A removal as asked for has no type; as told it has one.
  bytes.writeUInt8(1, 16 + 7)
  return bytes
}

function address(action: 'add' | 'remove', text: string): Buffer {
  const writer = new MessageWriter(128)
  const { family, value } = addressOf(text)
  writeAddress(writer, action, { family, value, length: 24, ifindex: 3, protocol: 83, seq: 0 })
  return Buffer.from(writer.bytes)
}

function link(state: 'up' | 'down'): Buffer {
  return linkWith(state === 'up' ? 1 : 0)
}

function linkWith(flags: number): Buffer {
  const writer = new MessageWriter(128)
  writeLinkUp(writer, { ifindex: 3, seq: 0 })
  const bytes = Buffer.from(writer.bytes)
  bytes.writeUInt32LE(flags, 16 + 8)
  return bytes
}

function queueOf(...messages: Buffer[]): MonitorQueue {
  const queue = new MonitorQueue({ scope: byteScope(scope), ownPort, seq: 0, watched: [] })
  offer(queue, ...messages)
  return queue
}

function offer(queue: MonitorQueue, ...messages: Buffer[]): void {
  for (const bytes of messages) walkMessages(bytes, (message) => queue.offer(message))
}

function textsOf(frame: Frame, watched: readonly string[] = []): string[] {
  const { protocol } = scope
  const ports = new BridgePorts('', () => 0)
  const filter = new ScopeFilter(byteScope(scope))
  for (const key of watched) filter.watch(key)
  return readNotifications(frame.notifications, {
    words: new Words(),
    filter,
    protocol,
    ports,
  }).map(({ change, seq }) => {
    if (change.type === 'route-added' || change.type === 'route-removed') {
      const { prefix, target, owned } = change.route
      const hop = target.type === 'via' ? ` ${target.nextHop.text}` : ''
      return `${seq} ${change.type} ${prefix.text}${hop}${owned ? ' owned' : ''}`
    }
    if (change.type === 'link-changed') return `${seq} link ${change.link.up ? 'up' : 'down'}`
    if (change.type === 'link-removed') return `${seq} link removed`
    if ('address' in change) return `${seq} ${change.type} ${change.address.address.text}`
    return `${seq} ${change.type}`
  })
}

test('routes outside the interest are counted, and link-local ones not even that', () => {
  const queue = queueOf(
    route({ type: 'add', prefix: '172.0.0.0/8' }),
    route({ type: 'add', prefix: '0.0.0.0/0' }),
    route({ type: 'add', prefix: '172.32.0.0/24' }),
    route({ type: 'add', prefix: 'fd00:11::/64', via: 'fd00:1::1' }),
    route({ type: 'add', prefix: 'fe80::/64', via: 'fd00:1::1' }),
  )
  assert.equal(queue.hasNews, false)
  assert.equal(queue.foreign, 4)
  assert.equal(queue.frame().foreign, 4)
  assert.equal(queue.foreign, 0)
})

test('a route equal to or inside the interest is kept, and an owned one anywhere', () => {
  const queue = queueOf(
    route({ type: 'add', prefix: '172.16.0.0/12' }),
    route({ type: 'add', prefix: '172.31.255.255/32' }),
    route({ type: 'add', prefix: 'fd00:10:ff:1::/64', via: 'fd00:1::1' }),
    route({ type: 'add', prefix: '192.168.0.0/16', protocol: scope.protocol }),
  )
  assert.deepEqual(textsOf(queue.frame()), [
    '0 route-added 172.16.0.0/12 10.0.1.71',
    '0 route-added 172.31.255.255/32 10.0.1.71',
    '0 route-added fd00:10:ff:1::/64 fd00:1::1',
    '0 route-added 192.168.0.0/16 10.0.1.71 owned',
  ])
})

test('a watched prefix is kept though it is outside the interest', () => {
  const queue = queueOf()
  queue.watch([watchKey(prefixOf('192.168.7.0/24'))])
  offer(
    queue,
    route({ type: 'remove', prefix: '192.168.7.0/24' }),
    route({ type: 'remove', prefix: '192.168.7.0/25' }),
  )
  const key = watchKey(prefixOf('192.168.7.0/24'))
  assert.deepEqual(textsOf(queue.frame(), [key]), ['0 route-removed 192.168.7.0/24'])
})

test('a route of another table is kept, for a rule may lead there', () => {
  const queue = queueOf(route({ type: 'add', table: 77 }), route({ type: 'add', table: 1_000 }))
  assert.equal(textsOf(queue.frame()).length, 2)
})

test('own writes are counted, not kept, and mark what comes after them', () => {
  const own = { port: ownPort, protocol: scope.protocol } as const
  const queue = queueOf(
    route({ type: 'add', prefix: '172.16.8.0/22' }),
    route({ type: 'add', seq: 41, ...own }),
    route({ type: 'remove', prefix: '172.16.8.0/22' }),
    route({ type: 'add', seq: 42, ...own }),
  )
  assert.equal(queue.ownUntold, 42)
  const frame = queue.frame()
  assert.deepEqual(textsOf(frame).at(-1), '41 route-removed 172.16.8.0/22')
  assert.equal(frame.seq, 42)
  assert.equal(queue.ownUntold, 0)
})

test('of one route the last word is kept, in its place among the others', () => {
  const flap = [route({ type: 'add' }), route({ type: 'remove', via: '10.0.1.71' })]
  const other = route({ type: 'add', prefix: '172.16.8.0/22' })
  const queue = queueOf(...flap, ...flap, other, route({ type: 'add' }))
  const told = textsOf(queue.frame())
  assert.deepEqual(told.slice(-2), [
    '0 route-added 172.16.8.0/22 10.0.1.71',
    '0 route-added 172.16.4.0/22 10.0.1.71',
  ])
})

test('a replacement is not hidden by the removal of what replaced', () => {
  const replacement = route({ type: 'add', via: '10.0.1.72', replace: true })
  const removal = Buffer.from(route({ type: 'add', via: '10.0.1.72' }))
  removal.writeUInt16LE(25, 4)
  const queue = queueOf(replacement, removal)
  assert.deepEqual(textsOf(queue.frame()), [
    '0 route-added 172.16.4.0/22 10.0.1.72',
    '0 route-removed 172.16.4.0/22 10.0.1.72',
  ])
})

test('a link has lost its carrier once its routes are dead, not as soon as its driver says so', () => {
  const [up, running, lowerUp] = [0x1, 0x40, 0x1_0000]
  const carriers = [up | running | lowerUp, up | running, up | lowerUp, up].map((flags) => {
    const found: (boolean | undefined)[] = []
    walkMessages(linkWith(flags), (message) => found.push(readLink(message)?.carrier))
    return found[0]
  })
  assert.deepEqual(carriers, [true, true, true, false])
})

test('a link that flaps is told down and up, one that only says more of itself is not told', () => {
  const queue = queueOf(link('up'), link('up'), link('down'), link('up'), link('down'), link('up'))
  assert.deepEqual(textsOf(queue.frame()), ['0 link down', '0 link up'])
  offer(queue, link('up'))
  assert.equal(queue.hasNews, false)
})

test('an address that goes and comes back is told as both', () => {
  const queue = queueOf(address('remove', '10.0.1.70'), address('add', '10.0.1.70'))
  assert.deepEqual(textsOf(queue.frame()), [
    '0 address-removed 10.0.1.70',
    '0 address-added 10.0.1.70',
  ])
})

test('at the bound everything is dropped, said to be lost, and collected anew', () => {
  const queue = queueOf()
  const many = (second: number, count: number) => {
    for (let i = 0; i < count; i += 1) {
      offer(queue, route({ type: 'add', prefix: `172.${second}.${i >> 8}.${i & 255}/32` }))
    }
  }
  many(16, 16_384)
  many(17, 1_000)
  const lost = queue.frame()
  assert.deepEqual([lost.lost, lost.notifications.length], [true, 0])
  assert.equal(queue.hasNews, false)
  many(18, 3)
  const next = queue.frame()
  assert.deepEqual([next.lost, textsOf(next).length], [false, 3])
})
