/** C programs of benchmarks and simulations, compiled where there is a compiler. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const directory = new URL('../../node_modules/.cache/starling-programs', import.meta.url).pathname

/** Where the compiled program is; undefined where there is no compiler. Throws where it does not compile. */
export function compiled(url: URL): string | undefined {
  const source = fileURLToPath(url)
  const program = join(directory, basename(source, '.c'))
  if (changedAt(program) > changedAt(source)) return program
  const compiler = ['cc', 'gcc'].find((command) => spawnSync(command, ['--version']).status === 0)
  if (compiler === undefined) return undefined
  mkdirSync(directory, { recursive: true })
  const { status, stderr } = spawnSync(compiler, ['-O2', '-o', program, source])
  if (status !== 0) throw new Error(`${compiler} ${source}: ${stderr}`)
  return program
}

const changedAt = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
