/** Tests of attacks: against real agents in a lab, everything holds that held before. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { attackAgents } from '../../simulations/hostile/arena.ts'
import { type Case, cases } from '../../simulations/hostile/cases.ts'
import { requireLabMachine } from '../../simulations/lab/iproute.ts'

/** All that the given part of an agent defends against. */
export function testAttacks(mends: Case['mends']): void {
  suite(`an attacker, and the ${mends}`, () => {
    requireLabMachine()

    for (const one of cases.filter((each) => each.mends === mends)) {
      test(`${one.name}: ${one.promise}`, async (t) => {
        const { faults, attackMs, residentMb } = await attackAgents(one)
        t.diagnostic(`attack ${attackMs ?? 'held up'} ms`)
        t.diagnostic(`RSS ${residentMb.before} -> ${residentMb.after} MiB`)
        assert.deepEqual(faults, [])
      })
    }
  })
}
