/** Runs the command line as a process of its own. */

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export interface Outcome {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export type Running = ChildProcessByStdio<null, Readable, Readable>

const executable = fileURLToPath(new URL('../../src/starling.ts', import.meta.url))

/** Where `npm test` has compiled code kept: hundreds of these start, and compiling is most of what they do. */
const { PATH, NODE_COMPILE_CACHE } = process.env
const inherited = { PATH, ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }) }

export function start(args: readonly string[], env: Record<string, string> = {}): Running {
  return spawn(process.execPath, [executable, ...args], {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

export async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Outcome> {
  const child = start(args, env)
  const code = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await code, out, err }
}
