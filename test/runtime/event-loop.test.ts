/** The loop round the core: batches, deadlines, one performance at a time, and how it ends. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Effect } from '../../src/core/effect.ts'
import type { Event } from '../../src/core/event.ts'
import { InvariantError } from '../../src/core/invariant.ts'
import type { Millis } from '../../src/core/rng.ts'
import { EventLoop, type Machine } from '../../src/runtime/event-loop.ts'
import { ManualClock } from './manual-clock.ts'

const overrun = (reason: string): Event => ({ type: 'kernel-overrun', reason })
const noted = (reason: string): Effect => ({
  type: 'note',
  note: { code: 'kernel-resync', reason },
})

/** Notes each overrun; its deadlines are what the test sets. */
class FakeMachine implements Machine {
  readonly steps: string[] = []
  deadline: Millis = Number.POSITIVE_INFINITY
  /** Where a deadline that was stepped goes next. */
  next: Millis = Number.POSITIVE_INFINITY
  throws = false

  step(event: Event): Effect[] {
    if (this.throws) throw new Error('a bug')
    this.steps.push(event.type === 'kernel-overrun' ? event.reason : event.type)
    if (event.type === 'deadline') this.deadline = this.next
    return event.type === 'kernel-overrun' ? [noted(event.reason)] : []
  }

  nextDeadline() {
    return { at: this.deadline, reason: 'test' }
  }
}

/** A loop whose performances end when the test lets them. */
function looped(options: { manual?: boolean } = {}) {
  const machine = new FakeMachine()
  const clock = new ManualClock()
  const batches: string[][] = []
  const failures: unknown[] = []
  const endings: { resolve: () => void; reject: (error: Error) => void }[] = []
  const loop = new EventLoop({
    machine,
    clock,
    perform: (effects) => {
      batches.push(
        effects.map((effect) => ('note' in effect ? noteText(effect.note) : effect.type)),
      )
      if (!options.manual) return Promise.resolve()
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      endings.push({ resolve, reject })
      return promise
    },
    failed: (error) => failures.push(error),
  })
  return { machine, clock, batches, failures, endings, loop }
}

const noteText = (note: object) => ('reason' in note ? String(note.reason) : '')

/** Until all that the promises of this moment lead to has happened. */
const quiet = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('the event loop', () => {
  it('steps all that came in one tick, then performs it as one batch', async () => {
    const { machine, batches, loop } = looped()
    for (const reason of ['a', 'b', 'c']) loop.push(overrun(reason))
    assert.deepEqual(machine.steps, [], 'a push steps nothing by itself')
    await quiet()
    assert.deepEqual(machine.steps, ['a', 'b', 'c'])
    assert.deepEqual(batches, [['a', 'b', 'c']])
  })

  it('says how long what is under way has taken so far', async () => {
    const { clock, endings, loop } = looped({ manual: true })
    clock.pass(700)
    loop.push(overrun('a'))
    await quiet()
    clock.pass(40)
    loop.push(overrun('b'))
    assert.equal(loop.busyMs, 40)
    endings.shift()?.resolve()
    await quiet()
    clock.pass(5)
    assert.equal(loop.busyMs, 5, 'the next batch')
    endings.shift()?.resolve()
    await quiet()
    clock.pass(1_000)
    assert.equal(loop.busyMs, 0)
    loop.close()
    assert.equal(loop.busyMs, undefined)
  })

  it('performs one batch at a time; what comes meanwhile is the next one', async () => {
    const { machine, batches, endings, loop } = looped({ manual: true })
    loop.push(overrun('a'))
    await quiet()
    loop.push(overrun('b'))
    loop.push(overrun('c'))
    await quiet()
    assert.deepEqual(machine.steps, ['a'])
    endings[0]?.resolve()
    await quiet()
    assert.deepEqual(batches, [['a'], ['b', 'c']])
  })

  it('arms one timer, for the next deadline, and steps it when it is due', async () => {
    const { machine, clock, loop } = looped()
    machine.deadline = 100
    loop.push(overrun('a'))
    await quiet()
    assert.deepEqual(clock.armed, [100])
    machine.deadline = 50
    loop.push(overrun('b'))
    await quiet()
    assert.deepEqual(clock.armed, [50])
    clock.pass(49)
    await quiet()
    assert.deepEqual(machine.steps, ['a', 'b'])
    machine.next = 80
    clock.pass(1)
    await quiet()
    assert.deepEqual(machine.steps, ['a', 'b', 'deadline'])
    assert.deepEqual(clock.armed, [80])
  })

  it('arms no timer where no deadline is set', async () => {
    const { clock, loop } = looped()
    loop.push(overrun('a'))
    await quiet()
    assert.deepEqual(clock.armed, [])
  })

  it('steps a deadline that is due in the batch of the events, after them', async () => {
    const { machine, batches, loop } = looped()
    machine.deadline = 0
    loop.push(overrun('a'))
    await quiet()
    assert.deepEqual(machine.steps, ['a', 'deadline'])
    assert.equal(batches.length, 1)
  })

  it('steps a deadline that came due while a batch was performed', async () => {
    const { machine, clock, endings, loop } = looped({ manual: true })
    machine.deadline = 10
    loop.push(overrun('a'))
    await quiet()
    clock.pass(20)
    await quiet()
    assert.deepEqual(machine.steps, ['a'])
    endings[0]?.resolve()
    await quiet()
    assert.deepEqual(machine.steps, ['a', 'deadline'])
  })

  it('fails on a deadline that stepping does not satisfy', async () => {
    const { machine, failures, loop } = looped()
    machine.deadline = 0
    machine.next = 0
    loop.push(overrun('a'))
    await quiet()
    assert.ok(failures[0] instanceof InvariantError)
    assert.match(String(failures[0]), /deadline is satisfied: test/)
    assert.ok(machine.steps.length < 200)
  })

  it('fails once when a performance fails, and steps nothing after it', async () => {
    const { machine, clock, failures, endings, loop } = looped({ manual: true })
    machine.deadline = 10
    loop.push(overrun('a'))
    await quiet()
    loop.push(overrun('b'))
    endings[0]?.reject(new Error('no space left'))
    await quiet()
    loop.push(overrun('c'))
    clock.pass(100)
    await quiet()
    assert.deepEqual(machine.steps, ['a'])
    assert.deepEqual(failures.map(String), ['Error: no space left'])
    assert.deepEqual(clock.armed, [])
  })

  it('fails when the machine throws', async () => {
    const { machine, failures, batches, loop } = looped()
    machine.throws = true
    loop.push(overrun('a'))
    await quiet()
    assert.deepEqual(failures.map(String), ['Error: a bug'])
    assert.deepEqual(batches, [])
  })

  it('that was closed steps nothing any more, not even what was waiting', async () => {
    const { machine, clock, failures, endings, loop } = looped({ manual: true })
    machine.deadline = 10
    loop.push(overrun('a'))
    await quiet()
    loop.push(overrun('b'))
    loop.close()
    endings[0]?.resolve()
    clock.pass(100)
    loop.push(overrun('c'))
    await quiet()
    assert.deepEqual(machine.steps, ['a'])
    assert.deepEqual(failures, [])
    assert.deepEqual(clock.armed, [])
  })

  it('that was closed before its first batch performs nothing', async () => {
    const { batches, loop } = looped()
    loop.push(overrun('a'))
    loop.close()
    await quiet()
    assert.deepEqual(batches, [])
  })
})
