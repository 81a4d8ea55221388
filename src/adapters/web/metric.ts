/** What a metric is: a name that stays, and how its samples are read when somebody asks. */

import type { Note } from '../../core/note.ts'
import type { AgentView } from '../../core/view.ts'
import type { Durations } from '../../ports/durations.ts'
import type { Traffic } from '../../ports/traffic.ts'
import type { NoteCounts } from './note-counts.ts'

export interface Metric {
  readonly name: string
  readonly type: 'gauge' | 'counter' | 'histogram'
  /** Of each label all values that it can have; in words, where they are too many to list. Never a text of other nodes. */
  readonly labels: Readonly<Record<string, readonly string[] | string>>
  /** One sentence. */
  readonly help: string
  read(scrape: Scrape): Reading
}

/** A number, one for each set of labels, or what a histogram is made of. */
export type Reading = number | readonly Sample[] | Durations

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** What one answer is made of: each part of the view is read once. */
export interface Scrape
  extends Pick<
    AgentView,
    'claims' | 'convergence' | 'ipam' | 'kept' | 'nodes' | 'own' | 'problems' | 'root' | 'routes'
  > {
  readonly notes: NoteCounts
  readonly traffic: Traffic
  readonly applied: Durations
  readonly software: string
  readonly isReady: boolean
  /** Since `converged` changed, as far as it was asked for. */
  readonly convergedMs: number
}

export type NoteCode = Note['code']

/** One sample for each value of `label`, 0 where there is none. */
/** All values of a label: the compiler sees that none is left out. */
export const all = <T extends string>(values: Readonly<Record<T, true>>): readonly T[] =>
  Object.keys(values) as T[]

export function tally<T extends string>(
  label: string,
  values: readonly T[],
  found: Iterable<T>,
): Sample[] {
  const counts = new Map<string, number>()
  for (const value of found) counts.set(value, (counts.get(value) ?? 0) + 1)
  return values.map((value) => ({ labels: { [label]: value }, value: counts.get(value) ?? 0 }))
}
