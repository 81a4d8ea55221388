/** Hands each note to the log, the counters and whoever watches at the moment. */

import type { Note } from '../../core/note.ts'
import type { Telemetry } from '../../ports/telemetry.ts'

export interface FanOut extends Telemetry {
  /** As in `Operator.watch`. */
  watch(listener: (note: Note) => void): () => void
}

/** `lost` hears what a listener threw; the others hear the note all the same. */
export function fanOut(sinks: readonly Telemetry[], lost: (thrown: unknown) => void): FanOut {
  const listeners = new Set<(note: Note) => void>()
  return {
    note: (note) => {
      for (const sink of sinks) sink.note(note)
      for (const listener of listeners) {
        try {
          listener(note)
        } catch (thrown) {
          lost(thrown)
        }
      }
    },
    watch: (listener) => {
      // A function of its own for each caller: one that watches twice is heard twice and ends once.
      const own = (note: Note): void => listener(note)
      listeners.add(own)
      return () => {
        listeners.delete(own)
      }
    },
  }
}
