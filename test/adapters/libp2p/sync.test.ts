import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lpStream } from '@libp2p/utils'
import { allowances } from '../../../src/adapters/libp2p/accounts.ts'
import type { Libp2pOptions } from '../../../src/adapters/libp2p/options.ts'
import type { SyncMessage } from '../../../src/core/gossip/message.ts'
import { encodeMessage } from '../../../src/wire/codec.ts'
import { keyPairFromSeed, sealer } from '../../../src/wire/signature.ts'
import { ascendingKeys, type EventOf, keysOf, node, recordOf, type TestNode } from './cluster.ts'
import { stranger } from './stranger.ts'

async function pair(
  t: import('node:test').TestContext,
  options: Partial<Libp2pOptions> = {},
): Promise<[TestNode, TestNode]> {
  const [low, high] = ascendingKeys(2)
  const a = await node(t, low!)
  const b = await node(t, high!, { seeds: [`127.0.0.1:${a.port}`], ...options })
  await Promise.all([a.connected(b), b.connected(a)])
  return [a, b]
}

const probe = (n: number): SyncMessage => ({ type: 'probe', root: String(n) })

/** `bytes` long, give or take. */
const padded = (n: number, bytes: number): SyncMessage => ({
  type: 'buckets',
  root: String(n),
  buckets: Array.from({ length: 64 }, () => 'x'.repeat(Math.min(64, Math.floor(bytes / 64)))),
})

const rootsOf = (each: TestNode): string[] =>
  each.of('sync-received').map(({ message }) => ('root' in message ? message.root : ''))

test('sync messages arrive in order, both ways', async (t) => {
  const [a, b] = await pair(t)
  const numbers = Array.from({ length: 300 }, (_, n) => n)
  for (const n of numbers) {
    a.transport.send(b.id, probe(n))
    b.transport.send(a.id, padded(n, 1_024))
  }
  await b.until(() => rootsOf(b).length === 300, '300 messages')
  await a.until(() => rootsOf(a).length === 300, '300 messages')
  assert.deepEqual(rootsOf(b), numbers.map(String))
  assert.deepEqual(rootsOf(a), numbers.map(String))
  assert.deepEqual(b.of('sync-received')[0], {
    type: 'sync-received',
    peer: a.id,
    message: probe(0),
  })
})

test('a message sent on hearing that a peer is connected arrives', async (t) => {
  const [low, high] = ascendingKeys(2)
  const a = await node(t, low!)
  const b = await node(t, high!, { seeds: [`127.0.0.1:${a.port}`] })
  await b.connected(a)
  b.transport.send(a.id, probe(1))
  await a.event('sync-received')
  assert.equal(
    a.events.findIndex(({ type }) => type === 'peer-connected'),
    0,
  )
})

test('a node that joins hears of all nodes of a large cluster at once; later, of no more than may join in a minute', async (t) => {
  const many = allowances.identities.burst + 200
  const entries = Array.from({ length: many }, (_, n) => {
    const keys = keyPairFromSeed(Buffer.alloc(32, `seed ${n}`))
    return sealer(keys)(recordOf(keys.id, 1, `h${n}`))
  })
  for (const joins of [true, false]) {
    const [a, b] = await pair(t, { joins: () => joins })
    for (let from = 0; from < many; from += 100) {
      const part = entries.slice(from, from + 100)
      const carried = part.map((entry) => ({ entry, remainMs: Number.POSITIVE_INFINITY }))
      a.transport.send(b.id, { type: 'delta', carried, want: [], last: from + 100 >= many })
    }
    const isLast = ({ message }: EventOf<'sync-received'>) =>
      message.type === 'delta' && message.last
    await b.event('sync-received', isLast)
    const heard = b
      .of('sync-received')
      .flatMap(({ message }) => (message.type === 'delta' ? message.carried : []))
    assert.ok(joins ? heard.length === many : heard.length < many, `${heard.length} of ${many}`)
    await Promise.all([a.transport.stop(), b.transport.stop()])
  }
})

