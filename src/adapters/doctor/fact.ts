/** What was read of the host, or why it is not known: an absence that was not seen is no absence. */

import { readFile } from 'node:fs/promises'

export type Fact<T> =
  | { readonly isKnown: true; readonly value: T }
  | {
      readonly isKnown: false
      readonly why: string
      /** What makes it known. */
      readonly mend: string
    }

export const known = <T>(value: T): Fact<T> => ({ isKnown: true, value })

export const unknown = (why: string, mend: string): Fact<never> => ({ isKnown: false, why, mend })

/** The text of a file without space around it; undefined where there is no such file. */
export async function readText(path: string): Promise<Fact<string | undefined>> {
  try {
    return known((await readFile(path, 'utf8')).trim())
  } catch (thrown) {
    const code = codeOf(thrown)
    if (code === 'ENOENT' || code === 'ENOTDIR') return known(undefined)
    return unknown(`${path} cannot be read (${code})`, asRoot)
  }
}

export const asRoot = 'run it as root: sudo starling doctor'

export const codeOf = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)
