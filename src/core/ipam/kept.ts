/** Leases that outlive their subnet. */

import type { NodeId } from '../claim/record.ts'
import type { AddressList } from '../ip/address-list.ts'
import type { Lease } from './lease.ts'

/** A lease whose subnet is this node's no more. */
export interface KeptLease {
  readonly lease: Lease
  /** Whose container has the address, too, and keeps it; undefined: this one keeps it. */
  readonly lostTo: NodeId | undefined
}

export interface Kept {
  readonly leases: readonly KeptLease[]
  /** What is said of them. */
  readonly lists: readonly AddressList[]
}

export const keepsNothing: Kept = { leases: [], lists: [] }
