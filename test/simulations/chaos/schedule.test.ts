/** A schedule of chaos is drawn from its seed alone, and what it draws can be done. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { kindOf } from '../../../simulations/chaos/plan/catalogue.ts'
import { scenarios } from '../../../simulations/chaos/plan/scenarios.ts'
import { drawSchedule, type Round } from '../../../simulations/chaos/plan/schedule.ts'

const asked = fc.record({
  seed: fc.nat(),
  hosts: fc.integer({ min: 3, max: 32 }),
  durationMs: fc.integer({ min: 1_000, max: 600_000 }),
  scenario: fc.constantFrom(...scenarios),
})

describe('a schedule', () => {
  it('is the same for the same seed, and another one for another seed', () => {
    fc.assert(
      fc.property(asked, (options) => {
        assert.deepEqual(drawSchedule(options), drawSchedule(options))
      }),
    )
    const [first, second] = [1, 2].map((seed) => drawSchedule({ ...everything, seed }))
    assert.notDeepEqual(first?.rounds, second?.rounds)
  })

  it('counts its faults from 1, in the order in which they begin', () => {
    fc.assert(
      fc.property(asked, (options) => {
        const { rounds } = drawSchedule(options)
        const ids = rounds.flatMap(({ faults }) => faults.map(({ id }) => id))
        assert.deepEqual(
          ids,
          ids.map((_, index) => index + 1),
        )
        for (const { faults } of rounds) {
          const times = faults.map(({ atMs }) => atMs)
          assert.deepEqual(
            times,
            times.toSorted((a, b) => a - b),
          )
        }
      }),
    )
  })

  it('mends each fault within its round', () => {
    forEachRound(({ forMs, faults }) => {
      assert.ok(forMs >= 5_000 && forMs <= 30_000)
      for (const { atMs, forMs: lasts } of faults) assert.ok(atMs + lasts <= forMs + 1)
    })
  })

  it('hits hosts that exist, each of them once, as many as the kind of fault says', () => {
    forEachRound(({ faults }, hosts) => {
      for (const { name, hosts: hit } of faults) {
        assert.ok(hit.every((host) => host >= 0 && host < hosts))
        assert.equal(new Set(hit).size, hit.length)
        const counts = {
          one: hit.length === 1,
          pair: hit.length === 2,
          minority: hit.length * 2 < hosts && hit.length > 0,
          half: hit.length === hosts >> 1,
          all: hit.length === hosts,
          ring: hit.length === hosts,
        }
        assert.ok(counts[kindOf(name).hits], `${name} hits ${hit.length} of ${hosts}`)
      }
    })
  })

  it('does nothing else to a host whose agent or namespace it takes away', () => {
    forEachRound(({ faults }) => {
      const alone = faults.filter(({ name }) => kindOf(name).isAlone)
      const hit = alone.flatMap(({ hosts }) => hosts)
      assert.equal(new Set(hit).size, hit.length)
    })
  })

  it('takes no namespace in which something else is still to be mended', () => {
    for (const { faults } of drawSchedule({ ...everything, seed: 1, durationMs: 36_000_000 })
      .rounds) {
      const taken = faults.filter(({ name }) => kindOf(name).realm === 'host')
      const inside = faults.filter(
        ({ name }) => kindOf(name).realm !== 'host' && ['one', 'pair'].includes(kindOf(name).hits),
      )
      const hosts = new Set(taken.flatMap((fault) => fault.hosts))
      assert.ok(inside.every((fault) => fault.hosts.every((host) => !hosts.has(host))))
    }
  })

  it('draws each fault of its scenario, given time', () => {
    for (const scenario of scenarios) {
      const { rounds } = drawSchedule({ seed: 1, hosts: 12, durationMs: 36_000_000, scenario })
      const drawn = new Set(rounds.flatMap(({ faults }) => faults.map(({ name }) => name)))
      assert.deepEqual([...drawn].sort(), [...scenario.faults].sort(), scenario.name)
    }
  })
})

const [everything] = scenarios
  .filter(({ name }) => name === 'everything')
  .map((scenario) => ({ hosts: 12, durationMs: 600_000, scenario })) as [
  Omit<Parameters<typeof drawSchedule>[0], 'seed'>,
]

function forEachRound(look: (round: Round, hosts: number) => void): void {
  fc.assert(
    fc.property(asked, (options) => {
      for (const round of drawSchedule(options).rounds) look(round, options.hosts)
    }),
  )
}
