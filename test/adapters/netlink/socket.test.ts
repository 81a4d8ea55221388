/** Exchanges with the kernel that go wrong. They only read, so no namespace is needed. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeLinkDump } from '../../../src/adapters/netlink/link-message.ts'
import { MessageWriter } from '../../../src/adapters/netlink/message.ts'
import { type Exchange, RequestSocket } from '../../../src/adapters/netlink/socket.ts'

function dump(socket: RequestSocket, visit: Exchange['visit']): Promise<void> {
  const writer = new MessageWriter(64)
  const seq = socket.reserve(1)
  writeLinkDump(writer, seq)
  return socket.exchange({ bytes: writer.bytes, firstSeq: seq, lastSeq: seq, visit })
}

/** The kernel never answers a message of type NOOP. */
function ask(socket: RequestSocket): Promise<void> {
  const writer = new MessageWriter(64)
  const seq = socket.reserve(1)
  writer.begin(1, 0, seq)
  writer.end()
  return socket.exchange({
    bytes: writer.bytes,
    firstSeq: seq,
    lastSeq: seq,
    visit: () => undefined,
  })
}

test('an answer that never comes is a failure, and the next exchange works on the same port', async () => {
  const socket = new RequestSocket(32_768, { patienceMs: 20 })
  const { port } = socket
  await assert.rejects(ask(socket), { code: 'ETIMEDOUT' })
  let links = 0
  await dump(socket, () => {
    links += 1
  })
  assert.ok(links > 1)
  assert.equal(socket.port, port)
  await socket.close()
})

test('a visitor that throws fails its exchange and nothing else', async () => {
  const socket = new RequestSocket(32_768)
  const failing = dump(socket, () => {
    throw new Error('unreadable')
  })
  let links = 0
  const next = dump(socket, () => {
    links += 1
  })
  await assert.rejects(failing, /unreadable/)
  await next
  assert.ok(links > 1)
  await socket.close()
})

test('an answer longer than the buffer is a failure', async () => {
  const socket = new RequestSocket(64)
  await assert.rejects(
    dump(socket, () => undefined),
    { code: 'EMSGSIZE' },
  )
  await socket.close()
})

test('what is under way when the socket closes is cancelled, and so is what comes later', async () => {
  const socket = new RequestSocket(32_768)
  const first = ask(socket)
  const second = ask(socket)
  const closed = socket.close()
  await assert.rejects(first, { code: 'ECANCELED' })
  await assert.rejects(second, { code: 'ECANCELED' })
  await closed
  await assert.rejects(ask(socket), { code: 'ECANCELED' })
  await socket.close()
})
