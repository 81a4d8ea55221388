/** What survives the process. */

import type { OwnState, Snapshot } from '../core/effect.ts'
import type { Carried } from '../core/gossip/message.ts'

export interface Store {
  /**
   * What was stored, or an empty snapshot. Throws a StoreError where a file is damaged, of a newer version or
   * of another identity: never a silent loss.
   */
  load(): Promise<Omit<Snapshot, 'leases'>>
  /** Resolved: it survives a power cut. A crash at any point leaves the old or the new state. */
  persistOwn(own: OwnState): Promise<void>
  /** A cache: a crash may lose the newest, never tear it. */
  persistKnown(known: readonly Carried[]): Promise<void>
}
