/** `npm run chaos`: seeded chaos on real containers, and its verdict. */

import { createWriteStream, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { requireLabMachine } from '../lab/iproute.ts'
import { Screen } from '../lab/screen.ts'
import { type Daemon, ownDaemon, removeDaemon, requireDocker } from './daemon.ts'
import type { Docker } from './docker.ts'
import { Events } from './events.ts'
import { buildImage, importPrograms } from './image.ts'
import { judge } from './judge/judge.ts'
import { type Line, parsed, printed } from './judge/record.ts'
import { reportPage } from './judge/report-page.ts'
import { catalogue } from './plan/catalogue.ts'
import { scenarios } from './plan/scenarios.ts'
import { drawSchedule, type Schedule } from './plan/schedule.ts'
import { Player } from './player.ts'
import { Sampler } from './sampler.ts'
import { Site } from './site.ts'
import { verdictText } from './verdict-text.ts'
import { removeWorkloads } from './workload.ts'

const usage = `npm run chaos -- [options]

  --scenario NAME   default kill-peers
  --hosts N         3 to 32, default 6
  --duration S      seconds of faults and of their mending, default 60
  --seed N          the schedule follows from it, default 1
  --rounds A-B      only these rounds
  --only A,B        only these faults, by their numbers
  --out FILE        where the run is stored, default chaos.jsonl
  --report FILE     write one page of how it went
  --check FILE      judge a stored run again, with --report or without
  --plan            print the schedule, and do nothing
  --list            what each scenario does
  --help
`

/** Begins the name of everything that is made. */
const name = 'starling-chaos'
const images = { starling: `${name}:latest`, holder: `${name}-holder:latest` }

process.exit(await main(process.argv.slice(2)))

async function main(args: string[]): Promise<number> {
  const request = parse(args)
  if (typeof request === 'string') {
    console.error(request)
    return 2
  }
  switch (request.type) {
    case 'help':
      console.log(usage)
      return 0
    case 'list':
      console.log(listText())
      return 0
    case 'plan':
      console.log(scheduleText(request.schedule))
      return 0
    case 'check':
      return verdictOn(parsed(readFileSync(request.file, 'utf8')), request.report)
    case 'play':
      return perform(request.schedule, request)
  }
}

async function perform(
  schedule: Schedule,
  { out, report }: { readonly out: string; readonly report: string | undefined },
): Promise<number> {
  const screen = new Screen()
  console.log(scheduleText(schedule))
  try {
    requireLabMachine()
    await requireDocker()
    // What a killed run left.
    await removeDaemon(name)
    await removeWorkloads(`${name}-w`)
    await removeWorkloads(`${name}-h`)
    const interrupted = new Promise<'interrupted'>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const)
        process.on(signal, () => resolve('interrupted'))
    })
    const lines: Line[] = []
    const file = createWriteStream(out)
    const tell = (line: Line) => {
      lines.push(line)
      file.write(printed(line))
    }
    tell({ type: 'run', schedule, software: 'starling' })
    const daemon = await ownDaemon(name)
    try {
      const outcome = await Promise.race([playOn(daemon, { schedule, screen, tell }), interrupted])
      if (outcome === 'interrupted') return 130
    } finally {
      await daemon.stop()
      await removeWorkloads(`${name}-w`)
      await removeWorkloads(`${name}-h`)
      file.end()
    }
    return verdictOn(lines, report)
  } catch (error) {
    screen.bad(error instanceof Error ? (error.stack ?? error.message) : String(error))
    return 1
  }
}

async function playOn(
  { docker }: Daemon,
  run: {
    readonly schedule: Schedule
    readonly screen: Screen
    readonly tell: (line: Line) => void
  },
): Promise<'played'> {
  const { schedule, screen, tell } = run
  await makeImages(docker)
  const project = {
    name,
    hosts: schedule.hosts,
    image: images.starling,
    holderImage: images.holder,
    directory: join(tmpdir(), name),
  }
  const site = new Site({ docker, project, daemonNamespace: `${name}-docker`, tell })
  try {
    screen.title(`${schedule.hosts} hosts`)
    await site.up()
    const { wrong } = await site.settle()
    if (wrong.length > 0) throw new Error(`the hosts do not come up: ${wrong.join('; ')}`)
    await site.populate()
    screen.good(
      `all are up, and a container behind each sends echoes to ${schedule.hosts - 1} others`,
    )
    const events = new Events(site)
    const sampler = new Sampler(site)
    await new Player(site, screen).play(schedule)
    for (const host of site.hosts) await host.echoes?.sum()
    await sampler.stop()
    await events.stop()
    return 'played'
  } finally {
    await site.down()
  }
}

