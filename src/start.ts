/** A start: of the agent, or of the command line's client. */

import { enableCompileCache, getCompileCacheDir } from 'node:module'
import { join } from 'node:path'
import { memoryShortage } from './adapters/host/memory.ts'

keepCompiledCode()
process.exitCode = await run(process.argv.slice(2))

async function run(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args
  if (command === 'agent' && !rest.includes('--help') && !rest.includes('-h')) return agent(rest)
  const { runCli } = await import('./cli/cli.ts')
  return runCli(args)
}

async function agent(args: readonly string[]): Promise<number> {
  const stop = signalled()
  const shortage = memoryShortage()
  if (shortage !== undefined) {
    console.error(`starling: ${shortage}`)
    return 1
  }
  const { loadConfig, printProblems } = await import('./config.ts')
  const isDry = args.includes('--dry-run')
  const others = isDry ? ['--dry-run', '--json'] : []
  const result = loadConfig({ args, env: process.env, others })
  if (!result.ok) {
    console.error(printProblems(result.problems))
    return 2
  }
  if (isDry) {
    const { dryRun } = await import('./dry-run.ts')
    process.exit(await dryRun(result.config, { json: args.includes('--json'), stop }))
  }
  const { runAgent } = await import('./main.ts')
  // All is closed and written when it resolves: what a library still holds open must not keep us.
  process.exit(await runAgent(result, stop))
}

/**
 * The next start, and the child that reads the kernel, find the code compiled. Beside the code itself, where only who
 * may replace the code may write; a directory that others can write to would let them run theirs as root. Where it
 * cannot be written, nothing is kept.
 */
function keepCompiledCode(): void {
  // Sources are a developer's, and change all the time.
  if (import.meta.filename.endsWith('.ts')) return
  enableCompileCache(join(import.meta.dirname, 'cache'))
  const directory = getCompileCacheDir()
  if (directory) process.env.NODE_COMPILE_CACHE ??= directory
}

/** From the first moment on: as PID 1 of a container the kernel drops signals that nobody listens to. */
function signalled(): AbortSignal {
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort(signal))
  return stop.signal
}
