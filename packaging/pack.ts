/**
 * `npm run tarball`: packs dist/ into the tarball that is installed. Changes nothing in the working tree but that tarball.
 * The script is not called "pack": npm would run `prepack` before it, which refuses.
 */

import { spawnSync } from 'node:child_process'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { printed, shippedManifest } from './manifest.ts'

const project = join(import.meta.dirname, '..')
const destination = resolve(process.argv[2] ?? project)
/** What npm packs whatever `files` says. */
const always = ['README.md', 'LICENSE']
/** What starts of this dist left there. */
const compiled = join(project, 'dist/cache')

// Signals wait until the stage is removed: npm ends by its own.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
// npm packs the manifest that it finds. One that is changed in place, and back, stays changed where npm is killed.
const stage = await mkdtemp(join(tmpdir(), 'starling-pack-'))
try {
  const manifest = await shippedManifest(project)
  for (const file of [...always, ...manifest.files]) {
    await cp(join(project, file), join(stage, file), {
      recursive: true,
      filter: (from) => from !== compiled,
    })
  }
  await writeFile(join(stage, 'package.json'), printed(manifest))
  const words = ['pack', '--ignore-scripts', '--pack-destination', destination]
  const { status } = spawnSync('npm', words, { cwd: stage, stdio: 'inherit' })
  process.exitCode = status ?? 1
} finally {
  await rm(stage, { recursive: true, force: true })
}
