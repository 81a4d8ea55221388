/** Which echoes a fault excuses, by the plan and by when it was done: never by what agents say. */

import type { Millis } from '../../../src/core/rng.ts'
import { type FaultName, kindOf } from '../plan/catalogue.ts'
import { isApart } from '../plan/ring.ts'
import type { Fault } from '../plan/schedule.ts'

/** A fault as it was played. */
export interface Played {
  readonly fault: Fault
  readonly begunAtMs: Millis
  readonly bittenAtMs: Millis
  /** From when on it was being mended. */
  readonly mendingAtMs: Millis | undefined
  /** Undefined: it was never mended. */
  readonly mendedAtMs: Millis | undefined
  /** From when on all that it needs to be put right was there; undefined: never. A kernel is put right by an agent. */
  readonly healedAtMs: Millis | undefined
}

export interface Span {
  readonly fromMs: Millis
  readonly toMs: Millis
}

/** From which host's container to which, and whether the echo fills a frame. */
export interface Way {
  readonly from: number
  readonly to: number
  readonly isFull: boolean
}

/** Echoes that were under way when it began. */
const underWayMs = 50
/** The same, there and back, where a fault makes frames late. */
const lateMs = 300
/** While frames take another way, before and after. */
const edgeMs = 1_000

export interface Excuse extends Span {
  readonly name: FaultName
}

/** When faults excuse such echoes. */
export function excuses(played: readonly Played[], way: Way): Excuse[] {
  const slow = played.filter(
    ({ fault: { name, hosts } }) =>
      kindOf(name).costs === 'edges' && isHit('edges', hosts, way.from, way.to),
  )
  return played.flatMap((each) => {
    const isLate = slow.some(
      ({ begunAtMs, healedAtMs = Number.POSITIVE_INFINITY }) =>
        begunAtMs <= each.begunAtMs && each.begunAtMs <= healedAtMs,
    )
    const { name } = each.fault
    return excusesOf(each, way, isLate ? lateMs : underWayMs).map((span) => ({ name, ...span }))
  })
}

function excusesOf(
  {
    fault,
    begunAtMs,
    bittenAtMs,
    mendingAtMs = Number.POSITIVE_INFINITY,
    healedAtMs: mendedAtMs = Number.POSITIVE_INFINITY,
  }: Played,
  { from, to, isFull }: Way,
  underWay: Millis,
): readonly Span[] {
  const { costs, rightWithinMs } = kindOf(fault.name)
  if (costs === 'full' && !isFull) return []
  if (!isHit(costs, fault.hosts, from, to)) return []
  const fromMs = begunAtMs - underWay
  if (costs !== 'edges') return [{ fromMs, toMs: mendedAtMs + rightWithinMs }]
  return [
    { fromMs, toMs: bittenAtMs + edgeMs },
    { fromMs: mendingAtMs - edgeMs, toMs: mendedAtMs + edgeMs },
  ]
}

function isHit(
  costs: ReturnType<typeof kindOf>['costs'],
  hosts: readonly number[],
  from: number,
  to: number,
): boolean {
  const hits = [from, to].filter((host) => hosts.includes(host)).length
  switch (costs) {
    case 'nothing':
      return false
    case 'own':
    case 'full':
      return hits > 0
    case 'across':
    case 'edges':
      return hits === 1
    case 'between':
      return hits === 2
    case 'ring':
      return isApart(hosts, from, to)
  }
}

/** What of `span` none of `others` covers. A span of no length is a moment. */
export function uncovered(span: Span, others: readonly Span[]): Span[] {
  let rest = [span]
  for (const other of others) rest = rest.flatMap((each) => without(each, other))
  return rest
}

function without(span: Span, other: Span): Span[] {
  if (other.toMs < span.fromMs || other.fromMs > span.toMs) return [span]
  return [
    ...(span.fromMs < other.fromMs ? [{ fromMs: span.fromMs, toMs: other.fromMs }] : []),
    ...(other.toMs < span.toMs ? [{ fromMs: other.toMs, toMs: span.toMs }] : []),
  ]
}

/** Echoes between two containers, in each second: small ones, and one that fills a frame. */
const perSecond = 21

/** How many echoes these faults could excuse at the most, in a run that ended at `endMs`. */
export function allowance(played: readonly Played[], hosts: number, endMs: Millis): number {
  let allowedMs = 0
  for (let from = 0; from < hosts; from += 1) {
    for (let to = 0; to < hosts; to += 1) {
      if (from === to) continue
      allowedMs += covered(excuses(played, { from, to, isFull: true }), endMs)
    }
  }
  return Math.ceil((allowedMs / 1_000) * perSecond)
}

/** Ms until `endMs` that any of them covers. */
function covered(spans: readonly Span[], endMs: Millis): Millis {
  const whole = { fromMs: Math.min(endMs, ...spans.map(({ fromMs }) => fromMs)), toMs: endMs }
  const left = uncovered(whole, spans)
  return left.reduce((sum, { fromMs, toMs }) => sum - (toMs - fromMs), whole.toMs - whole.fromMs)
}