async function makeImages(docker: Docker): Promise<void> {
  await buildImage(docker, images.starling)
  const directory = await mkdtemp(join(tmpdir(), `${name}-root-`))
  try {
    const root = join(directory, 'root')
    await importPrograms(docker, images.holder, { root, programs: ['sleep'] })
  } finally {
    await rm(directory, { recursive: true })
  }
}

function verdictOn(lines: readonly Line[], report: string | undefined): number {
  const schedule = lines.find((line) => line.type === 'run')?.schedule
  const verdict = judge(lines)
  const again = schedule ? againText(schedule) : ''
  console.log(`\n${verdictText(verdict, again)}`)
  if (report !== undefined) {
    writeFileSync(report, reportPage(lines, verdict, again))
    console.log(`how it went: ${report}`)
  }
  return verdict.violations.length === 0 ? 0 : 1
}

function againText({ scenario, hosts, durationMs, seed }: Omit<Schedule, 'rounds'>): string {
  return `--scenario ${scenario} --hosts ${hosts} --duration ${durationMs / 1_000} --seed ${seed}`
}

function scheduleText({ rounds, ...schedule }: Schedule): string {
  return [
    againText(schedule),
    ...rounds.flatMap(({ number, forMs, faults }) => [
      `round ${number}, ${(forMs / 1_000).toFixed(1)} s`,
      ...faults.map(
        (fault) =>
          `  #${fault.id} ${(fault.atMs / 1_000).toFixed(1)} s: ${fault.name} of ${fault.hosts.join(' ')} for ${(fault.forMs / 1_000).toFixed(1)} s`,
      ),
    ]),
  ].join('\n')
}

function listText(): string {
  return scenarios
    .flatMap(({ name: scenario, promise, faults }) => [
      `${scenario}: ${promise}`,
      ...(scenario === 'everything'
        ? []
        : faults.map((fault) => `  ${fault.padEnd(20)}${catalogue[fault].what}`)),
    ])
    .join('\n')
}

type Request =
  | { readonly type: 'help' | 'list' }
  | { readonly type: 'plan'; readonly schedule: Schedule }
  | { readonly type: 'check'; readonly file: string; readonly report: string | undefined }
  | {
      readonly type: 'play'
      readonly schedule: Schedule
      readonly out: string
      readonly report: string | undefined
    }

/** A text: what is wrong with the arguments. */
function parse(args: string[]): Request | string {
  const values = valuesOf(args)
  if (typeof values === 'string') return values
  if (values.help) return { type: 'help' }
  if (values.list) return { type: 'list' }
  const { report } = values
  if (values.check !== undefined) return { type: 'check', file: values.check, report }
  const scenario = scenarios.find((each) => each.name === values.scenario)
  if (!scenario)
    return `no scenario ${values.scenario}: ${scenarios.map((each) => each.name).join(', ')}`
  const hosts = Number(values.hosts)
  if (!Number.isInteger(hosts) || hosts < 3 || hosts > 32) return '--hosts is a number from 3 to 32'
  const seconds = Number(values.duration)
  if (!(seconds > 0 && seconds <= 86_400)) return '--duration is a number of seconds, up to a day'
  const seed = Number(values.seed)
  if (!Number.isSafeInteger(seed) || seed < 0) return '--seed is a natural number'
  const drawn = drawSchedule({ seed, hosts, durationMs: seconds * 1_000, scenario })
  const schedule = reduced(drawn, values)
  if (typeof schedule === 'string') return schedule
  return values.plan
    ? { type: 'plan', schedule }
    : { type: 'play', schedule, out: values.out, report }
}

/** To the rounds and faults that are asked for. */
function reduced(
  schedule: Schedule,
  { rounds, only }: { readonly rounds?: string | undefined; readonly only?: string | undefined },
): Schedule | string {
  const [first = 1, last = first] = rounds?.split('-').map(Number) ?? [1, schedule.rounds.length]
  const ids = only?.split(',').map(Number)
  const kept = schedule.rounds
    .filter(({ number }) => number >= first && number <= last)
    .map((round) => ({
      ...round,
      faults: round.faults.filter(({ id }) => ids === undefined || ids.includes(id)),
    }))
    .filter(({ faults }) => ids === undefined || faults.length > 0)
  if (kept.length === 0) {
    return `nothing is left of ${schedule.rounds.length} rounds: see --plan`
  }
  return { ...schedule, rounds: kept }
}

function valuesOf(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        scenario: { type: 'string', default: 'kill-peers' },
        hosts: { type: 'string', default: '6' },
        duration: { type: 'string', default: '60' },
        seed: { type: 'string', default: '1' },
        rounds: { type: 'string' },
        only: { type: 'string' },
        out: { type: 'string', default: 'chaos.jsonl' },
        report: { type: 'string' },
        check: { type: 'string' },
        plan: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (thrown) {
    return `${thrown instanceof Error ? thrown.message : String(thrown)}\n\n${usage}`
  }
}
