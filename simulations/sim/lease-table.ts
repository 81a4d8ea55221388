/** The durable leases of a host, in memory: what the changes of its agent make of them. */

import { unreachable } from '../../src/core/invariant.ts'
import type { Lease, LeaseChange, Rest, StoredLeases } from '../../src/core/ipam/lease.ts'

export class LeaseTable {
  readonly #leases = new Map<string, Lease>()
  readonly #resting = new Map<string, Rest>()

  apply(changes: readonly LeaseChange[]): void {
    for (const change of changes) this.#apply(change)
  }

  stored(): StoredLeases {
    const resting = [...this.#resting.values()]
    return {
      leases: [...this.#leases.values()],
      resting: resting.sort((a, b) => a.releasedAtMs - b.releasedAtMs),
    }
  }

  #apply(change: LeaseChange): void {
    switch (change.type) {
      case 'grant':
        this.#resting.delete(change.lease.address.text)
        this.#leases.set(change.lease.address.text, change.lease)
        return
      case 'release': {
        const { text } = change.address
        const lease = this.#leases.get(text)
        if (!lease) return
        this.#leases.delete(text)
        this.#resting.set(text, { lease, releasedAtMs: change.releasedAtMs })
        return
      }
      case 'seen': {
        const { text } = change.address
        const lease = this.#leases.get(text)
        if (lease) this.#leases.set(text, { ...lease, seenBy: change.by })
        return
      }
      case 'forget':
        this.#leases.delete(change.address.text)
        this.#resting.delete(change.address.text)
        return
      default:
        return unreachable(change)
    }
  }
}
