/** What the agent and the worker that writes its leases say to each other. */

import type { LeaseChange, StoredLeases } from '../../core/ipam/lease.ts'

export interface LeaseSetup {
  readonly file: string
  readonly owner: string
  /** Whether leases were granted before: their absence is a loss then. */
  readonly mustExist: boolean
}

export type ToLeaseWorker = {
  /** `replace`: what is there, unreadable, is put aside. */
  readonly type: 'commit' | 'replace'
  readonly changes: readonly LeaseChange[]
}

export type FromLeaseWorker =
  | { readonly type: 'opened'; readonly stored: StoredLeases }
  /** The file stays as it is. */
  | { readonly type: 'unreadable'; readonly reason: string }
  /** Empty error: the last commit is durable. */
  | { readonly type: 'committed'; readonly error: string }
  /** The outcome of the last commit is unknown, and found out as soon as the file can be read. */
  | { readonly type: 'stuck'; readonly reason: string }
