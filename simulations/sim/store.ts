/** A host's disk in memory: what was not synced when the process or the power ended is gone. */

import type { OwnState, Snapshot } from '../../src/core/effect.ts'
import type { Carried } from '../../src/core/gossip/message.ts'
import type { LeaseChange } from '../../src/core/ipam/lease.ts'
import { LeaseTable } from './lease-table.ts'

const emptyOwn: OwnState = { entry: undefined, incarnation: 0, announced: [], gateways: [] }

export interface FakeStoreOptions {
  /** Plans the moment at which a write is on the disk. */
  readonly later: (synced: () => void) => void
}

export class FakeStore {
  readonly #later: (synced: () => void) => void
  #own: OwnState = emptyOwn
  #known: readonly Carried[] = []
  readonly #leases = new LeaseTable()
  #boot = 0
  /** The newest list of known entries; one write of it runs at a time. */
  #knownWaiting: readonly Carried[] | undefined
  #knownRuns = false

  constructor(options: FakeStoreOptions) {
    this.#later = options.later
  }

  /** All that another disk holds, as after it was copied. */
  copy({ own, known, leases }: Snapshot): void {
    this.#own = own
    this.#known = known
    if (typeof leases === 'string') return
    this.#leases.apply(leases.leases.map((lease) => ({ type: 'grant', lease })))
  }

  load(): Snapshot {
    return { own: this.#own, known: this.#known, leases: this.#leases.stored() }
  }

  /** Calls back once `own` survives a crash; never where the crash comes first. */
  persistOwn(own: OwnState, synced: () => void): void {
    this.#afterSync(() => {
      this.#own = own
      synced()
    })
  }

  /** As `persistOwn`. */
  persistLeases(changes: readonly LeaseChange[], synced: () => void): void {
    this.#afterSync(() => {
      this.#leases.apply(changes)
      synced()
    })
  }

  persistKnown(known: readonly Carried[]): void {
    this.#knownWaiting = known
    if (this.#knownRuns) return
    this.#knownRuns = true
    this.#afterSync(() => {
      this.#knownRuns = false
      this.#known = this.#knownWaiting ?? this.#known
    })
  }

  crash(): void {
    this.#boot += 1
    this.#knownRuns = false
  }

  #afterSync(synced: () => void): void {
    const boot = this.#boot
    this.#later(() => {
      if (boot === this.#boot) synced()
    })
  }
}
