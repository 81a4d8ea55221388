import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort } from '../free-port.ts'
import { ascendingKeys, gossipReady, node } from './cluster.ts'

test('a node finds another by its seed, and each is told so once', async (t) => {
  const [low, high] = ascendingKeys(2)
  const a = await node(t, low!)
  const b = await node(t, high!, { seeds: [`127.0.0.1:${a.port}`] })
  const [atA, atB] = await Promise.all([a.connected(b), b.connected(a)])
  assert.equal(atB.address, `127.0.0.1:${a.port}`)
  assert.match(atA.address, /^127\.0\.0\.1:[0-9]+$/)
  assert.equal(a.of('peer-connected').length, 1)
  assert.equal(b.of('peer-connected').length, 1)
})

test('the lower of two wanted peers dials, whichever asks', async (t) => {
  const [low, middle, high] = ascendingKeys(3)
  const b = await node(t, middle!)
  const a = await node(t, low!, { seeds: [`127.0.0.1:${b.port}`] })
  const c = await node(t, high!, { seeds: [`127.0.0.1:${b.port}`] })
  await Promise.all([a.connected(b), c.connected(b)])
  assert.equal(c.of('peer-connected').length, 1)
  c.transport.connect([a.wanted])
  a.transport.connect([c.wanted, b.wanted])
  const { address } = await a.connected(c)
  await c.connected(a)
  assert.equal(address, `127.0.0.1:${c.port}`)
})

test('a wanted peer is only who has the wanted identity', async (t) => {
  const [low, middle, high] = ascendingKeys(3)
  const a = await node(t, low!)
  const b = await node(t, middle!)
  const c = await node(t, high!)
  a.transport.connect([{ ...c.wanted, addresses: b.wanted.addresses }])
  a.transport.connect([
    { ...c.wanted, addresses: [...b.wanted.addresses, '/nonsense', ...c.wanted.addresses] },
  ])
  await a.connected(c)
  assert.deepEqual(
    a.of('peer-connected').map(({ peer }) => peer),
    [c.id],
  )
})

test('two nodes that are each other’s seeds and start at once are connected once', async (t) => {
  const [low, high] = ascendingKeys(2)
  const ports = [await freePort(), await freePort()]
  const [a, b] = await Promise.all([
    node(t, low!, { port: ports[0]!, seeds: [`127.0.0.1:${ports[1]}`] }),
    node(t, high!, { port: ports[1]!, seeds: [`127.0.0.1:${ports[0]}`] }),
  ])
  await Promise.all([a.connected(b), b.connected(a)])
  await Promise.all([gossipReady(a, b), gossipReady(b, a)])
  assert.equal(a.of('peer-connected').length, 1)
  assert.equal(b.of('peer-connected').length, 1)
  assert.deepEqual([...a.of('peer-disconnected'), ...b.of('peer-disconnected')], [])
})

test('a seed’s name that stands for many hosts connects to all of them', async (t) => {
  const port = await freePort()
  const [low, middle, high] = ascendingKeys(3)
  const a = await node(t, low!, { port, listen: ['127.0.0.2'] })
  const b = await node(t, middle!, { port, listen: ['127.0.0.3'] })
  const c = await node(t, high!, {
    port,
    seeds: [`hosts:${port}`],
    lookUp: async () => ['127.0.0.2', '127.0.0.3', '127.0.0.4'],
  })
  await Promise.all([c.connected(a), c.connected(b)])
})

test('a peer that stops and comes back on its port is redialled', async (t) => {
  const [low, high] = ascendingKeys(2)
  const a = await node(t, low!)
  const b = await node(t, high!)
  a.transport.connect([b.wanted])
  await a.connected(b)
  await b.transport.stop()
  await a.disconnected(b)
  const again = await node(t, high!, { port: b.port })
  await a.connected(again, 2)
  await again.connected(a)
  await gossipReady(again, a)
  assert.equal(a.of('peer-disconnected').length, 1)
})

test('a seed that stops and comes back on its port is redialled by the higher node too', async (t) => {
  const [low, high] = ascendingKeys(2)
  const a = await node(t, low!)
  const b = await node(t, high!, { seeds: [`127.0.0.1:${a.port}`] })
  await b.connected(a)
  await a.transport.stop()
  await b.disconnected(a)
  const again = await node(t, low!, { port: a.port })
  await Promise.all([b.connected(again, 2), again.connected(b)])
})

test('sixteen nodes on one address form a full mesh that gossip fills', async (t) => {
  const keys = ascendingKeys(16)
  const first = await node(t, keys[0]!)
  const nodes = [first]
  for (const pair of keys.slice(1)) {
    nodes.push(await node(t, pair, { seeds: [`127.0.0.1:${first.port}`] }))
  }
  for (const each of nodes) each.transport.connect(nodes.map(({ wanted }) => wanted))
  await Promise.all(
    nodes.map((each) =>
      each.until(() => each.of('peer-connected').length === 15, 'fifteen connected peers'),
    ),
  )
  await gossipReady(nodes[7]!, ...nodes.filter((each) => each !== nodes[7]))
  for (const each of nodes) assert.deepEqual(each.of('peer-disconnected'), [])
})
