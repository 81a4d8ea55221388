/** What a run of chaos proves: pure, from its lines alone. */

import type { Millis } from '../../../src/core/rng.ts'
import { type FaultName, kindOf, rightMs } from '../plan/catalogue.ts'
import type { Fault, Schedule } from '../plan/schedule.ts'
import { excuse, type Played, type Span, uncovered } from './excuse.ts'
import type { Line } from './record.ts'

export interface Violation {
  readonly checker: 'echo' | 'responder' | 'source' | 'right' | 'quiet' | 'witness' | 'observed'
  readonly what: string
  /** Undefined: at no certain moment. */
  readonly atMs: Millis | undefined
  /** Of the round in which it was seen. */
  readonly round: number | undefined
  readonly hosts: readonly number[]
}

export interface Verdict {
  readonly violations: readonly Violation[]
  readonly echoes: {
    readonly sent: number
    readonly good: number
    /** By what excuses them. */
    readonly excused: ReadonlyMap<FaultName, number>
    readonly unexcused: number
  }
  /** From when the last fault of a round was mended until all was right, by each kind of fault that the round had. */
  readonly recoveries: ReadonlyMap<FaultName, readonly Millis[]>
  /** Faults that were played, by name. */
  readonly played: ReadonlyMap<FaultName, number>
  readonly skipped: ReadonlyMap<string, number>
}

/** Rejects with an Error where the lines are no run. */
export function judge(lines: readonly Line[]): Verdict {
  const schedule = lines.find((line) => line.type === 'run')?.schedule
  if (!schedule) throw new Error('this is no run of chaos: it has no schedule')
  const played = playedOf(lines, schedule)
  const rounds = lines.flatMap((line) => (line.type === 'round' ? [line] : []))
  const roundAt = (atMs: Millis): number | undefined =>
    rounds.findLast((round) => round.atMs <= atMs)?.number
  const losses = lossesOf(lines, played, roundAt)
  return {
    violations: [
      ...losses.violations,
      ...settling(lines, schedule),
      ...unwitnessed(lines, schedule),
    ],
    echoes: {
      ...totals(lines),
      excused: losses.excused,
      unexcused: losses.unexcused,
    },
    recoveries: recoveriesOf(lines, schedule, played),
    played: counted(played.map(({ fault }) => fault.name)),
    skipped: counted(lines.flatMap((line) => (line.type === 'skipped' ? [line.why] : []))),
  }
}

export function playedOf(lines: readonly Line[], { rounds }: Schedule): Played[] {
  const faults = new Map(rounds.flatMap((round) => round.faults.map((each) => [each.id, each])))
  return lines.flatMap((line) => {
    const fault = line.type === 'begun' ? faults.get(line.fault) : undefined
    if (line.type !== 'begun' || !fault) return []
    const mended = lines.find((each) => each.type === 'mended' && each.fault === fault.id)
    const mendedAtMs = mended?.type === 'mended' ? mended.atMs : undefined
    return [{ fault, begunAtMs: line.atMs, mendedAtMs }]
  })
}

type Lost = Extract<Line, { type: 'lost' }>

function lossesOf(
  lines: readonly Line[],
  played: readonly Played[],
  roundAt: (atMs: Millis) => number | undefined,
) {
  const violations: Violation[] = []
  const excused = new Map<FaultName, number>()
  let unexcused = 0
  for (const line of lines) {
    // Who is late was told to be silent before.
    if (line.type !== 'lost' || line.kind === 'late') continue
    const { rest, by } = judged(line, played)
    if (by) excused.set(by, (excused.get(by) ?? 0) + line.count - rest)
    if (rest === 0) continue
    unexcused += rest
    violations.push({
      checker: checkerOf(line),
      what: lossText(line, rest),
      atMs: line.firstMs,
      round: roundAt(line.firstMs),
      hosts: [line.from, line.to],
    })
  }
  return { violations, excused, unexcused }
}

