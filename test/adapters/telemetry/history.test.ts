/** What the agent remembers of its notes. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rememberNotes } from '../../../src/adapters/telemetry/history.ts'

const names = (count: number, history: ReturnType<typeof rememberNotes>) =>
  history.last(count).map(({ note, timeMs }) => ['name' in note && note.name, timeMs])

test('the last notes are remembered with their time, the oldest first, and no more than so many', () => {
  let now = 0
  const history = rememberNotes(() => now, 3)
  const say = (name: string) => {
    now += 10
    history.note({ code: 'bridge-failed', name, error: '' })
  }
  assert.deepEqual(history.last(5), [])
  say('a')
  say('b')
  assert.deepEqual(names(5, history), [
    ['a', 10],
    ['b', 20],
  ])
  for (const name of ['c', 'd', 'e']) say(name)
  const all = [
    ['c', 30],
    ['d', 40],
    ['e', 50],
  ]
  assert.deepEqual(names(Number.POSITIVE_INFINITY, history), all)
  assert.deepEqual(names(2, history), all.slice(1))
  assert.deepEqual(names(0, history), [])
})
