import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Bucket } from '../../../src/adapters/libp2p/bucket.ts'
import { Shares } from '../../../src/adapters/libp2p/shares.ts'

const holder = (name: string) => ({ name })

function filled(loser: 'first' | 'last') {
  const shares = new Shares<{ name: string }>({ most: 4, mostEach: 3, loser })
  const names = ['a1', 'a2', 'a3', 'b1']
  for (const name of names) {
    assert.deepEqual(shares.take(name.charAt(0), holder(name)), {
      admitted: true,
      displaced: undefined,
    })
  }
  return shares
}

test('at the bound of an address its first holder gives way, where the first loses', () => {
  assert.equal(filled('first').take('a', holder('a4')).displaced?.name, 'a1')
})

test('at the bound of an address the newcomer is refused, where the last loses', () => {
  const shares = filled('last')
  assert.equal(shares.take('a', holder('a4')).admitted, false)
  assert.equal(shares.size, 4)
})

test('where all places are taken, the address with the most gives one to the others', () => {
  for (const [loser, displaced] of [
    ['first', 'a1'],
    ['last', 'a3'],
  ] as const) {
    const shares = filled(loser)
    const placed = shares.take('c', holder('c1'))
    assert.deepEqual([placed.admitted, placed.displaced?.name], [true, displaced])
    assert.equal(shares.size, 4)
  }
})

test('where nobody has more than the newcomer, nobody gives way', () => {
  const shares = new Shares({ most: 2, mostEach: 2, loser: 'last' })
  shares.take('a', holder('a1'))
  shares.take('b', holder('b1'))
  assert.equal(shares.take('b', holder('b2')).admitted, false)
})

test('back below the bound there is room again', () => {
  const shares = new Shares<{ name: string }>({ most: 1, mostEach: 1, loser: 'last' })
  const first = holder('a')
  shares.take('a', first)
  assert.equal(shares.take('a', holder('b')).admitted, false)
  shares.free(first)
  assert.equal(shares.take('a', holder('b')).admitted, true)
})

test('a bucket is empty at its bound, and full again after its time', () => {
  const bucket = new Bucket({ burst: 2, perMinute: 60 }, 0)
  assert.ok(bucket.use(1, 0) && bucket.use(1, 0))
  assert.equal(bucket.use(1, 999), false)
  assert.equal(bucket.use(1, 1_000), true)
  assert.equal(bucket.use(3, 600_000), false, 'it never holds more than its burst')
})

test('what is owed to a bucket says how long it takes to make up for it', () => {
  const bucket = new Bucket({ burst: 10, perMinute: 60 }, 0)
  assert.equal(bucket.owe(10, 0), 0)
  assert.equal(bucket.owe(5, 0), 5_000)
  assert.equal(bucket.owe(0, 5_000), 0)
})
