/** Hosts that die, freeze, are cut off, move and come back, with real kernels: `npm run failures` does the same with more. */

import { after, before, describe, it } from 'node:test'
import { failureScenarios } from '../../simulations/lab/failure-scenarios.ts'
import { requireLabMachine } from '../../simulations/lab/iproute.ts'
import { Stage } from '../../simulations/lab/stage.ts'
import { Lab } from '../../simulations/lab/topology.ts'

describe('four hosts, to which things happen', () => {
  const lab = new Lab({ name: 'starling-failures-test' })
  let stage: Stage | undefined

  before(async () => {
    requireLabMachine()
    await lab.up()
    stage = await Stage.set(lab, 4)
  })
  after(() => lab.down())

  for (const { name, promise, play } of failureScenarios) {
    it(`${name}: ${promise}`, async () => {
      // Each finds the hosts as the one before left them.
      const set = stage
      stage = undefined
      if (!set) throw new Error('the scenario before this one failed')
      await set.undisturbed(() => play(set, 0))
      stage = set
    })
  }
})
