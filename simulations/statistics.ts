/** Medians and percentiles of samples. */

export const median = (samples: readonly number[]): number => percentile(samples, 50)

/** The smallest sample that `percent` of all do not exceed. NaN without samples. */
export function percentile(samples: readonly number[], percent: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length))
  return sorted[rank - 1] ?? Number.NaN
}
