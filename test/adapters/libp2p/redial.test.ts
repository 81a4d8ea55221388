import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Redial, type RedialTask } from '../../../src/adapters/libp2p/redial.ts'
import { FakeClock } from './fake-clock.ts'

/** Shows when each attempt began. */
class World {
  readonly began: number[] = []
  readonly #clock = new FakeClock()
  readonly redial = new Redial(this.#clock, () => 1)

  get now(): number {
    return this.#clock.now()
  }

  advance(ms: number): Promise<void> {
    return this.#clock.advance(ms)
  }

  task(outcome: () => boolean | Promise<boolean>, restMs = Number.POSITIVE_INFINITY): RedialTask {
    return {
      key: 'a',
      restMs,
      attempt: async () => {
        this.began.push(this.now)
        return outcome()
      },
    }
  }
}

test('a task that fails is tried again after doubling times up to 10 s, for ever', async () => {
  const world = new World()
  world.redial.add(world.task(() => false))
  await world.advance(45_000)
  assert.deepEqual(world.began, [0, 250, 750, 1750, 3750, 7750, 15_750, 25_750, 35_750])
})

test('a task that succeeds rests until it is woken', async () => {
  const world = new World()
  world.redial.add(world.task(() => true))
  await world.advance(60_000)
  world.redial.wake('a', { livedMs: 60_000, pauseMs: 0 })
  await world.advance(60_000)
  assert.deepEqual(world.began, [0, 60_250])
})

test('a task with a rest is tried again after it', async () => {
  const world = new World()
  world.redial.add(world.task(() => true, 30_000))
  await world.advance(70_000)
  assert.deepEqual(world.began, [0, 30_000, 60_000])
})

test('a link that is lost again and again at once is dialled ever more rarely', async () => {
  const world = new World()
  world.redial.add(world.task(() => true))
  const gaps: number[] = []
  for (let loss = 0; loss < 8; loss += 1) {
    await world.advance(10)
    const before = world.began.length
    world.redial.wake('a', { livedMs: 10, pauseMs: 0 })
    const lostAt = world.now
    while (world.began.length <= before) await world.advance(10)
    gaps.push((world.began.at(-1) ?? 0) - lostAt)
  }
  assert.deepEqual(gaps, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000])
})

test('a loss while an attempt runs makes it due again', async () => {
  const world = new World()
  const attempt = Promise.withResolvers<boolean>()
  world.redial.add(world.task(() => (world.began.length === 1 ? attempt.promise : true)))
  await world.advance(100)
  world.redial.wake('a', { livedMs: 100, pauseMs: 0 })
  attempt.resolve(true)
  await world.advance(10_000)
  assert.equal(world.began.length, 2)
})

test('a pause holds the next attempt back', async () => {
  const world = new World()
  world.redial.add(world.task(() => true))
  await world.advance(20_000)
  world.redial.wake('a', { livedMs: 20_000, pauseMs: 2_000 })
  await world.advance(10_000)
  assert.deepEqual(world.began, [0, 22_000])
})

test('a task that was removed, or all after stop, are not tried again', async () => {
  const world = new World()
  world.redial.add(world.task(() => false))
  await world.advance(100)
  world.redial.remove('a')
  await world.advance(60_000)
  assert.deepEqual(world.began, [0])
  world.redial.add(world.task(() => false))
  await world.advance(0)
  world.redial.stop()
  await world.advance(60_000)
  assert.equal(world.began.length, 2)
})
