import assert from 'node:assert/strict'
import { type AddressInfo, createServer } from 'node:net'
import { suite, test } from 'node:test'
import { ListenError } from '../../../src/adapters/libp2p/node.ts'
import type { Trouble } from '../../../src/core/event.ts'
import { freePort } from '../free-port.ts'
import { ascendingKeys, keysOf, node, TestNode } from './cluster.ts'

const keyA = new Uint8Array(32).fill(1)
const keyB = new Uint8Array(32).fill(2)
const keyNames = new Map([
  [undefined, 'no key'],
  [keyA, 'the key'],
  [keyB, 'another key'],
])

// They mostly wait for handshakes to time out.
suite('troubles', { concurrency: 8 }, () => {
  for (const [ours, theirs] of [
    [keyB, keyA],
    [undefined, keyA],
    [keyA, undefined],
  ] as const) {
    test(`${keyNames.get(ours)} against ${keyNames.get(theirs)}: no peer, one trouble`, async (t) => {
      const a = await node(t, keysOf(0), { clusterKeys: theirs ? [theirs] : [] })
      const seed = `127.0.0.1:${a.port}`
      const b = await node(t, keysOf(1), { clusterKeys: ours ? [ours] : [], seeds: [seed] })
      const { trouble } = await b.event('trouble-reported')
      assert.equal(trouble.code, 'handshake-failed')
      assert.equal(trouble.subject, seed)
      assert.equal(trouble.active, true)
      assert.match(trouble.reason, /cluster key/)
      assert.deepEqual([...a.of('peer-connected'), ...b.of('peer-connected')], [])
      assert.equal(b.of('trouble-reported').length, 1)
    })
  }

  test('nodes with one cluster key connect', async (t) => {
    const [low, high] = ascendingKeys(2)
    const a = await node(t, low!, { clusterKeys: [keyA] })
    const b = await node(t, high!, { clusterKeys: [keyA], seeds: [`127.0.0.1:${a.port}`] })
    await Promise.all([a.connected(b), b.connected(a)])
  })

  test('nodes of two clusters are no peers of each other', async (t) => {
    const a = await node(t, keysOf(0), { cluster: 'one' })
    const b = await node(t, keysOf(1), { cluster: 'two', seeds: [`127.0.0.1:${a.port}`] })
    const isSaid = ({ trouble }: { trouble: Trouble }) => /another cluster/.test(trouble.reason)
    const { trouble } = await b.event('trouble-reported', isSaid)
    assert.equal(trouble.code, 'handshake-failed')
    assert.deepEqual([...a.of('peer-connected'), ...b.of('peer-connected')], [])
  })

  test('a seed that refuses is reported once, and again when it works', async (t) => {
    const [low, high] = ascendingKeys(2)
    const port = await freePort()
    const seed = `127.0.0.1:${port}`
    const b = await node(t, high!, { seeds: [seed] })
    const { trouble } = await b.event('trouble-reported')
    assert.equal(trouble.code, 'seed-unreachable')
    assert.equal(trouble.subject, seed)
    assert.match(trouble.reason, /refused/)
    const a = await node(t, low!, { port })
    await b.connected(a)
    const over = await b.event('trouble-reported', () => true, 2)
    assert.deepEqual(over.trouble, { ...trouble, active: false })
  })

  test('a seed’s name that resolves to nothing is reported, and resolved again until it does', async (t) => {
    const [low, high] = ascendingKeys(2)
    const a = await node(t, low!)
    let addresses: string[] | undefined
    const b = await node(t, high!, {
      seeds: [`nowhere:${a.port}`],
      lookUp: async () => {
        if (addresses) return addresses
        throw Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' })
      },
    })
    const { trouble } = await b.event('trouble-reported')
    assert.equal(trouble.code, 'seed-unresolvable')
    assert.match(trouble.reason, /nowhere does not exist/)
    addresses = ['127.0.0.1']
    await b.connected(a)
    await b.event('trouble-reported', (event) => !event.trouble.active)
  })

  test('a handshake that takes long is reported, and then what came of it', async (t) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      const timer = setTimeout(() => socket.destroy(), 3_500)
      socket.on('close', () => clearTimeout(timer))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo
    const a = await node(t, keysOf(0), { seeds: [`127.0.0.1:${port}`] })
    await a.event('trouble-reported', () => true, 2)
    const [long, failed] = a.of('trouble-reported').map(({ trouble }) => trouble)
    assert.match(long?.reason ?? '', /has not answered the handshake yet/)
    assert.doesNotMatch(failed?.reason ?? '', /has not answered the handshake yet/)
    assert.deepEqual({ ...failed, reason: '' }, { ...long, reason: '' })
  })

  test('a seed that nobody can read is reported, and the others are dialled', async (t) => {
    const [low, high] = ascendingKeys(2)
    const a = await node(t, low!)
    const b = await node(t, high!, { seeds: ['http://x', `127.0.0.1:${a.port}`] })
    await b.connected(a)
    assert.deepEqual(
      b.of('trouble-reported').map(({ trouble }) => [trouble.code, trouble.subject]),
      [['seed-unresolvable', 'http://x']],
    )
  })

  test('seeds that are all this node itself are told once', async (t) => {
    const port = await freePort()
    // 127.0.0.1 is an address of this host; that 127.0.0.2 answers as ourselves shows only when it is dialled.
    const a = await node(t, keysOf(0), {
      port,
      listen: ['0.0.0.0'],
      seeds: [`127.0.0.1:${port}`, `127.0.0.2:${port}`],
    })
    await a.event('seeds-are-self')
    const b = await node(t, keysOf(1), { seeds: [`127.0.0.1:${port}`] })
    await b.connected(a)
    assert.equal(a.of('seeds-are-self').length, 1)
    assert.deepEqual(a.of('trouble-reported'), [])
  })

  test('a seed beside this node’s own address keeps it from thinking that it is alone', async (t) => {
    const [low, high] = ascendingKeys(2)
    const [port, other] = [await freePort(), await freePort()]
    const a = await node(t, low!, { port, seeds: [`127.0.0.1:${port}`, `127.0.0.1:${other}`] })
    await a.event('trouble-reported')
    assert.deepEqual(a.of('seeds-are-self'), [])
    const b = await node(t, high!, { port: other })
    await a.connected(b)
  })

  test('a port that is taken fails the start with what to do', async (t) => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const taken = server.address()
    assert.ok(taken && typeof taken === 'object')
    const made = new TestNode(keysOf(0), taken.port)
    await assert.rejects(made.start(), (error) => {
      assert.ok(error instanceof ListenError)
      assert.equal(error.code, 'listen-failed')
      assert.match(error.message, new RegExp(`127\\.0\\.0\\.1, port ${taken.port}.*taken`))
      return true
    })
  })

  test('an address that the host does not have fails the start', async () => {
    const made = new TestNode(keysOf(0), await freePort(), { listen: ['192.0.2.1'] })
    await assert.rejects(made.start(), /no such address/)
  })

  test('a node that listens on both families is reached by both', async (t) => {
    const [low, high] = ascendingKeys(2)
    const a = await node(t, low!, { listen: ['0.0.0.0', '::'] })
    const b = await node(t, high!, { seeds: [`[::1]:${a.port}`] })
    const { address } = await b.connected(a)
    assert.equal(address, `[::1]:${a.port}`)
  })
})
