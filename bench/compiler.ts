/** C programs that stand beside this file, compiled where there is a compiler. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const directory = new URL('../node_modules/.cache/starling-bench', import.meta.url).pathname

/** Where the compiled program is; undefined where there is no compiler. Throws where it does not compile. */
export function compiled(
  name: 'fib-writer' | 'leases' | 'observer' | 'plugins',
): string | undefined {
  const source = join(import.meta.dirname, `${name}.c`)
  const program = join(directory, name)
  if (changedAt(program) > changedAt(source)) return program
  const compiler = ['cc', 'gcc'].find((command) => spawnSync(command, ['--version']).status === 0)
  if (compiler === undefined) return undefined
  mkdirSync(directory, { recursive: true })
  const { status, stderr } = spawnSync(compiler, ['-O2', '-o', program, source])
  if (status !== 0) throw new Error(`${compiler} ${source}: ${stderr}`)
  return program
}

const changedAt = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
