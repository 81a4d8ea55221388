/** Echoes that were lost, and TCP connections that stood still or broke: excused by the plan, or violations. */

import type { Millis } from '../../../src/core/rng.ts'
import type { FaultName } from '../plan/catalogue.ts'
import { excuses, type Played, type Span, uncovered } from './excuse.ts'
import type { Line } from './record.ts'
import type { Violation } from './violation.ts'

type Lost = Extract<Line, { type: 'lost' }>

export function lossesOf(
  lines: readonly Line[],
  played: readonly Played[],
  roundAt: (atMs: Millis) => number | undefined,
) {
  const violations: Violation[] = []
  const excused = new Map<FaultName, number>()
  let unexcused = 0
  for (const line of lines) {
    // Who is late was told to be silent before.
    if (line.type !== 'lost' || line.isProbe || line.kind === 'late') continue
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
  const found = excuses(played, line).filter(
    (span) => span.fromMs <= whole.toMs && span.toMs >= whole.fromMs,
  )
  const [first] = found
  if (!first) return { rest: line.count }
  const left = uncovered(whole, found)
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

/** A connection that stands still when an excuse ends goes on once its sender tries again, at the latest after as long as it stood. */
export function streamTrouble(
  lines: readonly Line[],
  played: readonly Played[],
  roundAt: (atMs: Millis) => number | undefined,
): Violation[] {
  return lines.flatMap((line): Violation[] => {
    if (line.type !== 'stream') return []
    const { from, to, kind, fromMs, toMs, why } = line
    // A lost frame is as bad for a connection, whatever its size.
    const isExcused = excuses(played, { from, to, isFull: true }).some(
      (span) => span.fromMs <= fromMs && fromMs <= span.toMs,
    )
    if (isExcused && kind !== 'disordered') return []
    const took = ((toMs - fromMs) / 1_000).toFixed(1)
    const what = `the TCP connection from ${from} to ${to} ${kind === 'stalled' ? `stood still for ${took} s` : `${kind}: ${why}`}`
    return [{ checker: 'stream', what, atMs: fromMs, round: roundAt(fromMs), hosts: [from, to] }]
  })
}
