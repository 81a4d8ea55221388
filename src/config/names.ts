/** One name per setting in three spellings: `settleMs` in the file, `--settle-ms`, `STARLING_SETTLE_MS`. */

import { closest, distance } from 'fastest-levenshtein'

export const flagOf = (key: string): string => `--${key.replace(/[A-Z]/g, '-$&').toLowerCase()}`

export const variableOf = (key: string): string =>
  `${variablePrefix}${key.replace(/[A-Z]/g, '_$&').toUpperCase()}`

export const variablePrefix = 'STARLING_'

/** The file that settings are read from is named by a flag or a variable, and is no setting itself. */
export const fileFlag = '--config'
export const fileVariable = 'STARLING_CONFIG'

/** What the writer of `word` most likely meant, or undefined where nothing known is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const candidate = closest(word.toLowerCase(), known.map(lower))
  const index = known.map(lower).indexOf(candidate)
  const letters = Math.max(word.length, candidate.length)
  return distance(word.toLowerCase(), candidate) <= Math.max(2, letters / 2)
    ? known[index]
    : undefined
}

const lower = (text: string): string => text.toLowerCase()
