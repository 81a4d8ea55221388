/** Remembers the last notes, so that whoever looks after a fault sees what came before it. */

import type { Note } from '../../core/note.ts'
import type { Noted, Telemetry } from '../../ports/telemetry.ts'

export interface History extends Telemetry {
  /** At most so many, the oldest first. */
  last(count: number): readonly Noted[]
}

export function rememberNotes(wallMs: () => number, most = notesMax): History {
  // A ring: once it is full, `next` is the oldest.
  const ring: Noted[] = []
  let next = 0
  return {
    note: (note: Note) => {
      ring[next] = { note, timeMs: wallMs() }
      next = (next + 1) % most
    },
    last: (count) => {
      const all = [...ring.slice(next), ...ring.slice(0, next)]
      return count <= 0 ? [] : all.slice(-count)
    },
  }
}

const notesMax = 1_000
