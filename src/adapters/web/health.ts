/** Whether the process works, and whether its node has once been of use: for whoever starts and restarts it. */

import type { Millis } from '../../core/rng.ts'
import type { AgentView } from '../../core/view.ts'

/** Empty: well. Otherwise why not, in a line. */
export type Verdict = string

/** One batch ends within milliseconds, or when the disk has answered. */
const busyMsMax = 30_000

/** `busyMs` as `EventLoop.busyMs`: other nodes play no part in it. */
export function liveness(busyMs: Millis | undefined): Verdict {
  if (busyMs === undefined) return 'the agent is stopping'
  if (busyMs < busyMsMax) return ''
  const seconds = Math.round(busyMs / 1_000)
  return `the agent has waited for ${seconds} s for its own record to be written: look at the disk of the state directory`
}

/** Once it is ready it stays so: whatever fails later is told by metrics, and a restart would not mend it. */
export function readiness(view: () => AgentView): () => Verdict {
  let isReady = false
  return () => {
    if (isReady) return ''
    const verdict = unready(view())
    isReady = verdict === ''
    return verdict
  }
}

function unready({ phase, convergence, routes }: AgentView): Verdict {
  if (phase === 'joining') return 'it joins: no peer has told it yet what there is'
  if (!convergence.claimed) return 'it has no confirmed subnet'
  if (convergence.kernelEqual) return ''
  const wanted = routes.filter((route) => route.wanted)
  const missing = wanted.filter(({ state }) => state !== 'installed').length
  return missing > 0
    ? `its kernel is not as it should be yet: ${missing} of ${wanted.length} routes are not in use`
    : 'its kernel is not as it should be yet: it has routes that are not wanted'
}
