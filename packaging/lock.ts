/** Which installed folders a package needs, by package-lock.json. */

import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

interface Entry {
  readonly dev?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

export type Lock = ReadonlyMap<string, Entry>

export async function lockOf(project: string): Promise<Lock> {
  const text = await readFile(join(project, 'package-lock.json'), 'utf8')
  return new Map(Object.entries((JSON.parse(text) as { packages: Record<string, Entry> }).packages))
}

/** Folders of these packages and of all that they depend on, the optional ones of every platform among them. */
export function foldersNeeded(lock: Lock, names: readonly string[]): string[] {
  const found = new Set<string>()
  const pending = names.map((name) => ({ name, from: '' }))
  for (let next = pending.pop(); next; next = pending.pop()) {
    const folder = folderOf(lock, next)
    if (found.has(folder)) continue
    found.add(folder)
    const { dependencies, optionalDependencies } = lock.get(folder) ?? {}
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies }))
      pending.push({ name, from: folder })
  }
  return [...found].sort()
}

/** The nearest one on the way up, as Node looks for it. */
function folderOf(lock: Lock, { name, from }: { name: string; from: string }): string {
  for (let folder = from; ; folder = parentOf(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (lock.has(candidate)) return candidate
    if (folder === '') throw new Error(`package-lock.json has no ${name}: npm install`)
  }
}

const parentOf = (folder: string): string => {
  const parent = dirname(folder)
  return parent === '.' ? '' : parent
}