/** How many have no excuse, and what excuses the others. */
function judged(line: Lost, played: readonly Played[]): { rest: number; by?: FaultName } {
  const whole: Span = { fromMs: line.firstMs, toMs: line.lastMs }
  // No fault makes another one answer, or an address another one.
  if (line.kind === 'wrong-responder' || line.kind === 'source-changed') return { rest: line.count }
  const excuses = played.flatMap((each) => {
    const span = excuse(each, line)
    return span && span.fromMs <= whole.toMs && span.toMs >= whole.fromMs
      ? [{ name: each.fault.name, span }]
      : []
  })
  const [first] = excuses
  if (!first) return { rest: line.count }
  const left = uncovered(
    whole,
    excuses.map(({ span }) => span),
  )
  const lengthMs = whole.toMs - whole.fromMs
  const leftMs = left.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0)
  const rest = left.length === 0 ? 0 : Math.ceil((line.count * leftMs) / Math.max(1, lengthMs))
  return { rest, by: first.name }
}

function checkerOf({ kind }: Lost): Violation['checker'] {
  if (kind === 'wrong-responder') return 'responder'
  return kind === 'source-changed' ? 'source' : 'echo'
}

function lossText(line: Lost, count: number): string {
  const size = line.isFull ? ' of full size' : ''
  const detail = line.detail === '-' ? '' : ` ${line.detail}`
  const took = ((line.lastMs - line.firstMs) / 1_000).toFixed(1)
  return `${count} echoes${size} from ${line.from} to ${line.to} without excuse, within ${took} s: ${line.kind}${detail}`
}

function settling(lines: readonly Line[], schedule: Schedule): Violation[] {
  return lines.flatMap((line): Violation[] => {
    if (line.type === 'quiet' && line.changes > 0) {
      const what = `${line.changes} route changes while nothing happened`
      return [{ checker: 'quiet', what, atMs: undefined, round: line.round, hosts: [] }]
    }
    if (line.type !== 'settled') return []
    const { round, rightAtMs, mendedAtMs, wrong } = line
    if (rightAtMs === undefined) {
      return wrong.map((what) => ({
        checker: 'observed',
        what,
        atMs: undefined,
        round,
        hosts: [],
      }))
    }
    const tookMs = rightAtMs - mendedAtMs
    const withinMs = boundOf(schedule, round)
    const what = `all was right ${(tookMs / 1_000).toFixed(1)} s after the last fault was mended, not within ${withinMs / 1_000} s`
    return tookMs <= withinMs ? [] : [{ checker: 'right', what, atMs: rightAtMs, round, hosts: [] }]
  })
}

/** The longest that any fault of the round may take. */
export function boundOf({ rounds }: Schedule, number: number): Millis {
  const faults = rounds.find((round) => round.number === number)?.faults ?? []
  return Math.max(rightMs, ...faults.map(({ name }) => kindOf(name).rightWithinMs))
}

/** A fault that did nothing proves nothing. */
function unwitnessed(lines: readonly Line[], { rounds }: Schedule): Violation[] {
  return lines.flatMap((line): Violation[] => {
    if (line.type !== 'mended' || line.witness.count > 0) return []
    const round = rounds.find(({ faults }) => faults.some(({ id }) => id === line.fault))
    const fault = round?.faults.find(({ id }) => id === line.fault)
    const what = `fault ${line.fault} (${fault?.name}) did not bite: ${line.witness.what}`
    const hosts = fault?.hosts ?? []
    return [{ checker: 'witness', what, atMs: line.atMs, round: round?.number, hosts }]
  })
}

function totals(lines: readonly Line[]) {
  let [sent, good] = [0, 0]
  for (const line of lines) {
    if (line.type !== 'echoes') continue
    sent += line.sent
    good += line.good
  }
  return { sent, good }
}

function recoveriesOf(lines: readonly Line[], { rounds }: Schedule, played: readonly Played[]) {
  const recoveries = new Map<FaultName, Millis[]>()
  for (const line of lines) {
    if (line.type !== 'settled' || line.rightAtMs === undefined) continue
    const faults: readonly Fault[] =
      rounds.find(({ number }) => number === line.round)?.faults ?? []
    const names = new Set(faults.map(({ name }) => name))
    for (const name of names) {
      if (!played.some(({ fault }) => fault.name === name && faults.includes(fault))) continue
      const known = recoveries.get(name) ?? []
      recoveries.set(name, [...known, Math.max(0, line.rightAtMs - line.mendedAtMs)])
    }
  }
  return recoveries
}

function counted<T>(items: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>()
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1)
  return counts
}
