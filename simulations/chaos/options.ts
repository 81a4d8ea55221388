/** What `npm run chaos` is asked for. */

import { parseArgs } from 'node:util'
import { scenarios } from './plan/scenarios.ts'
import { drawSchedule, reduced, type Schedule } from './plan/schedule.ts'

export const usage = `npm run chaos -- [options]

  --scenario NAME    default kill-peers
  --hosts N          3 to 32, default 6
  --duration S       seconds of faults and of their mending, default 60
  --seed N           the schedule follows from it, default 1
  --rounds A-B       only these rounds
  --only A,B         only these faults, by their numbers
  --repeat N         play it so often, and tell how often it failed
  --shrink MINUTES   if it fails, look for fewer faults that still do
  --out FILE         where the run is stored, default chaos.jsonl
  --report FILE      write one page of how it went
  --check FILE       judge a stored run again, with --report or without
  --plan             print the schedule, and do nothing
  --list             what each scenario does
  --help
`

export interface Play {
  readonly type: 'play'
  readonly schedule: Schedule
  readonly times: number
  readonly shrinkMs: number
  readonly out: string
  readonly report: string | undefined
}

export type Request =
  | { readonly type: 'help' | 'list' }
  | { readonly type: 'plan'; readonly schedule: Schedule }
  | { readonly type: 'check'; readonly file: string; readonly report: string | undefined }
  | Play

const hostsMax = 32
const durationMaxS = 86_400

/** A text: what is wrong with the arguments. */
export function requestOf(args: string[]): Request | string {
  const values = valuesOf(args)
  if (typeof values === 'string') return values
  if (values.help) return { type: 'help' }
  if (values.list) return { type: 'list' }
  const { report, out } = values
  if (values.check !== undefined) return { type: 'check', file: values.check, report }
  const schedule = scheduleOf(values)
  if (typeof schedule === 'string') return schedule
  if (values.plan) return { type: 'plan', schedule }
  const times = Number(values.repeat)
  if (!Number.isSafeInteger(times) || times < 1) return '--repeat is a number above 0'
  const minutes = Number(values.shrink)
  if (!(minutes >= 0)) return '--shrink is a number of minutes'
  return { type: 'play', schedule, times, shrinkMs: minutes * 60_000, out, report }
}

function scheduleOf(values: {
  readonly scenario: string
  readonly hosts: string
  readonly duration: string
  readonly seed: string
  readonly rounds?: string | undefined
  readonly only?: string | undefined
}): Schedule | string {
  const scenario = scenarios.find(({ name }) => name === values.scenario)
  if (!scenario) {
    return `no scenario ${values.scenario}: ${scenarios.map(({ name }) => name).join(', ')}`
  }
  const hosts = Number(values.hosts)
  if (!Number.isInteger(hosts) || hosts < 3 || hosts > hostsMax) {
    return `--hosts is a number from 3 to ${hostsMax}`
  }
  const seconds = Number(values.duration)
  if (!(seconds > 0 && seconds <= durationMaxS)) {
    return '--duration is a number of seconds, up to a day'
  }
  const seed = Number(values.seed)
  if (!Number.isSafeInteger(seed) || seed < 0) return '--seed is a natural number'
  const drawn = drawSchedule({ seed, hosts, durationMs: seconds * 1_000, scenario })
  const [first = 1, last = first] = values.rounds?.split('-').map(Number) ?? [
    1,
    drawn.rounds.length,
  ]
  const only = values.only === undefined ? undefined : new Set(values.only.split(',').map(Number))
  const left = reduced(drawn, ({ id }, { number }) => {
    return number >= first && number <= last && (only === undefined || only.has(id))
  })
  return left.rounds.length > 0
    ? left
    : `nothing is left of ${drawn.rounds.length} rounds: --plan shows all of them`
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
        repeat: { type: 'string', default: '1' },
        shrink: { type: 'string', default: '0' },
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
