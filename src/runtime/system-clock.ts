/** The machine's monotonic clock, and the only timer of the daemon. */

import type { Clock } from '../ports/clock.ts'

/** Longest delay that Node's timers take, in ms; a longer one would fire at once. */
const delayMsMax = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  schedule(at, callback) {
    let timer: NodeJS.Timeout
    const arm = () => {
      const delayMs = at - performance.now()
      if (delayMs > delayMsMax) timer = setTimeout(arm, delayMsMax)
      // A timer may fire up to a millisecond early, by its own rounding: rounding up spares a second one.
      else timer = setTimeout(callback, Math.max(0, Math.ceil(delayMs)))
    }
    arm()
    return () => clearTimeout(timer)
  },
}
