/** Where notes go: logs, counters, watchers. */

import type { Note } from '../core/note.ts'

/** A note, and when it was told: wall clock in ms since 1970. */
export interface Noted {
  readonly note: Note
  readonly timeMs: number
}

export interface Telemetry {
  /** Never throws and never waits. */
  note(note: Note): void
}
