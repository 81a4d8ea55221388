/** Fewer faults are found that still fail, as far as there is time. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { requestOf } from '../../../simulations/chaos/options.ts'
import { scenarios } from '../../../simulations/chaos/plan/scenarios.ts'
import {
  drawSchedule,
  type Fault,
  reduced,
  replay,
  type Schedule,
} from '../../../simulations/chaos/plan/schedule.ts'
import { shrink } from '../../../simulations/chaos/shrink.ts'

const everything = scenarios.find(({ name }) => name === 'everything')
assert.ok(everything)
const schedule = drawSchedule({ seed: 5, hosts: 6, durationMs: 120_000, scenario: everything })
const faultsOf = ({ rounds }: Schedule): readonly Fault[] => rounds.flatMap(({ faults }) => faults)
const ids = (each: Schedule): readonly number[] => faultsOf(each).map(({ id }) => id)

describe('a schedule with fewer faults', () => {
  it('leaves those that it has as they were', () => {
    const kept = [2, 7, 14]
    const fewer = reduced(schedule, ({ id }) => kept.includes(id))
    assert.deepEqual(ids(fewer), kept)
    assert.deepEqual(
      faultsOf(fewer),
      faultsOf(schedule).filter(({ id }) => kept.includes(id)),
    )
  })

  it('is played again by the options that it names', () => {
    for (const each of [schedule, reduced(schedule, ({ id }) => id % 3 === 0)]) {
      const request = requestOf([...replay(each).split(' '), '--plan'])
      assert.deepEqual(request, { type: 'plan', schedule: each })
    }
  })
})

describe('shrinking', () => {
  const fails = (culprits: readonly number[]) => async (each: Schedule) =>
    culprits.every((id) => ids(each).includes(id))

  it('ends with the faults without which it does not fail', async () => {
    const found = await shrink(schedule, { fails: fails([3, 14]), hasTime: () => true })
    assert.deepEqual(ids(found), [3, 14])
  })

  it('ends with what failed last once the time is over', async () => {
    let plays = 2
    const hasTime = () => {
      plays -= 1
      return plays >= 0
    }
    const found = await shrink(schedule, { fails: fails([14]), hasTime })
    assert.ok(ids(found).includes(14))
    assert.ok(ids(found).length < ids(schedule).length)
    assert.ok(ids(found).length > 1)
  })
})

describe('npm run chaos', () => {
  it('says what is wrong with its options', () => {
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [['--scenario', 'peace'], /^no scenario peace: kill-peers, /],
      [['--hosts', '2'], /^--hosts is a number from 3 to 32$/],
      [['--duration', '0'], /^--duration is a number of seconds/],
      [['--seed', '-1'], /seed/],
      [['--only', '9999'], /^nothing is left of /],
      [['--repeat', '0'], /^--repeat is a number above 0$/],
      [['--whatever'], /--whatever/],
    ]
    for (const [args, complaint] of wrong) {
      const request = requestOf([...args])
      assert.equal(typeof request, 'string')
      assert.match(String(request), complaint)
    }
  })
})
