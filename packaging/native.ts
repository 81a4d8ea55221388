/** Compiles native/ for each platform that this machine has a compiler for. */

import { spawnSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Its name in Node's words: where a file lies says for which machine it is. */
export interface Platform {
  readonly name: `linux-${'x64' | 'arm64'}`
  readonly compiler: string
}

/** This machine's own compiler, and Debian's cross compilers. */
export const platforms: readonly Platform[] = (['x64', 'arm64'] as const).map((arch) => ({
  name: `linux-${arch}`,
  compiler: process.arch === arch ? 'cc' : `${arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu-gcc`,
}))

const programs = ['starling-ipam'] as const

/** As strict as it gets, and nothing that is looked for where it runs. */
const flags = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', '-static', '-s']

export interface Compiled {
  readonly made: readonly Platform[]
  /** Without their compiler. */
  readonly lacking: readonly Platform[]
}

/** Writes PLATFORM/PROGRAM into `destination`. Throws where a compiler refuses. */
export async function compileNative(project: string, destination: string): Promise<Compiled> {
  const made: Platform[] = []
  const lacking: Platform[] = []
  for (const platform of platforms) {
    const isThere = spawnSync(platform.compiler, ['--version'], { stdio: 'ignore' }).status === 0
    if (!isThere) {
      lacking.push(platform)
      continue
    }
    const directory = join(destination, platform.name)
    await mkdir(directory, { recursive: true })
    for (const program of programs) {
      const source = join(project, 'native', `${program}.c`)
      const words = [...flags, '-o', join(directory, program), source]
      const { status } = spawnSync(platform.compiler, words, { stdio: 'inherit' })
      if (status !== 0) throw new Error(`${platform.compiler} does not compile ${source}`)
    }
    made.push(platform)
  }
  return { made, lacking }
}
