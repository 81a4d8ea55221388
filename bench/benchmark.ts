/** What a benchmark is, and what it reports. */

import { median, percentile } from '../simulations/statistics.ts'

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
  /** Of `/s` more is better, of all others less. */
  readonly unit: 'ms' | 'MB' | '%' | 'count' | '/s'
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
  readonly p99?: number
  /** How many times as fast we are. */
  readonly ratio: number
  readonly ratioOfP99?: number
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
  const comparison = against && compare(unit, samples, against)
  return {
    what,
    unit,
    median: middle,
    ...(samples.length >= samplesForP99 ? { p99: high } : {}),
    samples: samples.length,
    ...(comparison ? { against: comparison } : {}),
    ...(goal ? { goal: judge(goal, { middle, high, comparison }) } : {}),
  }
}

export interface GoalOptions {
  readonly medianMin?: number
  readonly medianMax?: number
  readonly p99Max?: number
  readonly ratioMin?: number
  /** Of the p99 of both. */
  readonly ratioOfP99Min?: number
}

const samplesForP99 = 20

function compare(
  unit: Figure['unit'],
  ours: readonly number[],
  { what, samples }: { readonly what: string; readonly samples: readonly number[] },
): Comparison {
  const ratioAt = (percent: number): number => {
    const [our, their] = [percentile(ours, percent), percentile(samples, percent)]
    return unit === '/s' ? our / their : their / our
  }
  const hasP99 = Math.min(ours.length, samples.length) >= samplesForP99
  return {
    what,
    median: median(samples),
    ratio: ratioAt(50),
    ...(hasP99 ? { p99: percentile(samples, 99), ratioOfP99: ratioAt(99) } : {}),
  }
}

function judge(
  { medianMin, medianMax, p99Max, ratioMin, ratioOfP99Min }: GoalOptions,
  {
    middle,
    high,
    comparison,
  }: { middle: number; high: number; comparison: Comparison | undefined },
): Goal {
  const words: string[] = []
  let met = true
  const must = (what: string, sign: '<=' | '>=', value: number, bound: number | undefined) => {
    if (bound === undefined) return
    words.push(`${what} ${sign} ${bound}`)
    met &&= sign === '<=' ? value <= bound : value >= bound
  }
  must('median', '>=', middle, medianMin)
  must('median', '<=', middle, medianMax)
  must('p99', '<=', high, p99Max)
  must('ratio', '>=', comparison?.ratio ?? 0, ratioMin)
  // Where there are too few samples for it, it is not judged.
  if (comparison?.ratioOfP99 !== undefined) {
    must('ratio of p99', '>=', comparison.ratioOfP99, ratioOfP99Min)
  }
  return { text: words.join(', '), met }
}
