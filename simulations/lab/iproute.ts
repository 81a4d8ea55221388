/** iproute2 as the lab's hands: every call is one `ip` process. */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { lacking } from '../../setup/machine.ts'

const run = promisify(execFile)

export class LabError extends Error {
  readonly code:
    | 'not-root'
    | 'no-iproute2'
    | 'ip-failed'
    | 'not-seen'
    | 'cni-failed'
    | 'prometheus-failed'
  constructor(code: LabError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** Throws a LabError that says what the machine lacks. */
export function requireLabMachine(): void {
  if (process.getuid?.() !== 0) {
    throw new LabError('not-root', 'network namespaces need root: run this as root (sudo)')
  }
  if (lacking(['iproute2']).length > 0) {
    throw new LabError(
      'no-iproute2',
      'the command ip is missing: apt-get install iproute2, or npm run setup for all that tests need',
    )
  }
}

/** One `ip` command, its words separated by blanks. Resolves with what it prints. */
export async function ip(command: string): Promise<string> {
  try {
    const { stdout } = await run('ip', command.split(' '), { maxBuffer: 64 * 1024 * 1024 })
    return stdout
  } catch (error) {
    const reason =
      error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    throw new LabError('ip-failed', `ip ${command}: ${reason}`)
  }
}

export interface ShownRoute {
  readonly dst: string
  readonly gateway?: string
  readonly dev?: string
  readonly protocol?: string
  readonly type?: string
  readonly metric?: number
}

/** Routes of a namespace's main table. */
export async function routesIn(
  namespace: string,
  filter = '',
  family: 4 | 6 = 4,
): Promise<ShownRoute[]> {
  const text = await ip(`-${family} -j -n ${namespace} route show ${filter}`.trim())
  return JSON.parse(text || '[]') as ShownRoute[]
}

/** Names of the namespaces that begin with `prefix`. */
export async function namespacesNamed(prefix: string): Promise<string[]> {
  const text = await ip('netns list')
  return text
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name.startsWith(prefix))
}

/** Process ids inside a namespace. */
export async function pidsIn(namespace: string): Promise<number[]> {
  const text = await ip(`netns pids ${namespace}`)
  return text.split('\n').filter(Boolean).map(Number)
}
