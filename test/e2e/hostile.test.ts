/** Every attack of simulations/hostile against real agents that is defended against, and what is known not to be yet. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { attackAgents } from '../../simulations/hostile/arena.ts'
import { cases } from '../../simulations/hostile/cases.ts'
import { requireLabMachine } from '../../simulations/lab/iproute.ts'

/**
 * Attacks that succeed, each with the part that is to mend it. One that is defended against must leave this list: with
 * HOSTILE=all they are tried, too.
 */
const notYet: ReadonlySet<string> = new Set(['backdated-claim', 'many-identities'])

suite('an attacker', () => {
  requireLabMachine()

  test('that is not defended against yet is known, and is there', (t) => {
    for (const name of notYet) {
      const found = cases.find((one) => one.name === name)
      assert.ok(found, `${name} is no attack`)
      t.diagnostic(`not yet: ${name} (${found.mends}): ${found.promise}`)
    }
  })

  for (const one of cases) {
    const known = notYet.has(one.name)
    if (known && process.env.HOSTILE !== 'all') continue
    test(`${one.name}: ${one.promise}${known ? ' (not yet)' : ''}`, async (t) => {
      const { faults, attackMs, residentMb } = await attackAgents(one)
      t.diagnostic(`attack ${attackMs ?? 'held up'} ms`)
      t.diagnostic(`RSS ${residentMb.before} -> ${residentMb.after} MiB`)
      if (!known) return assert.deepEqual(faults, [])
      for (const fault of faults) t.diagnostic(`fault: ${fault}`)
      assert.notDeepEqual(faults, [], `${one.name} holds: take it off the list`)
    })
  }
})
