/** The docker and compose clients as the simulation's hands: every call is one process. */

import { execFile } from 'node:child_process'
import { path } from '../../setup/machine.ts'

export class DockerError extends Error {
  readonly code: 'not-installed' | 'command-failed' | 'daemon-failed' | 'not-seen'
  constructor(code: DockerError['code'], message: string) {
    super(message)
    this.code = code
  }
}

export interface Outcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export class Docker {
  readonly #env: NodeJS.ProcessEnv
  #compose: readonly [string, ...string[]] | undefined

  /** `endpoint` as DOCKER_HOST has it; undefined: wherever the client finds a daemon by itself. */
  constructor(endpoint?: string) {
    const endpointOf = endpoint === undefined ? {} : { DOCKER_HOST: endpoint }
    this.#env = { ...process.env, PATH: path, ...endpointOf }
  }

  /** Resolves with what it prints; rejects with a DockerError that has its complaint. */
  async run(...words: readonly string[]): Promise<string> {
    return printed(['docker', ...words], await this.attempt(words))
  }

  /** Resolves whatever the outcome. */
  attempt(
    words: readonly string[],
    options: { timeoutMs?: number; variables?: NodeJS.ProcessEnv } = {},
  ): Promise<Outcome> {
    const { variables = {}, ...limits } = options
    return execute(['docker', ...words], { env: { ...this.#env, ...variables }, ...limits })
  }

  /** Compose v2 where it is installed, else docker-compose. `variables` are those of the compose file. */
  async compose(words: readonly string[], variables: NodeJS.ProcessEnv = {}): Promise<string> {
    this.#compose ??= await this.#findCompose()
    const command = [...this.#compose, ...words] as const
    return printed(command, await execute(command, { env: { ...this.#env, ...variables } }))
  }

  async #findCompose(): Promise<readonly [string, ...string[]]> {
    const { exitCode } = await this.attempt(['compose', 'version'])
    return exitCode === 0 ? ['docker', 'compose'] : ['docker-compose']
  }
}

/** Runs a command to its end. Rejects with a DockerError where there is no such command. */
export function execute(
  command: readonly [string, ...string[]],
  options: { env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<Outcome> {
  const [program, ...words] = command
  const { env = { ...process.env, PATH: path }, timeoutMs = 300_000 } = options
  return new Promise((resolve, reject) => {
    const limits = { env, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 }
    execFile(program, words, limits, (error, stdout, stderr) => {
      if (error?.code === 'ENOENT') {
        const message = `the command ${program} is missing`
        reject(new DockerError('not-installed', message))
        return
      }
      const exitCode = typeof error?.code === 'number' ? error.code : error ? -1 : 0
      resolve({ exitCode, stdout, stderr })
    })
  })
}

export function printed(command: readonly string[], outcome: Outcome): string {
  if (outcome.exitCode === 0) return outcome.stdout
  const complaint = (outcome.stderr.trim() || outcome.stdout.trim()).split('\n').slice(-20)
  throw new DockerError(
    'command-failed',
    `${command.join(' ')}: exit code ${outcome.exitCode}: ${complaint.join('\n')}`,
  )
}
