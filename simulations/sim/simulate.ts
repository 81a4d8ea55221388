/** Plays one scenario with one seed, from which everything else follows. */

import type { Millis } from '../../src/core/rng.ts'
import type { NetworkFaults } from './network.ts'
import type { Violation } from './observed.ts'
import type { Phase } from './phase.ts'
import type { Mark, Sample } from './sampling.ts'
import type { Scenario } from './scenario.ts'
import { NotSettled, Swarm } from './swarm.ts'
import { Trace } from './trace.ts'
import { World } from './world.ts'

export interface SimulationOptions {
  readonly scenario: Scenario
  readonly nodes: number
  readonly seed: number
  /** What is not given is drawn from the seed. */
  readonly faults?: Partial<NetworkFaults>
  /** How often a scenario's story is told, where it can be. */
  readonly times?: number
  readonly onTrace?: (line: string) => void
  /** How often the swarm is looked at, in virtual ms; by default never. */
  readonly sampleMs?: Millis
}

export interface Outcome {
  readonly scenario: string
  readonly nodes: number
  readonly seed: number
  readonly faults: NetworkFaults
  readonly phases: readonly Phase[]
  readonly violations: readonly Violation[]
  /** What the scenario measured itself. */
  readonly remarks: readonly string[]
  readonly samples: readonly Sample[]
  readonly marks: readonly Mark[]
  readonly virtualMs: number
  readonly happenings: number
  readonly traceLines: number
  readonly traceHash: string
  /** Options of `npm run sim` that play the same again. */
  readonly again: string
}

export function simulate(options: SimulationOptions): Outcome {
  const { scenario, nodes, seed } = options
  const trace = new Trace(options.onTrace)
  const world = new World(seed, trace)
  const faults = { ...drawnFaults(world), ...options.faults }
  const swarm = new Swarm({
    world,
    nodes,
    faults,
    pool: scenario.pool(nodes),
    seeds: scenario.seeds(nodes),
    timing: scenario.timing ?? {},
    ...(options.sampleMs === undefined ? {} : { sampleMs: options.sampleMs }),
  })
  const bugs = play(scenario, swarm, options.times ?? 1)
  return {
    scenario: scenario.name,
    nodes,
    seed,
    faults,
    phases: swarm.phases,
    violations: [...swarm.violations, ...bugs],
    remarks: swarm.remarks,
    samples: swarm.samples,
    marks: swarm.marks,
    virtualMs: world.now,
    happenings: world.happenings,
    traceLines: trace.lines,
    traceHash: trace.hash,
    again: replay(options),
  }
}

function replay({ scenario, nodes, seed, times, faults }: SimulationOptions): string {
  return [
    scenario.chosenBy ?? `--scenario ${scenario.name}`,
    ` --nodes ${nodes} --seed ${seed}`,
    times === undefined || times === 1 ? '' : ` --times ${times}`,
    faults?.lossRate === undefined ? '' : ` --loss ${faults.lossRate}`,
    faults?.latencyMs === undefined ? '' : ` --latency ${faults.latencyMs.join('-')}`,
  ].join('')
}

/** What was thrown on the way: no event may make an agent throw, and it is reported with its seed. */
function play(scenario: Scenario, swarm: Swarm, times: number): Violation[] {
  try {
    scenario.play(swarm, times)
    return []
  } catch (thrown) {
    // Its violations are on record.
    if (thrown instanceof NotSettled) return []
    const what = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
    return [{ checker: 'total', host: 'all', what }]
  }
}

/** From a quiet switch to a poor line. */
function drawnFaults({ random }: World): NetworkFaults {
  const least = random.between(0.05, 5)
  return {
    latencyMs: [least, least * random.between(1.5, 10)],
    lossRate: random.chance(0.5) ? random.between(0, 0.1) : 0,
    duplicateRate: random.chance(0.5) ? random.between(0, 0.05) : 0,
  }
}
