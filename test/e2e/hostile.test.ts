/** Every attack of simulations/hostile against real agents. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { attackAgents } from '../../simulations/hostile/arena.ts'
import { cases } from '../../simulations/hostile/cases.ts'
import { requireLabMachine } from '../../simulations/lab/iproute.ts'

suite('an attacker', () => {
  requireLabMachine()

  for (const one of cases) {
    test(`${one.name}: ${one.promise}`, async (t) => {
      const { faults, attackMs, residentMb } = await attackAgents(one)
      t.diagnostic(`attack ${attackMs ?? 'held up'} ms`)
      t.diagnostic(`RSS ${residentMb.before} -> ${residentMb.after} MiB`)
      assert.deepEqual(faults, [])
    })
  }
})
