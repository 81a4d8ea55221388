/** One conversation of a command with the agent, from connecting to the exit code. */

import type { ApiClient } from '../adapters/api/client.ts'
import { exitCode } from './exit-code.ts'
import { printable } from './layout.ts'

/** What every command that talks to the agent is told. */
export interface Shared {
  readonly socket: string
  readonly json?: true
}

/** Runs `talk`; a failure becomes one line, and JSON where JSON was asked for. */
export async function withAgent(
  shared: Shared,
  talk: (agent: ApiClient) => Promise<number>,
): Promise<number> {
  // grpc is loaded by the commands that need it alone.
  const { ApiError, connectApi } = await import('../adapters/api/client.ts')
  try {
    const agent = await connectApi(shared.socket)
    try {
      return await talk(agent)
    } finally {
      agent.close()
    }
  } catch (thrown) {
    if (!(thrown instanceof ApiError)) throw thrown
    return fail(shared, thrown.code, thrown.message)
  }
}

export function fail(shared: Pick<Shared, 'json'>, code: string, message: string): number {
  if (shared.json) printJson({ error: { code, message } })
  console.error(`starling: ${printable(message)}`)
  if (code === 'unreachable') return exitCode.unreachable
  return code === 'usage' ? exitCode.usage : exitCode.failed
}

export const printJson = (value: unknown): void => console.log(JSON.stringify(value, null, 2))

/** How long an agent may take for an answer, and for doing something. */
export const answerMs = 5_000
export const actionMs = 20_000
