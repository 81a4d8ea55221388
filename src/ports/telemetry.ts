/** Where notes go: logs, counters, watchers. */

import type { Note } from '../core/note.ts'

export interface Telemetry {
  /** Never throws and never waits. */
  note(note: Note): void
}
