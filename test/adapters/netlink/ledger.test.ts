/** Which notifications are older than what we wrote. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ledger } from '../../../src/adapters/netlink/ledger.ts'
import type { KernelRoute, RouteResult } from '../../../src/core/routing/route.ts'
import { hostKeys, prefixOf } from './host.ts'

const key = { prefix: prefixOf('172.16.4.0/22'), metric: 0 }
const target = { type: 'unreachable' } as const
const owned: KernelRoute = { ...key, target, owned: true }
const alien: KernelRoute = { ...key, target, owned: false }

function written(
  firstSeq: number,
  type: 'add' | 'remove',
  outcome: RouteResult['outcome'] = 'done',
) {
  const change = type === 'add' ? ({ type, key, target } as const) : ({ type, key } as const)
  return { firstSeq, results: [{ change, outcome, error: '' }] }
}

test('a successful add makes everything before it old, and nothing after it', () => {
  const ledger = new Ledger()
  ledger.record(written(5, 'add'))
  assert.equal(ledger.supersedes(owned, 4), true)
  assert.equal(ledger.supersedes(alien, 4), true)
  assert.equal(ledger.supersedes(owned, 5), false)
})

test('a successful removal makes only owned routes old', () => {
  const ledger = new Ledger()
  ledger.record(written(5, 'remove'))
  assert.equal(ledger.supersedes(owned, 4), true)
  assert.equal(ledger.supersedes(alien, 4), false)
})

test('a write that failed, or to another key, makes nothing old', () => {
  const ledger = new Ledger()
  ledger.record(written(5, 'add', 'exists'))
  assert.equal(ledger.supersedes(owned, 4), false)
  ledger.record(written(6, 'add'))
  assert.equal(ledger.supersedes({ ...owned, metric: 7 }, 4), false)
})

test('what the monitor has seen is forgotten', () => {
  const ledger = new Ledger()
  ledger.record(written(5, 'add'))
  ledger.seen(4)
  assert.equal(ledger.unseen, 1)
  ledger.seen(5)
  assert.equal(ledger.unseen, 0)
})

test('sequence numbers wrap', () => {
  const ledger = new Ledger()
  ledger.record(written(0xffffffff, 'remove'))
  ledger.record(written(0, 'add'))
  assert.equal(ledger.supersedes(owned, 0xfffffffe), true)
  ledger.seen(0xffffffff)
  assert.equal(ledger.unseen, 1)
  assert.equal(ledger.supersedes(alien, 0xffffffff), true)
})

test('what is forgotten unseen cannot be judged until the monitor is past it', () => {
  const ledger = new Ledger()
  const results = hostKeys(65_000).map(
    (one): RouteResult => ({
      change: { type: 'remove', key: one },
      outcome: 'done',
      error: '',
    }),
  )
  ledger.record({ firstSeq: 1, results })
  assert.equal(ledger.knowsSince(0), true)
  ledger.record({ firstSeq: 65_001, results })
  assert.equal(ledger.unseen, 65_000)
  assert.equal(ledger.knowsSince(0), false)
  assert.equal(ledger.knowsSince(65_000), true)
  ledger.distrust()
  assert.equal(ledger.knowsSince(65_000), false)
  ledger.seen(130_000)
  assert.equal(ledger.knowsSince(130_000), true)
})
