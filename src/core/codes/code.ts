/** What is told of a code besides the words that its facts are put into. */

import type { NodeId } from '../claim/record.ts'
import type { Note } from '../note.ts'

/** One for each: none can be forgotten, and none invented. */
export type Codes = { readonly [C in Note['code']]: Code<Note & { readonly code: C }> }

export interface Code<N = Note> {
  /** When it is said, and whether that matters. */
  readonly meaning: string
  /** Specimens, with every fact that it may have: what `describe` makes of them says its level, its words and its mend. */
  readonly examples: readonly N[]
}

/** What examples are about. */
export const node = '12D3KooWLhh2RuxogPeWuRhmnAoUxM6LFyVSyD6RN8t4JquV1FJa' as NodeId
export const other = '12D3KooWH9UZkpCx1e8cDP4xTxEKsSXZAANfZsxEdPVrU4swVbKf' as NodeId
export const [name, otherName] = ['h3', 'h9'] as const
export const prefix = '172.16.8.0/22'
export const pool = '172.16.0.0/12 divided into /22'
/** Of a host that is dialled, and of a connection. */
export const subject = '10.0.1.73'
export const via = '10.0.1.71:42232'
