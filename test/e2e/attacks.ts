/** Tests of attacks: against real agents in a lab, everything holds that held before. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { attackAgents } from '../../simulations/hostile/arena.ts'
import { byArena, type Case, cases } from '../../simulations/hostile/cases.ts'
import { requireLabMachine } from '../../simulations/lab/iproute.ts'

/** All that the given part of an agent defends against, and what shares agents with it. */
export function testAttacks(mends: Case['mends']): void {
  suite(`an attacker, and the ${mends}`, () => {
    requireLabMachine()

    for (const together of byArena(cases).filter(([first]) => first.mends === mends)) {
      // The first one plays all of its arena; each says what became of it.
      let outcomes: ReturnType<typeof attackAgents> | undefined
      for (const [index, one] of together.entries()) {
        test(`${one.name}: ${one.promise}`, async (t) => {
          outcomes ??= attackAgents(together)
          const outcome = (await outcomes)[index]
          assert.ok(outcome)
          const { faults, attackMs, residentMb } = outcome
          t.diagnostic(`attack ${attackMs ?? 'held up'} ms`)
          t.diagnostic(`RSS ${residentMb.before} -> ${residentMb.after} MiB`)
          assert.deepEqual(faults, [])
        })
      }
    }
  })
}
