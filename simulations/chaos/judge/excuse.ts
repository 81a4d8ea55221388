/** Which echoes a fault excuses, by the plan and by when it was done: never by what agents say. */

import type { Millis } from '../../../src/core/rng.ts'
import { kindOf } from '../plan/catalogue.ts'
import type { Fault } from '../plan/schedule.ts'

/** A fault as it was played. */
export interface Played {
  readonly fault: Fault
  readonly begunAtMs: Millis
  /** Undefined: it was never mended. */
  readonly mendedAtMs: Millis | undefined
}

export interface Span {
  readonly fromMs: Millis
  readonly toMs: Millis
}

/** Echoes that were under way when it began. */
const underWayMs = 50

/** When it excuses echoes from one host's container to another's; undefined: it does not. */
export function excuse(
  { fault, begunAtMs, mendedAtMs = Number.POSITIVE_INFINITY }: Played,
  { from, to }: { readonly from: number; readonly to: number },
): Span | undefined {
  const { costs, rightWithinMs } = kindOf(fault.name)
  return isHit(costs, fault.hosts, from, to)
    ? { fromMs: begunAtMs - underWayMs, toMs: mendedAtMs + rightWithinMs }
    : undefined
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
      return hits > 0
    case 'across':
      return hits === 1
    case 'between':
      return hits === 2
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
