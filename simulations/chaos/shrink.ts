/** Looks for fewer faults that still fail: a round at a time, then a fault at a time. */

import { reduced, type Schedule } from './plan/schedule.ts'

/** `fails` plays a schedule. `hasTime`: whether there is time for another one. The smallest that failed is resolved with. */
export async function shrink(
  failing: Schedule,
  {
    fails,
    hasTime,
  }: {
    readonly fails: (schedule: Schedule) => Promise<boolean>
    readonly hasTime: () => boolean
  },
): Promise<Schedule> {
  let smallest = failing
  const attempt = async (fewer: Schedule): Promise<void> => {
    if (fewer.rounds.length > 0 && hasTime() && (await fails(fewer))) smallest = fewer
  }
  for (const { number } of failing.rounds) {
    await attempt(reduced(smallest, (_, round) => round.number !== number))
  }
  for (const { id } of smallest.rounds.flatMap(({ faults }) => faults)) {
    await attempt(reduced(smallest, (fault) => fault.id !== id))
  }
  return smallest
}
