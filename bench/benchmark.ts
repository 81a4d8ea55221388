/** What a benchmark is, and what it reports. */

import { median, percentile } from './statistics.ts'

export interface BenchmarkOptions {
  /** Tiny sizes: shows that it runs, and measures nothing worth keeping. */
  readonly quick: boolean
  /** Hosts of a cluster, where the benchmark has one and the caller names a number. */
  readonly hosts?: number | undefined
  /** Tells a waiting person what is under way. */
  readonly say: (text: string) => void
}

export type Benchmark = (options: BenchmarkOptions) => Promise<Report>

export interface Report {
  readonly figures: readonly Figure[]
  /** What a reader of the figures must know: what is missing, and how time divides. */
  readonly notes: readonly string[]
}

export interface Figure {
  readonly what: string
  readonly unit: 'ms' | 'MB' | '%' | 'count'
  readonly median: number
  readonly p99?: number
  readonly samples: number
  /** Somebody else at the same work, measured in turns with ours. */
  readonly against?: Comparison
  readonly goal?: Goal
}

export interface Comparison {
  readonly what: string
  readonly median: number
  /** How many times as fast we are. */
  readonly ratio: number
}

export interface Goal {
  readonly text: string
  readonly met: boolean
}

/** `p99` only where there are samples enough to have one. */
export function figure(
  what: string,
  unit: Figure['unit'],
  samples: readonly number[],
  more: { against?: { what: string; samples: readonly number[] }; goal?: GoalOptions } = {},
): Figure {
  const { against, goal } = more
  const middle = median(samples)
  const high = percentile(samples, 99)
  const comparison = against && {
    what: against.what,
    median: median(against.samples),
    ratio: median(against.samples) / middle,
  }
  return {
    what,
    unit,
    median: middle,
    ...(samples.length >= samplesForP99 ? { p99: high } : {}),
    samples: samples.length,
    ...(comparison ? { against: comparison } : {}),
    ...(goal ? { goal: judge(goal, { middle, high, ratio: comparison?.ratio }) } : {}),
  }
}

export interface GoalOptions {
  readonly medianMax?: number
  readonly p99Max?: number
  readonly ratioMin?: number
}

const samplesForP99 = 20

function judge(
  { medianMax, p99Max, ratioMin }: GoalOptions,
  { middle, high, ratio }: { middle: number; high: number; ratio: number | undefined },
): Goal {
  const words: string[] = []
  if (medianMax !== undefined) words.push(`median <= ${medianMax}`)
  if (p99Max !== undefined) words.push(`p99 <= ${p99Max}`)
  if (ratioMin !== undefined) words.push(`ratio >= ${ratioMin}`)
  const met =
    middle <= (medianMax ?? Number.POSITIVE_INFINITY) &&
    high <= (p99Max ?? Number.POSITIVE_INFINITY) &&
    (ratioMin === undefined || (ratio ?? 0) >= ratioMin)
  return { text: words.join(', '), met }
}
