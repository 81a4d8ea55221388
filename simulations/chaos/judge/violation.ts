/** What should not have been, as a checker found it. */

import type { Millis } from '../../../src/core/rng.ts'

export type Checker =
  | 'echo'
  | 'responder'
  | 'source'
  | 'stream'
  | 'probe'
  | 'leak'
  | 'right'
  | 'quiet'
  | 'witness'
  | 'observed'
  | 'subnet'
  | 'incarnation'
  | 'stranger'
  | 'own-subnet'
  | 'alien'
  | 'lease'
  | 'crash'
  | 'memory'
  | 'descriptors'
  | 'chatter'
  | 'error'

export interface Violation {
  readonly checker: Checker
  readonly what: string
  /** Undefined: at no certain moment. */
  readonly atMs: Millis | undefined
  /** Of the round in which it was seen. */
  readonly round: number | undefined
  readonly hosts: readonly number[]
}
