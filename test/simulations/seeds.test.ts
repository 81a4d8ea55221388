/** What a seed tells: the whole story, that of a storm, and what the program prints of it. */

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { scenarios } from '../../simulations/sim/scenarios.ts'
import { playStorm, wholeStorm } from '../../simulations/sim/shrink.ts'
import { simulate } from '../../simulations/sim/simulate.ts'

const nodes = 8

describe('a seed', () => {
  for (const scenario of scenarios) {
    it(`${scenario.name}: one seed gives one trace`, () => {
      const traceOf = (seed: number) =>
        simulate({ scenario, nodes: Math.max(4, scenario.nodesMin), seed }).traceHash
      assert.equal(traceOf(7), traceOf(7))
    })
  }

  it('plays storms of random faults', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const { violations } = playStorm(wholeStorm(seed, 3 + (seed % 8)))
      assert.deepEqual(violations, [], `npm run sim -- --swarm 1 --seed ${seed}`)
    }
  })

  it('converges where a fifth of all messages is lost and many come twice', () => {
    const [scenario] = scenarios
    assert.ok(scenario)
    const faults = { latencyMs: [1, 80], lossRate: 0.2, duplicateRate: 0.2 } as const
    assert.deepEqual(simulate({ scenario, nodes, seed: 4, faults }).violations, [])
  })

  it('converges above the size up to which everybody connects to everybody', () => {
    const [scenario] = scenarios
    assert.ok(scenario)
    assert.deepEqual(simulate({ scenario, nodes: 40, seed: 5 }).violations, [])
  })
})

describe('npm run sim', () => {
  const run = fileURLToPath(new URL('../../simulations/sim/run.ts', import.meta.url))

  it('prints how it converged and the trace hash', () => {
    const output = execFileSync(process.execPath, [run, '--nodes', '3', '--seed', '9'], {
      encoding: 'utf8',
    })
    assert.match(output, /all confirmed .*all kernels complete/)
    assert.match(output, /^trace [0-9a-f]{64}$/m)
    assert.match(output, /every checker is content/)
  })

  it('fails with the seed and the checker where a checker does', () => {
    const args = [run, '--nodes', '3', '--seed', '9', '--loss', '1']
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    assert.equal(status, 1)
    assert.match(stdout, /VIOLATED, seed 9: .*uniqueness/)
    assert.match(stdout, /again: npm run sim -- .*--seed 9/)
  })

  it('refuses arguments that it does not know', () => {
    for (const args of [['--nodes', '0'], ['--scenario', 'nonsense'], ['--nonsense']]) {
      const { status, stderr } = spawnSync(process.execPath, [run, ...args], { encoding: 'utf8' })
      assert.equal(status, 2, args.join(' '))
      assert.notEqual(stderr, '')
    }
  })
})
