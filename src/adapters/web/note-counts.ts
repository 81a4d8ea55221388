/** How often each thing was told since the start: all that metrics do between two scrapes. */

import type { Failing } from '../../core/claim/record.ts'
import type { Note } from '../../core/note.ts'

export interface NoteCounts {
  readonly byCode: ReadonlyMap<Note['code'], number>
  readonly down: Readonly<Record<Failing, number>>
  /** Routes. */
  readonly added: number
  readonly removed: number
}

/** `watch` as in `Operator.watch`. */
export function countNotes(watch: (listener: (note: Note) => void) => () => void): {
  readonly counts: NoteCounts
  readonly stop: () => void
} {
  const byCode = new Map<Note['code'], number>()
  const down = { 'agent-down': 0, 'host-down': 0, displaced: 0 }
  const counts = { byCode, down, added: 0, removed: 0 }
  const stop = watch((note) => {
    byCode.set(note.code, (byCode.get(note.code) ?? 0) + 1)
    if (note.code === 'node-down') down[note.state] += 1
    if (note.code === 'routes-written') {
      counts.added += note.added
      counts.removed += note.removed
    }
  })
  return { counts, stop }
}
