/** Runs one of the host's firewall programs to its end. */

import { spawn } from 'node:child_process'

/** What a program's failure says to people. */
export class ProgramError extends Error {
  /** Whether there is no such program. */
  readonly isAbsent: boolean

  constructor(message: string, isAbsent: boolean) {
    super(message)
    this.name = 'ProgramError'
    this.isAbsent = isAbsent
  }
}

export interface Outcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Resolves whatever its exit code. Rejects with a ProgramError where it cannot be run, does not end or prints more. */
export function attempt(
  words: readonly [string, ...string[]],
  input = '',
  charactersMax = Number.POSITIVE_INFINITY,
): Promise<Outcome> {
  const [program, ...args] = words
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(endsWithinMs)
    const child = spawn(program, args, { env, signal, killSignal: 'SIGKILL' })
    const said = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        said[name] += text
        if (said[name].length <= charactersMax) return
        child.kill('SIGKILL')
        reject(new ProgramError(`${words.join(' ')} prints more than is read`, false))
      })
    }
    child.on('error', (error: NodeJS.ErrnoException) => {
      const isAbsent = error.code === 'ENOENT'
      reject(new ProgramError(`the program ${program} ${failureText(error)}`, isAbsent))
    })
    child.on('close', (exitCode, ending) => {
      if (exitCode !== null) return resolve({ exitCode, ...said })
      reject(new ProgramError(`the program ${program} was ended by ${ending}`, false))
    })
    // It may end without having read all.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

/** Runs what changes the firewall. */
export type Write = (words: readonly [string, ...string[]], input?: string) => Promise<unknown>

/** Rejects with a ProgramError that has its complaint where it fails. */
export async function run(
  words: readonly [string, ...string[]],
  input = '',
  charactersMax?: number,
): Promise<string> {
  const outcome = await attempt(words, input, charactersMax)
  if (outcome.exitCode === 0) return outcome.stdout
  throw new ProgramError(`${words.join(' ')}: ${complaint(outcome)}`, false)
}

/** Environment of the host's programs: where administrators' programs are, and the language that is parsed. */
export const env: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin`,
  LC_ALL: 'C',
}

export const complaint = ({ exitCode, stdout, stderr }: Outcome): string =>
  (stderr.trim() || stdout.trim()).split('\n')[0] || `exit code ${exitCode}`

function failureText(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'is not there'
  if (error.code === 'ABORT_ERR') return `did not end within ${endsWithinMs / 1_000} s`
  return `cannot be run (${error.message})`
}

const endsWithinMs = 10_000
