/** What must hold at every moment, whatever is done to a cluster: by what kernels told, and agents said of themselves. */

import type { Millis } from '../../../src/core/rng.ts'
import { kindOf } from '../plan/catalogue.ts'
import type { Played } from './excuse.ts'
import type { Line } from './record.ts'
import type { Checker, Violation } from './violation.ts'

type NodeLine = Extract<Line, { type: 'node' }>
type RouteLine = Extract<Line, { type: 'route' }>
type RoundAt = (atMs: Millis) => number | undefined

/** An agent of a handful of nodes has 170 MB. */
const residentMbMax = 400
/** Of one process: in half an hour of faults it grew by 45. */
const growthMbMax = 100
/** An agent of a dozen nodes has some 60, and 400 connections more where memory is taken from it. */
const descriptorsMax = 600
/** Of one agent in a minute: 120 are of the leases that a run takes and gives back, and a storm of announcements made 300. */
const eventsMax = 1_000
const minuteMs = 60_000
/** What a storm of announcements announces. */
const stormPrefix = '10.200.'
/** Whoever says that something is wrong may say it so long after it was mended. */
const errorMs = 30_000

export function safety(
  lines: readonly Line[],
  played: readonly Played[],
  roundAt: RoundAt,
): Violation[] {
  const found = (checker: Checker, atMs: Millis, host: number, what: string): Violation => ({
    checker,
    what: `host${host}: ${what}`,
    atMs,
    round: roundAt(atMs),
    hosts: [host],
  })
  const nodes = lines.flatMap((line) => (line.type === 'node' ? [line] : []))
  const routes = lines.flatMap((line) => (line.type === 'route' ? [line] : []))
  return [
    // Who has just started has none yet.
    ...successions(nodes.filter(({ claims }) => claims.length > 0)).flatMap(([before, after]) =>
      succession(before, after, played, found),
    ),
    ...nodes
      .filter(({ residentMb }) => residentMb > residentMbMax)
      .map(({ host, atMs, residentMb }) => found('memory', atMs, host, `${residentMb} MB`)),
    ...growing(nodes, found),
    ...nodes
      .filter(({ descriptors }) => descriptors > descriptorsMax)
      .map(({ host, atMs, descriptors }) =>
        found('descriptors', atMs, host, `${descriptors} files and sockets are open`),
      ),
    ...chatter(lines, found),
    ...routes.flatMap((route) => routing(route, nodes, found)),
    ...lines.flatMap((line) => {
      if (line.type === 'lease') return [found('lease', line.atMs, line.host, line.what)]
      if (line.type !== 'event' || line.level !== 'error') return []
      return isDuring(played, line.atMs) ? [] : [found('error', line.atMs, line.host, line.text)]
    }),
  ]
}

type Found = (checker: Checker, atMs: Millis, host: number, what: string) => Violation

/** Each process once. */
function growing(nodes: readonly NodeLine[], found: Found): Violation[] {
  // Numbers of processes come again within half an hour.
  const processes = new Map<string, { readonly first: NodeLine; isTold: boolean }>()
  return nodes.flatMap((node) => {
    const key = `${node.host} ${node.pid}`
    const known = processes.get(key) ?? { first: node, isTold: false }
    processes.set(key, known)
    const { residentMb: before } = known.first
    if (known.isTold || node.residentMb - before <= growthMbMax) return []
    known.isTold = true
    const what = `its agent grew from ${before} to ${node.residentMb} MB`
    return [found('memory', node.atMs, node.host, what)]
  })
}

function chatter(lines: readonly Line[], found: Found): Violation[] {
  const counts = new Map<string, number>()
  return lines.flatMap((line) => {
    if (line.type !== 'event') return []
    const minute = `${line.host} ${Math.floor(line.atMs / minuteMs)}`
    const count = (counts.get(minute) ?? 0) + 1
    counts.set(minute, count)
    if (count !== eventsMax + 1) return []
    return [found('chatter', line.atMs, line.host, `more than ${eventsMax} events in a minute`)]
  })
}

/** Each with the one before it, of the same host. */
function successions(nodes: readonly NodeLine[]): readonly (readonly [NodeLine, NodeLine])[] {
  const last = new Map<number, NodeLine>()
  return nodes.flatMap((after) => {
    const before = last.get(after.host)
    last.set(after.host, after)
    return before ? [[before, after] as const] : []
  })
}

function succession(
  before: NodeLine,
  after: NodeLine,
  played: readonly Played[],
  found: Found,
): Violation[] {
  const { host, atMs } = after
  const meanwhile = played.filter(({ fault, begunAtMs, mendedAtMs = Number.POSITIVE_INFINITY }) => {
    const untilMs = mendedAtMs + kindOf(fault.name).rightWithinMs
    return fault.hosts.includes(host) && begunAtMs <= atMs && untilMs >= after.sinceMs
  })
  const isLost = meanwhile.some(({ fault }) => kindOf(fault.name).agents === 'lost')
  const isEnded = meanwhile.some(({ fault }) => kindOf(fault.name).agents !== 'none')
  const violations: Violation[] = []
  const had = before.claims.join(' ')
  const has = after.claims.join(' ')
  if (!isLost && (had !== has || before.node !== after.node)) {
    violations.push(found('subnet', atMs, host, `it had ${had}, and has ${has || 'none'}`))
  }
  if (!isLost && before.node === after.node && after.incarnation < before.incarnation) {
    const what = `incarnation ${after.incarnation} after ${before.incarnation}`
    violations.push(found('incarnation', atMs, host, what))
  }
  if (!isEnded && before.pid !== after.pid) {
    violations.push(found('crash', atMs, host, 'its agent is another process, and nobody ended it'))
  }
  return violations
}

function routing(route: RouteLine, nodes: readonly NodeLine[], found: Found): Violation[] {
  const { host, atMs, destination, change, isOwned } = route
  if (!isOwned) return [found('alien', atMs, host, `somebody else's route to ${destination} went`)]
  if (change === 'removed' || destination.startsWith(stormPrefix)) return []
  // Who claims it may have told so later than it was told to others.
  if (!nodes.some(({ claims }) => claims.includes(destination))) {
    return [found('stranger', atMs, host, `a route to ${destination}, which nobody ever claimed`)]
  }
  const own = nodes.filter((line) => line.host === host)
  const before = own.findLast((line) => line.atMs <= atMs)
  const after = own.find((line) => line.atMs > atMs) ?? before
  const isOwn = [before, after].every((line) => line?.claims.includes(destination))
  return isOwn ? [found('own-subnet', atMs, host, `a route to ${destination}, its own`)] : []
}

const isDuring = (played: readonly Played[], atMs: Millis): boolean =>
  played.some(
    ({ begunAtMs, mendedAtMs = Number.POSITIVE_INFINITY }) =>
      begunAtMs <= atMs && atMs <= mendedAtMs + errorMs,
  )
