/** What a source of settings says: written values by key, each with the place it was written at. */

import type { FieldKey } from './fields.ts'
import type { Problem } from './problem.ts'

export type Origin = 'flag' | 'environment' | 'file' | 'default'

export interface Written {
  readonly text: string
  /** Where this very value was written. */
  readonly where: string
}

export interface Reading {
  readonly from: Origin
  /** Where the setting as a whole was written; empty for a default. */
  readonly where: string
  readonly values: readonly Written[]
}

export interface Source {
  readonly readings: ReadonlyMap<FieldKey, Reading>
  readonly problems: readonly Problem[]
}

/** A list on one line: `a, b,c`. */
export const splitList = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
