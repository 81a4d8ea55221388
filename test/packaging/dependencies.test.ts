/** package.json says what runs: audits and licence tools read nothing else. */

import assert from 'node:assert/strict'
import { isBuiltin } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { before, describe, it } from 'node:test'
import type { Metafile } from 'esbuild'
import { bundleInMemory, foldersImported, foldersOf, outside } from '../../packaging/bundle.ts'
import { foldersNeeded, type Lock, lockOf } from '../../packaging/lock.ts'
import { manifestOf, shippedManifest } from '../../packaging/manifest.ts'

const project = join(import.meta.dirname, '../..')

describe('the dependencies in package.json', () => {
  let metafile: Metafile
  let declared: string[]
  let lock: Lock

  before(async () => {
    metafile = await bundleInMemory(project)
    declared = Object.keys((await manifestOf(project)).dependencies).sort()
    lock = await lockOf(project)
  })

  it('are exactly what our sources in the bundle import, and what it leaves outside', () => {
    const imported = foldersImported(metafile).map(nameOf)
    assert.ok(imported.includes('libp2p'), `${imported}`)
    assert.deepEqual(declared, [...imported, ...outside].sort())
  })

  it('bring every package that is in the bundle, with those that they depend on', () => {
    const needed = new Set(foldersNeeded(lock, declared))
    const folders = foldersOf(metafile)
    assert.ok(folders.length > declared.length, `${folders}`)
    assert.deepEqual(
      folders.filter((folder) => !needed.has(folder)),
      [],
    )
  })

  it('are no development dependencies to the lock file, nor is anything that they bring', () => {
    const folders = [...foldersOf(metafile), ...foldersNeeded(lock, outside)]
    assert.deepEqual(
      folders.filter((folder) => lock.get(folder)?.dev !== undefined),
      [],
    )
  })

  it('are trimmed in what is shipped to the packages that the bundle still loads', async () => {
    const loaded = Object.values(metafile.outputs)
      .flatMap(({ imports }) => imports)
      .filter(({ path, external }) => external && !isBuiltin(path))
      .map(({ path }) => packageOf(path))
    const { dependencies, ...manifest } = await shippedManifest(project)
    assert.deepEqual(Object.keys(dependencies), [...new Set(loaded)])
    assert.deepEqual(
      Object.keys(manifest).filter((key) => /scripts|devDependencies/.test(key)),
      [],
    )
  })
})

/** Of a folder in node_modules. */
function nameOf(folder: string): string {
  const scope = basename(dirname(folder))
  return scope.startsWith('@') ? `${scope}/${basename(folder)}` : basename(folder)
}

const packageOf = (path: string): string =>
  path
    .split('/')
    .slice(0, path.startsWith('@') ? 2 : 1)
    .join('/')
