/** Majorities that overlap: each host hears those that are nearest to it in a ring. */

/** Whether two hosts do not hear each other where each hears only the majority that is nearest in a ring. */
export function isApart(ring: readonly number[], one: number, other: number): boolean {
  const steps = Math.abs(ring.indexOf(one) - ring.indexOf(other))
  return Math.min(steps, ring.length - steps) > Math.round(ring.length / 4)
}
