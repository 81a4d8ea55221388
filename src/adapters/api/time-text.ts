/** A time of the wall clock as RFC 3339. */

/** Empty out of the range of dates, which is what a hostile or broken node claims: it must not break the answer. */
export function timeText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? '' : date.toISOString()
}