test('a message to nobody, or longer than the limit, is dropped and harms nothing', async (t) => {
  const [a, b] = await pair(t)
  a.transport.send(keysOf(9).id, probe(1))
  a.transport.send(b.id, {
    type: 'delta',
    carried: Array.from({ length: 20 }, (_, n) => ({
      entry: { ...a.entry(n), envelope: new Uint8Array(8_000) },
      remainMs: Number.POSITIVE_INFINITY,
    })),
    want: [],
    last: true,
  })
  a.transport.send(b.id, probe(2))
  await b.event('sync-received')
  assert.deepEqual(rootsOf(b), ['2'])
  assert.deepEqual(b.of('peer-disconnected'), [])
})

test('what waits for a peer that does not read is bounded, and the rest keeps its order', async (t) => {
  const a = await node(t, keysOf(0))
  const slow = await stranger(t, keysOf(1), a)
  const incoming = await slow.incoming
  incoming.pause()
  await a.connected(slow)
  const message = padded(0, 4_096)
  const size = encodeMessage(message).length
  for (let n = 0; n < 1_000; n += 1)
    a.transport.send(slow.id, { ...message, root: String(n) } as SyncMessage)
  const frames = lpStream(incoming)
  incoming.resume()
  const read: string[] = []
  const marker = setInterval(() => a.transport.send(slow.id, probe(-1)), 50)
  t.after(() => clearInterval(marker))
  for (;;) {
    const text = Buffer.from((await frames.read()).subarray()).toString('latin1')
    const found = /^.*?(?:buckets|probe).([0-9-]+)/s.exec(text)
    if (found?.[1] === '-1') break
    if (found?.[1]) read.push(found[1])
  }
  assert.ok(read.length * size > 2 ** 20, `${read.length} messages were kept`)
  assert.ok(read.length * size < 2 * 2 ** 20, `${read.length} messages were kept`)
  assert.deepEqual(
    read,
    read.map((_, n) => String(n)),
  )
})

test('what is no message of ours is passed over, a frame beyond the limit ends the stream alone', async (t) => {
  const a = await node(t, keysOf(0))
  const rude = await stranger(t, keysOf(1), a)
  const stream = await rude.openStream()
  const frames = lpStream(stream)
  await frames.write(new Uint8Array([0xc1, 1, 2, 3]))
  await frames.write(encodeMessage(probe(1)))
  await a.event('sync-received')
  const closed = new Promise((resolve) => stream.addEventListener('close', resolve))
  await frames.write(new Uint8Array(70_000)).catch(() => undefined)
  await closed
  const again = lpStream(await rude.openStream())
  await again.write(encodeMessage(probe(2)))
  await a.event('sync-received', () => true, 2)
  assert.deepEqual(rootsOf(a), ['1', '2'])
  assert.deepEqual(a.of('peer-disconnected'), [])
})

test('who is asked for a sign of life gives one; both say what they have', async (t) => {
  const a = await node(t, keysOf(0))
  a.transport.digest('00112233445566ff')
  const asking = await stranger(t, keysOf(1), a)
  const answers = lpStream(await asking.incoming)
  const frames = lpStream(await asking.openStream())
  const ping = [1, 0xab, 0xcd, 0, 0, 0, 0, 0, 0x12]
  // Of another length, or cut short, it is none.
  for (const wrong of [[], [1], ping.slice(1), [...ping, 0]])
    await frames.write(Uint8Array.from(wrong))
  await frames.write(Uint8Array.from(ping))
  const { root } = await a.event('digest-heard')
  assert.equal(root, 'abcd000000000012')
  assert.equal(a.of('digest-heard').length, 1)
  for (;;) {
    // The node asks too, for it has not been heard of long.
    const [kind, ...said] = (await answers.read()).subarray()
    assert.deepEqual(said, [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0xff])
    if (kind === 0) return
  }
})

test('a watched peer that falls silent is overdue within seconds', async (t) => {
  const a = await node(t, keysOf(0))
  const mute = await stranger(t, keysOf(1), a)
  await a.connected(mute)
  a.transport.connect([{ id: mute.id, addresses: [], watched: true }])
  await a.event('peer-overdue', ({ peer }) => peer === mute.id)
})
