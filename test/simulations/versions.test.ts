/** Agents that are killed while they write: what they published before is never contradicted under its version. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prefixOf } from '../../simulations/literal.ts'
import { Swarm } from '../../simulations/sim/swarm.ts'
import { World } from '../../simulations/sim/world.ts'

/** Seeds, each of which kills at other moments. */
const runs = 40

test('no crash makes two different records of one version', () => {
  let kills = 0
  for (let seed = 1; seed <= runs; seed += 1) {
    const world = new World(seed)
    const swarm = new Swarm({
      world,
      nodes: 3,
      faults: { latencyMs: [0.1, 2], lossRate: 0, duplicateRate: 0 },
      pool: { prefix: prefixOf('172.16.0.0/12'), subnetLength: 22 },
      seeds: [0],
    })
    swarm.start(swarm.hosts, 5)
    world.runFor(3_000)
    for (let round = 0; round < 30; round += 1) {
      const host = world.random.sample(swarm.hosts, 1)[0]
      if (!host?.isRunning) continue
      const prefix = prefixOf(`192.168.${round % 8}.0/24`)
      host.command({ type: round % 3 === 2 ? 'withdraw' : 'announce', prefix })
      // A write of the disk takes some milliseconds: many a kill comes in the middle of one, the first of a start too.
      world.runFor(world.random.between(0, 8))
      if (host.isRunning) swarm.crash(host)
      swarm.start([host], 0)
      kills += 1
      world.runFor(world.random.between(0, 60))
    }
    assert.deepEqual(
      swarm.violations.filter(({ checker }) => checker === 'versions'),
      [],
      `seed ${seed}`,
    )
  }
  assert.ok(kills > runs)
})
