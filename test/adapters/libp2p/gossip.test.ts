import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeEnvelope, encodeEnvelope } from '../../../src/wire/body.ts'
import { ascendingKeys, gossipReady, keysOf, node, type TestNode } from './cluster.ts'
import { stranger } from './stranger.ts'

async function line(t: import('node:test').TestContext): Promise<[TestNode, TestNode, TestNode]> {
  const [first, second, third] = ascendingKeys(3)
  const a = await node(t, first!)
  const b = await node(t, second!, { seeds: [`127.0.0.1:${a.port}`] })
  const c = await node(t, third!, { seeds: [`127.0.0.1:${b.port}`] })
  await gossipReady(a, b, c)
  return [a, b, c]
}

const seqnosOf = (each: TestNode, origin: TestNode): number[] =>
  each
    .of('gossip-received')
    .filter(({ entry }) => entry.body.origin === origin.id)
    .map(({ entry }) => entry.body.version.seqno)
    .filter((seqno) => seqno < 1_000_000)

test('only what the core accepted is forwarded', async (t) => {
  const [a, b, c] = await line(t)
  const verdicts = { 1: 'reject', 2: 'ignore', 3: 'accept', 4: 'reject', 5: 'accept' } as const
  b.judge = ({ entry }) => verdicts[entry.body.version.seqno as 1] ?? 'accept'
  for (const seqno of [1, 2, 3, 4, 5]) a.transport.publish(a.entry(seqno))
  await c.until(() => seqnosOf(c, a).includes(5), 'the last entry')
  assert.deepEqual(seqnosOf(b, a), [1, 2, 3, 4, 5])
  assert.deepEqual(seqnosOf(c, a), [3, 5])
})

test('an entry is forwarded when its verdict comes late', async (t) => {
  const [a, b, c] = await line(t)
  b.judge = () => undefined
  a.transport.publish(a.entry(1))
  const { id, from } = await b.event(
    'gossip-received',
    ({ entry }) => entry.body.version.seqno === 1,
  )
  assert.equal(from, a.id)
  assert.deepEqual(seqnosOf(c, a), [])
  b.transport.judge(id, 'accept')
  await c.until(() => seqnosOf(c, a).includes(1), 'the entry')
  b.transport.judge(id, 'reject')
  b.transport.judge(123_456_789, 'accept')
})

test('an entry arrives as it was sent, with its sender’s signature', async (t) => {
  const [a, b] = await line(t)
  const sent = a.entry(7, 'the name')
  a.transport.publish(sent)
  const { entry } = await b.event('gossip-received', (event) => event.entry.hash === sent.hash)
  assert.deepEqual(entry.body, sent.body)
  assert.deepEqual(Buffer.from(entry.envelope), Buffer.from(sent.envelope))
})

test('malformed bytes and forged entries never reach the core, and cost no connection', async (t) => {
  const a = await node(t, keysOf(0))
  const bad = await stranger(t, keysOf(1), a)
  await a.connected(bad)
  await gossipReady(bad, a)
  const envelope = decodeEnvelope(bad.entry(1).envelope)
  const forged = encodeEnvelope({ ...envelope, publicKey: keysOf(2).publicKey })
  const torn = bad.entry(2).envelope.subarray(0, 100)
  const long = new Uint8Array(20_000)
  for (const bytes of [forged, torn, long, new Uint8Array(0), new Uint8Array([0xc1])]) {
    await bad.publishBytes(bytes)
  }
  bad.transport.publish(bad.entry(3))
  await a.until(() => seqnosOf(a, bad).includes(3), 'the entry after them')
  assert.deepEqual(seqnosOf(a, bad), [3])
  assert.deepEqual(a.of('peer-disconnected'), [])
})

test('publishing before anybody is connected is silent', async (t) => {
  const a = await node(t, keysOf(0))
  a.transport.publish(a.entry(1))
  a.transport.publish(a.entry(1))
  const b = await node(t, keysOf(1), { seeds: [`127.0.0.1:${a.port}`] })
  await gossipReady(a, b)
  assert.deepEqual(seqnosOf(b, a), [])
})

test('what is said and heard is counted, whatever becomes of it', async (t) => {
  const [first, second] = ascendingKeys(2)
  const a = await node(t, first!)
  const b = await node(t, second!, { seeds: [`127.0.0.1:${a.port}`] })
  await gossipReady(a, b)
  const verdicts = { ...b.traffic.verdicts }
  const { sent } = a.traffic.gossip
  const { received } = b.traffic.gossip
  const before = { sent: { ...sent }, received: { ...received } }
  b.judge = ({ entry }) => (entry.body.version.seqno === 1 ? 'accept' : 'reject')
  const entries = [a.entry(1), a.entry(2)]
  for (const entry of entries) a.transport.publish(entry)
  await b.until(() => seqnosOf(b, a).length === 2, 'both')
  a.transport.send(b.id, { type: 'probe', root: '0123456789abcdef' })
  await b.event('sync-received')
  const bytes = entries.reduce((sum, { envelope }) => sum + envelope.length, 0)
  assert.equal(b.traffic.verdicts.accept - verdicts.accept, 1)
  assert.equal(b.traffic.verdicts.reject - verdicts.reject, 1)
  assert.deepEqual(
    [received.messages - before.received.messages, received.bytes - before.received.bytes],
    [2, bytes],
  )
  assert.deepEqual(
    [sent.messages - before.sent.messages, sent.bytes - before.sent.bytes],
    [2, bytes],
  )
  assert.deepEqual(b.traffic.sync.received.probe, a.traffic.sync.sent.probe)
  assert.equal(b.traffic.sync.received.probe.messages, 1)
  a.transport.send(keysOf(9).id, { type: 'probe', root: '0123456789abcdef' })
  assert.equal(a.traffic.sync.sent.probe.messages, 1, 'to nobody is not sent')
})
