/** The stream of the page: once a second at most, only what changed, computed once, and nobody can make the agent wait. */

import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { beforeEach, describe, test } from 'node:test'
import type { Board } from '../../../src/adapters/web/page-changes.ts'
import { PageStream } from '../../../src/adapters/web/page-stream.ts'
import { type Stream, viewersMax, waitingBytesMax } from '../../../src/adapters/web/page-viewers.ts'
import type { Note } from '../../../src/core/note.ts'
import { ManualClock } from '../../runtime/manual-clock.ts'

/** What a browser has got, and how much it has taken of it. */
class Viewer extends EventEmitter {
  readonly got: string[] = []
  destroyed = false
  writableLength = 0
  /** Takes nothing any more. */
  isStuck = false

  write(message: Buffer, taken: () => void): boolean {
    this.got.push(String(message))
    if (this.isStuck) this.writableLength += message.length
    else taken()
    return !this.isStuck
  }

  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }

  /** Names of the messages since it was asked last. */
  names(): string[] {
    return this.got.splice(0).map((message) => /^event: (.*)$/m.exec(message)?.[1] ?? '')
  }
}

let clock: ManualClock
let board: Board
let asked: number
/** How long a board takes to be made. */
let costMs: number
let failures: unknown[]
let note: (note: Note) => void
let noted: Note[]
let stream: PageStream

beforeEach(() => {
  clock = new ManualClock()
  board = boardWith('calm')
  asked = 0
  costMs = 0
  failures = []
  noted = []
  stream = new PageStream({
    follow: () => () => {
      asked += 1
      clock.pass(costMs)
      return board
    },
    event: ({ note: { code } }) => ({ code }),
    recent: (count) => noted.slice(-count).map((each) => ({ note: each, timeMs: 0 })),
    watch: (listener) => {
      note = (told) => {
        noted.push(told)
        listener(told)
      }
      return () => undefined
    },
    clock,
    wallMs: () => clock.now(),
    failed: (thrown) => failures.push(thrown),
  })
})

const boardWith = (text: string): Board => ({
  head: { phase: 'in-sync' },
  lists: { nodes: new Map([['a', { text }]]) },
})

function join(viewer = new Viewer()): Viewer {
  stream.join(viewer as unknown as Stream)
  return viewer
}

describe('a viewer', () => {
  test('is told all at first, then each change, at most once a second', () => {
    const viewer = join()
    assert.deepEqual(viewer.names(), ['beat', 'board', 'events'])
    board = boardWith('odd')
    clock.pass(999)
    assert.deepEqual(viewer.names(), [])
    clock.pass(1)
    assert.deepEqual(viewer.got, [
      'event: change\ndata: {"lists":{"nodes":{"set":[["a",{"text":"odd"}]],"gone":[]}}}\n\n',
    ])
    viewer.names()
    clock.pass(1_000)
    assert.deepEqual(viewer.names(), [], 'nothing has changed')
  })

  test('who comes later is told what the others know', () => {
    join()
    board = boardWith('odd')
    clock.pass(1_000)
    const later = join()
    assert.match(later.got[1] ?? '', /"odd"/)
  })

  test('hears what happens, and what happened before it came', () => {
    note({ code: 'in-sync', by: 'peer' })
    const viewer = join()
    assert.match(viewer.got[2] ?? '', /"in-sync"/)
    viewer.names()
    note({ code: 'kernel-forbidden' })
    clock.pass(1_000)
    assert.deepEqual(viewer.got, [
      'event: events\ndata: {"events":[{"code":"kernel-forbidden"}],"missed":0}\n\n',
    ])
  })

  test('hears an event once, though it comes in the moment between two tellings', () => {
    join()
    note({ code: 'kernel-forbidden' })
    const second = join()
    clock.pass(1_000)
    assert.equal(second.got.join('').split('kernel-forbidden').length - 1, 1)
  })

  test('is told how many events there was no room for', () => {
    const viewer = join()
    for (let index = 0; index < 130; index += 1) note({ code: 'kernel-forbidden' })
    viewer.names()
    clock.pass(1_000)
    assert.match(viewer.got[0] ?? '', /"missed":30/)
  })
})

test('the board is computed once for all viewers, and not at all without one', () => {
  const viewers = [join(), join(), join()]
  assert.equal(asked, 1)
  clock.pass(1_000)
  assert.equal(asked, 2)
  for (const viewer of viewers) viewer.destroy()
  assert.deepEqual(clock.armed, [])
  note({ code: 'kernel-forbidden' })
  assert.equal(asked, 2)
})

test('a board that takes long to make is told less often, and every few seconds all the same', () => {
  join()
  costMs = 30
  clock.pass(1_000)
  asked = 0
  clock.pass(2_999)
  assert.equal(asked, 0)
  costMs = 1_000
  clock.pass(1)
  assert.equal(asked, 1)
  clock.pass(5_000)
  assert.equal(asked, 2)
})

test('there are places for a few viewers', () => {
  for (let index = 0; index < viewersMax; index += 1) {
    assert.equal(stream.isFull, false)
    join()
  }
  assert.equal(stream.isFull, true)
})

describe('a slow viewer', () => {
  test('is dropped once too much waits for it, and nobody else', () => {
    const [slow, quick] = [join(), join()]
    slow.isStuck = true
    for (let index = 0; !slow.destroyed; index += 1) {
      assert.ok(slow.writableLength <= waitingBytesMax + 200_000, `${slow.writableLength}`)
      board = boardWith(`${index}`.padEnd(100_000, 'x'))
      clock.pass(1_000)
    }
    board = boardWith('after')
    quick.names()
    clock.pass(1_000)
    assert.match(quick.got.join(''), /"after"/)
    assert.equal(quick.destroyed, false)
  })

  test('has time for the first message, however large it is', () => {
    board = boardWith('x'.repeat(2 * waitingBytesMax))
    const slow = new Viewer()
    slow.isStuck = true
    join(slow)
    board = boardWith('calm')
    clock.pass(1_000)
    assert.equal(slow.destroyed, false)
  })

  test('is dropped where it takes nothing between two beats', () => {
    const stuck = join()
    stuck.isStuck = true
    for (let beat = 0; beat < 2; beat += 1) {
      assert.equal(stuck.destroyed, false)
      clock.pass(15_000)
    }
    assert.equal(stuck.destroyed, true)
  })
})

test('a board that cannot be made ends the viewers, and not the agent', () => {
  const viewer = join()
  board = { head: { size: 1n }, lists: {} }
  clock.pass(1_000)
  assert.equal(viewer.destroyed, true)
  assert.equal(failures.length, 1)
  assert.deepEqual(clock.armed, [])
})

test('closing ends every viewer', () => {
  const viewer = join()
  stream.close()
  assert.equal(viewer.destroyed, true)
  assert.deepEqual(clock.armed, [])
})
