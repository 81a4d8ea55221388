/** `npm run sim`: plays a scenario, prints how it went, and fails where a checker does. */

import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Schedule } from '../chaos/plan/schedule.ts'
import type { NetworkFaults } from './network.ts'
import { report } from './report.ts'
import { reportPage } from './report-page.ts'
import type { Scenario } from './scenario.ts'
import { scenarios } from './scenarios.ts'
import { scheduled } from './scheduled.ts'
import { playStorm, type Storm, shrink, wholeStorm } from './shrink.ts'
import { type SimulationOptions, simulate } from './simulate.ts'
import { drawFaults, faultText, storm } from './storm.ts'

const usage = `npm run sim -- [options]

  --scenario NAME   default cold-start
  --nodes N         number of hosts, default 16
  --seed N          everything follows from it, default 1
  --seeds N         play N seeds, beginning with --seed
  --swarm N         play N storms of random faults, beginning with --seed, and shrink what fails
  --times N         how often or how long a story is told that can be told so, default 1
  --only A,B        of scenario storm: only the faults at these places
  --schedule FILE   play the schedule of a run of chaos, as npm run chaos stores it
  --report FILE     write one page of how it went: over time, and across --sizes where they are given
  --sizes A,B,C     play it once for each number of hosts, with --report
  --loss RATE       share of messages lost, 0 to 1; default drawn from the seed
  --latency A-B     delay of a message in ms; default drawn from the seed
  --trace           print every event and effect on stderr
  --help

scenarios:
${[...scenarios, storm(1)].map(({ name, promise }) => `  ${name.padEnd(29)}${promise}`).join('\n')}
`

const nodesMax = 4_096
/** Sizes of the clusters that storms are played with. */
const stormSizes = [3, 4, 5, 6, 8, 10, 12, 16, 24, 40]
/** Of the trace of a storm that fails. */
const lastLines = 40

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
  if (parsed.swarm > 0) return playSwarm(parsed.swarm, parsed.options)
  if (parsed.page) return writePage(parsed.page, parsed.options)
  let failed = 0
  for (let index = 0; index < parsed.count; index += 1) {
    const outcome = simulate({ ...parsed.options, seed: parsed.options.seed + index })
    console.log(`${report(outcome)}\n`)
    if (outcome.violations.length > 0) failed += 1
  }
  if (parsed.count > 1) console.log(`${parsed.count - failed} of ${parsed.count} seeds passed`)
  return failed > 0 ? 1 : 0
}

function writePage({ file, sizes }: Page, options: SimulationOptions): number {
  const outcomes = sizes.map((nodes) => {
    const outcome = simulate({ ...options, nodes, sampleMs: nodes > 100 ? 1_000 : 100 })
    console.log(`${report(outcome)}\n`)
    return outcome
  })
  try {
    writeFileSync(file, reportPage(outcomes))
  } catch (thrown) {
    console.error(
      `--report: cannot write ${file}: ${thrown instanceof Error ? thrown.message : thrown}`,
    )
    return 1
  }
  console.log(`how it went: ${file}`)
  return outcomes.some(({ violations }) => violations.length > 0) ? 1 : 0
}

function playSwarm(count: number, { seed: from }: SimulationOptions): number {
  let failed = 0
  for (let seed = from; seed < from + count; seed += 1) {
    const nodes = stormSizes[seed % stormSizes.length] ?? 8
    const whole = wholeStorm(seed, nodes)
    const outcome = playStorm(whole)
    if (outcome.violations.length === 0) continue
    failed += 1
    console.log(report(outcome))
    console.log(smallestText(shrink(whole)))
  }
  console.log(`${count - failed} of ${count} storms passed`)
  return failed > 0 ? 1 : 0
}

