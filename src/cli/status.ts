/** `starling status`: whether all is well, what to do where it is not, and the facts. */

import { exitCode } from './exit-code.ts'
import { answerMs, printJson, type Shared, withAgent } from './session.ts'
import { statusText } from './status-text.ts'

export interface StatusOptions extends Shared {
  readonly wait?: true
  /** Seconds. */
  readonly timeout: number
}

export function status(options: StatusOptions): Promise<number> {
  const { wait = false } = options
  const waitMs = wait ? Math.max(1, Math.round(options.timeout * 1_000)) : 0
  return withAgent(
    options,
    async (agent, leftMs) => {
      const timeoutMs = Math.max(1, Math.round(leftMs))
      const state = await agent.call('Status', { wait, timeoutMs }, timeoutMs + answerMs)
      if (options.json) printJson(state)
      else console.log(statusText(state).join('\n'))
      // Waiting asks one question: has it converged? Otherwise every problem counts.
      const well = state.convergence.converged && (wait || state.problems.length === 0)
      return well ? exitCode.fine : exitCode.failed
    },
    waitMs,
  )
}
