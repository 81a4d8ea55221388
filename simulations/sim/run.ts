/** `npm run sim`: plays a scenario, prints how it went, and fails where a checker does. */

import { writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { NetworkFaults } from './network.ts'
import { report } from './report.ts'
import type { Scenario } from './scenario.ts'
import { scenarios } from './scenarios.ts'
import { type SimulationOptions, simulate } from './simulate.ts'

const usage = `npm run sim -- [options]

  --scenario NAME   default cold-start
  --nodes N         number of hosts, default 16
  --seed N          everything follows from it, default 1
  --seeds N         play N seeds, beginning with --seed
  --loss RATE       share of messages lost, 0 to 1; default drawn from the seed
  --latency A-B     delay of a message in ms; default drawn from the seed
  --trace           print every event and effect on stderr
  --help

scenarios:
${scenarios.map(({ name, promise }) => `  ${name.padEnd(20)}${promise}`).join('\n')}
`

process.exitCode = main(process.argv.slice(2))

function main(args: string[]): number {
  const parsed = parse(args)
  if (typeof parsed === 'string') {
    console.error(parsed)
    return 2
  }
  if (parsed === undefined) {
    console.log(usage)
    return 0
  }
  let failed = 0
  for (let index = 0; index < parsed.count; index += 1) {
    const outcome = simulate({ ...parsed.options, seed: parsed.options.seed + index })
    console.log(`${report(outcome)}\n`)
    if (outcome.violations.length > 0) failed += 1
  }
  if (parsed.count > 1) console.log(`${parsed.count - failed} of ${parsed.count} seeds passed`)
  return failed > 0 ? 1 : 0
}

interface Parsed {
  readonly options: SimulationOptions
  readonly count: number
}

/** Undefined: help is asked for. A text: what is wrong with the arguments. */
function parse(args: string[]): Parsed | string | undefined {
  const values = valuesOf(args)
  if (typeof values === 'string') return values
  if (values.help) return undefined
  const scenario = scenarios.find(({ name }) => name === values.scenario)
  if (!scenario) return `no scenario ${values.scenario}: ${scenarios.map((s) => s.name).join(', ')}`
  const nodes = Number(values.nodes)
  if (!isNatural(nodes, scenario)) {
    return `--nodes of ${scenario.name} is a number from ${scenario.nodesMin} to 1000`
  }
  const [seed, count] = [Number(values.seed), Number(values.seeds)]
  if (!Number.isSafeInteger(seed) || seed < 0) return '--seed is a natural number'
  if (!Number.isSafeInteger(count) || count < 1) return '--seeds is a number above 0'
  const faults = faultsOf(values)
  if (typeof faults === 'string') return faults
  const options = { scenario, nodes, seed, faults }
  // Unbuffered: the last lines before a crash are the ones that matter.
  const onTrace = (line: string) => void writeSync(2, `${line}\n`)
  return { options: values.trace ? { ...options, onTrace } : options, count }
}

function valuesOf(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        scenario: { type: 'string', default: 'cold-start' },
        nodes: { type: 'string', default: '16' },
        seed: { type: 'string', default: '1' },
        seeds: { type: 'string', default: '1' },
        loss: { type: 'string' },
        latency: { type: 'string' },
        trace: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (thrown) {
    return `${thrown instanceof Error ? thrown.message : String(thrown)}\n\n${usage}`
  }
}

function faultsOf(values: {
  loss?: string | undefined
  latency?: string | undefined
}): Partial<NetworkFaults> | string {
  const faults: { -readonly [K in keyof NetworkFaults]?: NetworkFaults[K] } = {}
  if (values.loss !== undefined) {
    faults.lossRate = Number(values.loss)
    if (!(faults.lossRate >= 0 && faults.lossRate <= 1)) return '--loss is a number from 0 to 1'
  }
  if (values.latency !== undefined) {
    const [least, greatest = least] = values.latency.split('-').map(Number)
    if (least === undefined || greatest === undefined || !(least >= 0 && greatest >= least)) {
      return '--latency is a number of ms, or two as in 1-20'
    }
    faults.latencyMs = [least, greatest]
  }
  return faults
}

function isNatural(nodes: number, { nodesMin }: Scenario): boolean {
  return Number.isSafeInteger(nodes) && nodes >= nodesMin && nodes <= 1_000
}
