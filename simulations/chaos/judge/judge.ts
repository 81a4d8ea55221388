/** What a run of chaos proves: pure, from its lines alone. */

import type { Millis } from '../../../src/core/rng.ts'
import { type FaultName, kindOf, rightMs } from '../plan/catalogue.ts'
import type { Fault, Schedule } from '../plan/schedule.ts'
import { unseenCodes } from './event-codes.ts'
import { allowance, type Played } from './excuse.ts'
import { lossesOf, streamTrouble } from './losses.ts'
import { probes } from './probes.ts'
import type { Line } from './record.ts'
import { safety } from './safety.ts'
import type { Violation } from './violation.ts'

export interface Verdict {
  readonly violations: readonly Violation[]
  readonly echoes: {
    readonly sent: number
    readonly good: number
    /** By what excuses them. */
    readonly excused: ReadonlyMap<FaultName, number>
    readonly unexcused: number
    /** How many the faults that were played could excuse at the most. */
    readonly allowed: number
  }
  /** From when the last fault of a round was mended until all was right, by each kind of fault that the round had. */
  readonly recoveries: ReadonlyMap<FaultName, readonly Millis[]>
  /** Faults that were played, by name. */
  readonly played: ReadonlyMap<FaultName, number>
  readonly skipped: ReadonlyMap<string, number>
  /** Numbers that came back by TCP. */
  readonly moved: number
  /** Codes of events that nobody told. */
  readonly unseen: readonly string[]
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
      ...streamTrouble(lines, played, roundAt),
      ...probes(lines, played, roundAt),
      ...safety(lines, played, roundAt),
      ...settling(lines, schedule),
      ...unwitnessed(lines, schedule),
    ],
    echoes: {
      ...totals(lines),
      excused: losses.excused,
      unexcused: losses.unexcused,
      allowed: allowance(played, schedule.hosts, endOf(lines)),
    },
    recoveries: recoveriesOf(lines, schedule, played),
    played: counted(played.map(({ fault }) => fault.name)),
    skipped: counted(lines.flatMap((line) => (line.type === 'skipped' ? [line.why] : []))),
    moved: lines.reduce((sum, line) => sum + (line.type === 'moved' ? line.count : 0), 0),
    unseen: unseenCodes(lines),
  }
}

export function playedOf(lines: readonly Line[], schedule: Schedule): Played[] {
  const { rounds } = schedule
  const faults = new Map(rounds.flatMap((round) => round.faults.map((each) => [each.id, each])))
  const mends = new Map(
    lines.flatMap((line) => (line.type === 'mended' ? [[line.fault, line] as const] : [])),
  )
  const played = lines.flatMap((line) => {
    const fault = line.type === 'begun' ? faults.get(line.fault) : undefined
    if (line.type !== 'begun' || !fault) return []
    const mended = mends.get(fault.id)
    const [mendingAtMs, mendedAtMs] = [mended?.sinceMs, mended?.atMs]
    const { atMs: begunAtMs, bittenAtMs } = line
    return [{ fault, begunAtMs, bittenAtMs, mendingAtMs, mendedAtMs }]
  })
  return played.map((each) => ({ ...each, healedAtMs: healedAtMs(each, played, schedule) }))
}

/**
 * Containers come again once the round is over. And whoever takes or holds the agent of one of its hosts meanwhile keeps
 * a kernel from being put right until then.
 */
function healedAtMs(
  { fault, mendedAtMs }: Omit<Played, 'healedAtMs'>,
  played: readonly Omit<Played, 'healedAtMs'>[],
  { rounds }: Schedule,
): Millis | undefined {
  const { realm, takesContainer } = kindOf(fault.name)
  if (mendedAtMs === undefined || !(realm === 'kernel' || takesContainer)) return mendedAtMs
  const inRound = rounds.find(({ faults }) => faults.some(({ id }) => id === fault.id))
  const others = played.filter((other) => inRound?.faults.some(({ id }) => id === other.fault.id))
  const mends = others.map((other) => other.mendedAtMs ?? Number.POSITIVE_INFINITY)
  const hindering = others.filter(
    (other) =>
      other.fault !== fault &&
      kindOf(other.fault.name).isAlone &&
      other.fault.hosts.some((host) => fault.hosts.includes(host)),
  )
  if (hindering.length === 0) return takesContainer ? Math.max(...mends) : mendedAtMs
  const bounds = hindering.map((other) => kindOf(other.fault.name).rightWithinMs)
  return Math.max(...mends) + Math.max(...bounds) - rightMs
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
  const bounds = faults.map(({ name, hosts }) => {
    const { rightWithinMs, rightPerHostMs } = kindOf(name)
    return rightWithinMs + rightPerHostMs * hosts.length
  })
  return Math.max(rightMs, ...bounds)
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
    if (line.type !== 'echoes' || line.isProbe) continue
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

/** Ms of the last thing that was seen. */
const endOf = (lines: readonly Line[]): Millis =>
  lines.reduce((end, line) => ('atMs' in line ? Math.max(end, line.atMs) : end), 0)

function counted<T>(items: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>()
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1)
  return counts
}
