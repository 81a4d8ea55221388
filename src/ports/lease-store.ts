/** What survives the process of the addresses that are granted. */

import type { LeaseChange } from '../core/ipam/lease.ts'

export interface LeaseStore {
  /**
   * Resolved: all changes survive a power cut, in their order. Rejected: none of them does. Neither, as long as nobody
   * can know: a disk that hangs. One call at a time. Nothing else of the process waits meanwhile.
   */
  commit(changes: readonly LeaseChange[]): Promise<void>
  /** As `commit`, where what was stored could not be read: it is put aside, and these are all. */
  replace(changes: readonly LeaseChange[]): Promise<void>
}
