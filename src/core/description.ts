/** How a note reads: what the words of each amount to. */

export type Level = 'debug' | 'info' | 'warn' | 'error'

/** What a note says to a person: `message` is one sentence, `mend` what to do, empty where nothing is wrong. */
export interface Description {
  readonly level: Level
  readonly message: string
  readonly mend: string
}
