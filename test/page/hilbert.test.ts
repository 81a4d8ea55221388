/** The map: every subnet has its own place, and what is close as a number is close on it. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { extentOf, indexAt, pointAt } from '../../src/page/hilbert.ts'

for (const bits of [0, 1, 2, 3, 5, 6, 10, 11, 12]) {
  describe(`a map of 2^${bits} cells`, () => {
    const count = 2 ** bits
    const { columns, rows } = extentOf(bits)
    const points = Array.from({ length: count }, (_, index) => pointAt(index, bits))

    test('has a place for each, and each place for one', () => {
      assert.equal(columns * rows, count)
      assert.equal(new Set(points.map(({ x, y }) => y * columns + x)).size, count)
      assert.ok(points.every(({ x, y }) => x >= 0 && x < columns && y >= 0 && y < rows))
    })

    test('leads from each to the next one by one step', () => {
      for (const [index, { x, y }] of points.entries()) {
        const next = points[index + 1]
        if (next) assert.equal(Math.abs(next.x - x) + Math.abs(next.y - y), 1, `after ${index}`)
      }
    })

    test('finds back to the number from the place', () => {
      assert.deepEqual(
        points.map((point) => indexAt(point, bits)),
        points.map((_, index) => index),
      )
    })
  })
}

test('a prefix of a fourth of the pool is a square', () => {
  const points = Array.from({ length: 256 }, (_, index) => pointAt(256 + index, 10))
  const span = (values: number[]): number => Math.max(...values) - Math.min(...values)
  assert.deepEqual([span(points.map(({ x }) => x)), span(points.map(({ y }) => y))], [15, 15])
})
