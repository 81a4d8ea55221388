/** Every scenario, for a handful of seeds: all checkers are content. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { scenarios } from '../../simulations/sim/scenarios.ts'
import { simulate } from '../../simulations/sim/simulate.ts'

const nodes = 8
const seeds = [1, 2]

describe('simulation', () => {
  for (const scenario of scenarios) {
    const traces = new Set<string>()
    for (const seed of seeds) {
      it(`${scenario.name}: ${scenario.promise} (seed ${seed})`, () => {
        const { violations, phases, traceHash } = simulate({ scenario, nodes, seed })
        assert.deepEqual(violations, [])
        assert.ok(phases.length > 0)
        assert.ok(!traces.has(traceHash), 'another seed gives another trace')
        traces.add(traceHash)
      })
    }
  }
})
