/** One conversation of a command with the agent, from connecting to the exit code. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../adapters/api/client.ts'
import type { FailureCode } from '../core/codes/failures.ts'
import { printable } from '../core/printable.ts'
import { exitCode } from './exit-code.ts'

/** What every command that talks to the agent is told. */
export interface Shared {
  readonly socket: string
  readonly json?: true
}

/**
 * Runs `talk`; a failure becomes one line, and JSON where JSON was asked for. An agent that is not there, or ends
 * meanwhile, is waited for and talked to afresh; `talk` is told how much is left of `waitMs`.
 */
export async function withAgent(
  shared: Shared,
  talk: (agent: ApiClient, leftMs: number) => Promise<number>,
  waitMs = 0,
): Promise<number> {
  // grpc is loaded by the commands that need it alone.
  const { ApiError, connectApi } = await import('../adapters/api/client.ts')
  const until = performance.now() + waitMs
  for (;;) {
    try {
      const agent = await connectApi(shared.socket)
      try {
        return await talk(agent, until - performance.now())
      } finally {
        agent.close()
      }
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown
      const waits = waitMs > 0 && thrown.isAbsence
      const leftMs = until - performance.now()
      if (waits && leftMs > 0) await sleep(Math.min(knockMs, leftMs))
      else {
        const waited = waits ? `waited ${waitMs / 1_000} s: ` : ''
        return fail(shared, thrown.code, `${waited}${thrown.message}`)
      }
    }
  }
}

export function fail(shared: Pick<Shared, 'json'>, code: FailureCode, message: string): number {
  if (shared.json) printJson({ error: { code, message } })
  console.error(`starling: ${printable(message)}`)
  if (code === 'unreachable') return exitCode.unreachable
  return code === 'usage' ? exitCode.usage : exitCode.failed
}

export const printJson = (value: unknown): void => console.log(JSON.stringify(value, null, 2))

/** How long an agent may take for an answer, and for doing something. */
export const answerMs = 5_000
export const actionMs = 20_000
/** How often it is looked whether an agent is there that is waited for. */
const knockMs = 100
