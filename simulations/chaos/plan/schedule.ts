/** What happens when to which host: a pure function of seed, size, duration and scenario, drawn before anything starts. */

import type { Millis } from '../../../src/core/rng.ts'
import { Random } from '../../sim/random.ts'
import { type FaultName, type Hits, kindOf } from './catalogue.ts'
import type { Scenario } from './scenarios.ts'

export interface Fault {
  /** Counted through the whole schedule, from 1. */
  readonly id: number
  readonly name: FaultName
  /** Since its round began. */
  readonly atMs: Millis
  readonly forMs: Millis
  /** Numbers of the hosts that it hits; the order counts. */
  readonly hosts: readonly number[]
  /** In [0, 1): whatever else is to be chosen. */
  readonly share: number
}

/** Faults that overlap; then all of them are mended, all must be right again, and nothing may be written any more. */
export interface Round {
  /** From 1. */
  readonly number: number
  readonly forMs: Millis
  readonly faults: readonly Fault[]
}

export interface Schedule {
  readonly seed: number
  readonly hosts: number
  readonly durationMs: Millis
  readonly scenario: string
  readonly rounds: readonly Round[]
  /** Faults that were drawn; those that are left out move no others. */
  readonly drawn: number
}

export interface ScheduleOptions {
  readonly seed: number
  readonly hosts: number
  readonly durationMs: Millis
  readonly scenario: Scenario
}

const roundMs: readonly [Millis, Millis] = [5_000, 30_000]
/** Until all is right again and has been quiet, as a plan counts it. */
export const mendedMs = 12_000

/** Rounds until the duration is over, one at the least. */
export function drawSchedule({ seed, hosts, durationMs, scenario }: ScheduleOptions): Schedule {
  const random = new Random(seed)
  const rounds: Round[] = []
  let id = 1
  for (let elapsedMs = 0; rounds.length === 0 || elapsedMs < durationMs; ) {
    const round = drawRound(rounds.length + 1, { random: random.fork(), hosts, scenario, id })
    rounds.push(round)
    id += round.faults.length
    elapsedMs += round.forMs + mendedMs
  }
  return { seed, hosts, durationMs, scenario: scenario.name, rounds, drawn: id - 1 }
}

/** With only the faults that are kept, and without the rounds that lost all of theirs. */
export function reduced(
  schedule: Schedule,
  keeps: (fault: Fault, round: Round) => boolean,
): Schedule {
  const rounds = schedule.rounds
    .map((round) => ({ ...round, faults: round.faults.filter((fault) => keeps(fault, round)) }))
    .filter(({ faults }) => faults.length > 0)
  return { ...schedule, rounds }
}

/** Options of `npm run chaos` that play the same again. */
export function replay({ scenario, hosts, durationMs, seed, rounds, drawn }: Schedule): string {
  const ids = rounds.flatMap(({ faults }) => faults.map(({ id }) => id))
  const only = ids.length === drawn ? '' : ` --only ${ids.join()}`
  return `--scenario ${scenario} --hosts ${hosts} --duration ${durationMs / 1_000} --seed ${seed}${only}`
}

export function scheduleText(schedule: Schedule): string {
  const seconds = (ms: Millis) => `${(ms / 1_000).toFixed(1)} s`
  return [
    replay(schedule),
    ...schedule.rounds.flatMap(({ number, forMs, faults }) => [
      `round ${number}, ${seconds(forMs)}`,
      ...faults.map(
        ({ id, name, hosts, atMs, forMs: lasts }) =>
          `  #${id} ${seconds(atMs)}: ${name} of ${hosts.join(' ')} for ${seconds(lasts)}`,
      ),
    ]),
  ].join('\n')
}

function drawRound(
  number: number,
  around: {
    readonly random: Random
    readonly hosts: number
    readonly scenario: Scenario
    readonly id: number
  },
): Round {
  const { random, hosts, scenario } = around
  const forMs = Math.round(random.between(...roundMs))
  const count = 1 + random.below(scenario.faultsMax)
  const [taken, touched] = [new Set<number>(), new Set<number>()]
  const drawn: Omit<Fault, 'id'>[] = []
  for (let index = 0; index < count; index += 1) {
    const [name] = random.sample(scenario.faults, 1)
    if (name === undefined) break
    const fault = drawFault(name, { random, hosts, forMs, taken, touched })
    if (fault) drawn.push(fault)
  }
  const faults = drawn
    .sort((a, b) => a.atMs - b.atMs)
    .map((fault, index) => ({ ...fault, id: around.id + index }))
  return { number, forMs, faults }
}

/** Undefined: no host is left to which it can be done. */
function drawFault(
  name: FaultName,
  around: {
    readonly random: Random
    readonly hosts: number
    readonly forMs: Millis
    /** Hosts to which something is done that nothing else may overlap. */
    readonly taken: Set<number>
    /** Hosts to whose line or kernel something is done, which must not go with their namespaces. */
    readonly touched: Set<number>
  },
): Omit<Fault, 'id'> | undefined {
  const { random, taken, touched } = around
  const kind = kindOf(name)
  const [least, greatest] = kind.lastsMs
  const mostMs = Math.min(greatest, around.forMs)
  const forMs = Math.round(random.between(Math.min(least, mostMs), mostMs))
  const atMs = Math.round(random.between(0, Math.max(1, around.forMs - forMs)))
  const share = random.next()
  const numbers = random.shuffled(Array.from({ length: around.hosts }, (_, index) => index))
  const free = numbers.filter(
    (host) => !taken.has(host) && !(kind.takesContainer && touched.has(host)),
  )
  const hosts = hitBy(kind.hits, free, around.hosts, share)
  if (hosts.length === 0) return undefined
  for (const host of hosts) {
    if (kind.isAlone) taken.add(host)
    else if (kind.hits === 'one' || kind.hits === 'pair') touched.add(host)
  }
  return { name, atMs, forMs, hosts, share }
}

/** Empty: it cannot be done to those that are free. */
function hitBy(
  hits: Hits,
  free: readonly number[],
  hosts: number,
  share: number,
): readonly number[] {
  switch (hits) {
    case 'one':
      return free.slice(0, 1)
    case 'pair':
      return free.length < 2 ? [] : free.slice(0, 2)
    case 'minority': {
      const most = (hosts - 1) >> 1
      return free.slice(0, Math.max(1, Math.ceil(share * most)))
    }
    case 'half':
      return free.slice(0, hosts >> 1)
    case 'all':
      return free.length === hosts ? free : []
    case 'ring':
      // In a smaller one each hears all.
      return free.length === hosts && hosts > 3 ? free : []
  }
}

export const faultsOf = ({ rounds }: Schedule): readonly Fault[] =>
  rounds.flatMap(({ faults }) => faults)

export const faultText = ({ id, name, hosts }: Fault): string =>
  `#${id} ${name} of ${hosts.join(' ')}: ${kindOf(name).what}`
