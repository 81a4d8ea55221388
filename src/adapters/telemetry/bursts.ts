/** Lets the first notes of a burst through and counts the rest, so that logs never storm. */

import type { Level } from '../../core/description.ts'
import type { Note } from '../../core/note.ts'
import type { Clock } from '../../ports/clock.ts'

export interface Summary {
  readonly code: Note['code']
  /** Of the gravest note that was held back. */
  readonly level: Level
  readonly suppressed: number
  readonly windowMs: number
}

export interface Bursts {
  /** Whether the note is to be logged. */
  admit(note: Note, level: Level): boolean
  /** Summarises what is still open. */
  close(): void
}

/**
 * Within a window, a code is logged so often for one subject, and so often for all of them. What exceeds either is
 * summarised when the window ends. Memory: one window per code, and subjects only while lines are still let through.
 */
export function limitBursts(clock: Clock, summarise: (summary: Summary) => void): Bursts {
  const windows = new Map<Note['code'], Window>()
  const end = (code: Note['code'], window: Window): void => {
    window.cancel()
    windows.delete(code)
    if (window.suppressed > 0) {
      summarise({ code, level: window.level, suppressed: window.suppressed, windowMs })
    }
  }
  return {
    admit: (note, level) => {
      const { code } = note
      const now = clock.now()
      let window = windows.get(code)
      if (window && now >= window.endsAt) {
        end(code, window)
        window = undefined
      }
      if (!window) {
        window = new Window(now + windowMs, level)
        windows.set(code, window)
      }
      if (window.admit(subjectOf(note))) return true
      if (window.suppressed === 0) {
        const opened = window
        // Only a window that owes a summary costs a timer.
        window.cancel = clock.schedule(window.endsAt, () => end(code, opened))
        window.level = level
      }
      window.suppressed += 1
      if (gravity[level] > gravity[window.level]) window.level = level
      return false
    },
    close: () => {
      for (const [code, window] of windows) end(code, window)
    },
  }
}

const windowMs = 10_000
const linesPerSubject = 5
const linesPerCode = 50

const gravity: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

class Window {
  readonly endsAt: number
  level: Level
  suppressed = 0
  cancel: () => void = () => {}
  readonly #bySubject = new Map<string, number>()
  #lines = 0

  constructor(endsAt: number, level: Level) {
    this.endsAt = endsAt
    this.level = level
  }

  admit(subject: string): boolean {
    const earlier = this.#bySubject.get(subject) ?? 0
    if (this.#lines >= linesPerCode || earlier >= linesPerSubject) return false
    this.#bySubject.set(subject, earlier + 1)
    this.#lines += 1
    return true
  }
}

/** What a note is about; notes without one are all alike. */
function subjectOf(note: Note): string {
  for (const fact of ['prefix', 'subject', 'node', 'peer', 'from', 'name', 'pool'] as const) {
    const value: unknown = fact in note ? note[fact as keyof Note] : undefined
    if (typeof value === 'string') return value
  }
  return ''
}
