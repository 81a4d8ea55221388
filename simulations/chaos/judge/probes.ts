/** What must be answered by an error: an address that nobody claims at once, one of a dead host soon; none reaches the gateway. */

import type { Millis } from '../../../src/core/rng.ts'
import { kindOf } from '../plan/catalogue.ts'
import { excuses, type Played, uncovered } from './excuse.ts'
import { type Line, nobody } from './record.ts'
import type { Violation } from './violation.ts'

type Probe = Extract<Line, { type: 'lost' }>

/** Until the subnet of a host that died is unreachable everywhere, and an answer is there. */
const deadMs = 6_000
const answerMs = 1_000
/** Until an asker has its tokens for errors again. */
const emptiedMs = 10_000

export function probes(
  lines: readonly Line[],
  played: readonly Played[],
  roundAt: (atMs: Millis) => number | undefined,
): Violation[] {
  const free = lines.find((line) => line.type === 'free')?.prefix ?? ''
  const wasClaimed = lines.some((line) => line.type === 'node' && line.claims.includes(free))
  const silent = lines.flatMap((line) =>
    line.type === 'lost' && line.isProbe && line.kind === 'silence' ? [line] : [],
  )
  return [
    ...silent.flatMap((line): Violation[] => {
      const { from, to, firstMs } = line
      const rest =
        to === nobody ? (wasClaimed ? [] : unexcused(line, played)) : ofDead(line, played)
      if (rest.length === 0) return []
      const whom = to === nobody ? 'an address that nobody has' : `host ${to}, which is dead,`
      const what = `asked by ${from}, ${whom} is answered by silence`
      const round = roundAt(firstMs)
      return [{ checker: 'probe', what, atMs: firstMs, round, hosts: [from] }]
    }),
    ...leaks(lines, played, roundAt),
  ]
}

/** Whatever may cost echoes of the asking host. */
function unexcused({ from, firstMs, lastMs }: Probe, played: readonly Played[]) {
  if (isFlooded(played, firstMs, lastMs)) return []
  const way = { from, to: nobody, isFull: false }
  const spans = excuses(played, way)
  return uncovered({ fromMs: firstMs, toMs: lastMs }, spans)
}

/**
 * Whether more than one host is asked for in vain. Linux tells an asker of one error every two seconds: the limits of
 * ip_error() and of icmp_send() draw on the same tokens.
 */
function isFlooded(played: readonly Played[], fromMs: Millis, toMs: Millis): boolean {
  const gone = played.filter(({ fault, begunAtMs, mendedAtMs = Number.POSITIVE_INFINITY }) => {
    const isMeanwhile = begunAtMs <= toMs && mendedAtMs + emptiedMs >= fromMs
    return isMeanwhile && !['nothing', 'full'].includes(kindOf(fault.name).costs)
  })
  return new Set(gone.flatMap(({ fault }) => fault.hosts)).size > 1
}

/** Only where nothing else could keep the asking host from hearing that the other one is dead. */
function ofDead({ from, to, firstMs, lastMs, count }: Probe, played: readonly Played[]) {
  if (isFlooded(played, firstMs, lastMs)) return []
  return played.filter(({ fault, bittenAtMs, mendingAtMs }) => {
    if (!kindOf(fault.name).isDeath || !fault.hosts.includes(to)) return false
    if (mendingAtMs === undefined || fault.hosts.includes(from)) return false
    const fromMs = bittenAtMs + deadMs
    const toMs = mendingAtMs - answerMs
    const isWithin = (atMs: Millis) => fromMs <= atMs && atMs <= toMs
    // Between the first and the last of two another answer may have come.
    const isThroughout = count > 2 && firstMs < fromMs && lastMs > toMs
    if (toMs < fromMs || !(isWithin(firstMs) || isWithin(lastMs) || isThroughout)) return false
    return !played.some((other) => other.fault !== fault && hinders(other, from, bittenAtMs, toMs))
  })
}

function hinders(other: Played, from: number, fromMs: Millis, toMs: Millis): boolean {
  const { realm, rightWithinMs } = kindOf(other.fault.name)
  const { fault, begunAtMs, mendedAtMs = Number.POSITIVE_INFINITY } = other
  const isMeanwhile = begunAtMs < toMs && mendedAtMs + rightWithinMs > fromMs
  return isMeanwhile && (realm === 'line' || fault.hosts.includes(from))
}

/** Packets to the pool at the gateway of the hosts, while no host's routes were touched. */
function leaks(
  lines: readonly Line[],
  played: readonly Played[],
  roundAt: (atMs: Millis) => number | undefined,
): Violation[] {
  const samples = lines.flatMap((line) => (line.type === 'sample' ? [line] : []))
  const touching = played.filter(({ fault }) => kindOf(fault.name).costs === 'own')
  return samples.flatMap((sample, at): Violation[] => {
    const before = samples[at - 1]
    if (!before || sample.leaked <= before.leaked) return []
    const isExcused = touching.some(
      ({ fault, begunAtMs, healedAtMs = Number.POSITIVE_INFINITY }) =>
        begunAtMs <= sample.atMs && healedAtMs + kindOf(fault.name).rightWithinMs >= before.atMs,
    )
    if (isExcused) return []
    const { atMs } = sample
    const what = `${sample.leaked - before.leaked} packets to the pool reached the gateway`
    return [{ checker: 'leak', what, atMs, round: roundAt(atMs), hosts: [] }]
  })
}