/** What fails, how to play it again, and its last steps. */
function smallestText(smallest: Storm): string {
  const { seed, nodes, only } = smallest
  const lines: string[] = []
  const { violations, again } = playStorm(smallest, (line) => lines.push(line))
  const drawn = drawFaults(seed)
  return [
    '',
    `the smallest that fails: ${nodes} nodes, ${only.length} faults`,
    ...only.flatMap((place) => (drawn[place] ? [`  ${faultText(drawn[place])}`] : [])),
    ...violations.slice(0, 3).map(({ checker, host, what }) => `  ${checker}: ${host}: ${what}`),
    'its last steps:',
    ...lines.slice(-lastLines).map((line) => `  ${line}`),
    `again: npm run sim -- ${again}`,
    '',
  ].join('\n')
}

interface Parsed {
  readonly options: SimulationOptions
  readonly count: number
  /** Storms to play; 0: none. */
  readonly swarm: number
  readonly page: Page | undefined
}

interface Page {
  readonly file: string
  /** Numbers of hosts. */
  readonly sizes: readonly number[]
}

/** Undefined: help is asked for. A text: what is wrong with the arguments. */
function parse(args: string[]): Parsed | string | undefined {
  const values = valuesOf(args)
  if (typeof values === 'string') return values
  if (values.help) return undefined
  const only = values.only === undefined ? undefined : new Set(values.only.split(',').map(Number))
  const { schedule: file } = values
  const schedule = file === undefined ? undefined : scheduleIn(file)
  if (typeof schedule === 'string') return schedule
  const scenario = file && schedule ? scheduled(schedule, file) : scenarioNamed(values, only)
  if (!scenario) return `no scenario ${values.scenario}: ${scenarios.map((s) => s.name).join(', ')}`
  const nodes = schedule?.hosts ?? Number(values.nodes)
  if (!isNatural(nodes, scenario)) {
    return `--nodes of ${scenario.name} is a number from ${scenario.nodesMin} to ${nodesMax}`
  }
  const [seed, count] = [Number(values.seed), Number(values.seeds)]
  if (!Number.isSafeInteger(seed) || seed < 0) return '--seed is a natural number'
  if (!Number.isSafeInteger(count) || count < 1) return '--seeds is a number above 0'
  const swarm = Number(values.swarm)
  if (!Number.isSafeInteger(swarm) || swarm < 0) return '--swarm is a natural number'
  const times = Number(values.times)
  if (!Number.isSafeInteger(times) || times < 1) return '--times is a number above 0'
  const faults = faultsOf(values)
  if (typeof faults === 'string') return faults
  const options = { scenario, nodes, seed, faults, times }
  // Unbuffered: the last lines before a crash are the ones that matter.
  const onTrace = (line: string) => void writeSync(2, `${line}\n`)
  const sizes = values.sizes === undefined ? [nodes] : values.sizes.split(',').map(Number)
  if (!sizes.every((size) => isNatural(size, scenario))) {
    return `--sizes are numbers from ${scenario.nodesMin} to ${nodesMax}, with commas`
  }
  if (values.sizes !== undefined && values.report === undefined) return '--sizes is for --report'
  const page = values.report === undefined ? undefined : { file: values.report, sizes }
  return { options: values.trace ? { ...options, onTrace } : options, count, swarm, page }
}

function scenarioNamed(
  { scenario, seed }: { readonly scenario: string; readonly seed: string },
  only: ReadonlySet<number> | undefined,
): Scenario | undefined {
  return scenario === 'storm'
    ? storm(Number(seed), only)
    : scenarios.find(({ name }) => name === scenario)
}

/** A text: why there is none. */
function scheduleIn(file: string): Schedule | string {
  try {
    const [first = ''] = readFileSync(file, 'utf8').split('\n')
    const { schedule } = JSON.parse(first) as { schedule?: Schedule }
    return (
      schedule ??
      `--schedule ${file}: not a run that npm run chaos stored: no schedule in its first line`
    )
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    return `--schedule ${file}: not a run that npm run chaos stored: ${why}`
  }
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
        swarm: { type: 'string', default: '0' },
        times: { type: 'string', default: '1' },
        only: { type: 'string' },
        schedule: { type: 'string' },
        report: { type: 'string' },
        sizes: { type: 'string' },
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
  return Number.isSafeInteger(nodes) && nodes >= nodesMin && nodes <= nodesMax
}
