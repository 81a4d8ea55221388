/** Whose clock is believed, where clocks differ. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Clocks } from '../../../src/core/membership/clocks.ts'
import { nodeOf } from '../specimens.ts'

const year = 31_536_000_000

function clocksOf(...ahead: number[]): Clocks {
  const clocks = new Clocks()
  for (const [index, each] of ahead.entries()) {
    const { id } = nodeOf(index)
    // The answer to a question.
    if (clocks.heard(id, each)) clocks.heard(id, each)
  }
  return clocks
}

const odd = (clocks: Clocks, count: number): number[] =>
  Array.from({ length: count }, (_, index) => clocks.aheadMs(nodeOf(index).id))

describe('clocks', () => {
  it('that differ by seconds are all believed', () => {
    const clocks = clocksOf(4_900, -4_900, 100)
    assert.equal(clocks.ownAheadMs, 0)
    assert.deepEqual(odd(clocks, 3), [0, 0, 0])
  })

  it('of one peer that is far off is the peer’s, ahead or behind', () => {
    assert.deepEqual(odd(clocksOf(10, -year, -10), 3), [0, -year, 0])
    assert.deepEqual(odd(clocksOf(10, year, -10), 3), [0, year, 0])
  })

  it('that most peers contradict is the own one, and no peer’s', () => {
    const clocks = clocksOf(year, year + 20, year - 20)
    assert.equal(clocks.ownAheadMs, 20 - year)
    assert.deepEqual(odd(clocks, 3), [0, 0, 0])
  })

  it('of two hosts that differ is the other one’s, for both', () => {
    const clocks = clocksOf(year)
    assert.equal(clocks.ownAheadMs, 0)
    assert.deepEqual(odd(clocks, 1), [year])
  })

  it('are right where a first word was late, and nobody is suspected meanwhile', () => {
    const clocks = new Clocks()
    const { id } = nodeOf(0)
    assert.equal(clocks.heard(id, -6_000), true)
    assert.deepEqual([clocks.aheadMs(id), clocks.ownAheadMs], [0, 0])
    assert.equal(clocks.heard(id, -20), false)
    assert.equal(clocks.aheadMs(id), 0)
    clocks.disconnected(id)
    assert.equal(clocks.heard(id, -6_000), true, 'another connection begins anew')
  })

  it('are said to who asks, a few times', () => {
    const clocks = clocksOf(10)
    const answers = Array.from({ length: 5 }, () => clocks.heard(nodeOf(0).id, 10))
    assert.deepEqual(answers, [true, true, true, false, false])
  })

  it('two that heard each other late ask each other once, and both are content', () => {
    const [one, other] = [new Clocks(), new Clocks()]
    const { id } = nodeOf(0)
    assert.deepEqual([one.heard(id, -7_000), other.heard(id, -8_000)], [true, true])
    assert.deepEqual([one.heard(id, -30), other.heard(id, -30)], [false, false])
  })

  it('of a peer that is gone says no more', () => {
    const clocks = clocksOf(year, year)
    clocks.disconnected(nodeOf(0).id)
    clocks.disconnected(nodeOf(1).id)
    assert.equal(clocks.ownAheadMs, 0)
  })
})
