/** The manifest that goes with dist/: of the dependencies, only what the bundle does not hold. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { outside } from './bundle.ts'

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly files: readonly string[]
  readonly dependencies: Readonly<Record<string, string>>
}

/** As the repository has it. */
export async function manifestOf(project: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as Manifest
}

/** Without scripts, too: they are of no use without the sources. */
export async function shippedManifest(project: string): Promise<Manifest> {
  const manifest = await manifestOf(project)
  const dropped = ['scripts', 'devDependencies']
  const kept = Object.entries(manifest).filter(([key]) => !dropped.includes(key))
  const needed = Object.entries(manifest.dependencies).filter(([name]) => outside.includes(name))
  return {
    ...(Object.fromEntries(kept) as unknown as Manifest),
    dependencies: Object.fromEntries(needed),
  }
}

export function printed(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`
}
