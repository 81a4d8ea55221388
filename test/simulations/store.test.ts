/** The simulator's store passes the suite that the directory store passes, and loses what was not synced. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FakeStore } from '../../simulations/sim/store.ts'
import type { Store } from '../../src/ports/store.ts'
import { ownState, storeConformance } from '../conformance/store.ts'

storeConformance('simulated', async () => {
  const store = new FakeStore({ later: setImmediate })
  return {
    store: portOf(store),
    crash: async () => {
      store.crash()
      return portOf(store)
    },
    close: async () => store.crash(),
  }
})

describe('the simulated store', () => {
  it('loses a write that was not synced when the process ended', () => {
    const synced: (() => void)[] = []
    const store = new FakeStore({ later: (action) => synced.push(action) })
    store.persistOwn(ownState(1), () => assert.fail('it was said to be durable'))
    store.crash()
    for (const action of synced) action()
    assert.equal(store.load().own.incarnation, 0)
  })

  it('writes the newest of the lists of known entries that came while it was writing', () => {
    const synced: (() => void)[] = []
    const store = new FakeStore({ later: (action) => synced.push(action) })
    const { entry } = ownState(1)
    assert.ok(entry)
    store.persistKnown([])
    store.persistKnown([{ entry, remainMs: 1 }])
    assert.equal(synced.length, 1)
    for (const action of synced) action()
    assert.equal(store.load().known.length, 1)
  })
})

/** The simulator calls it at virtual moments; the port has promises. A crash leaves what waits unanswered. */
function portOf(store: FakeStore): Store {
  return {
    load: async () => store.load(),
    persistOwn: (own) => settledBy((synced) => store.persistOwn(own, synced)),
    persistKnown: async (known) => {
      store.persistKnown(known)
      await twoTurns()
    },
  }
}

/** A process that crashed never hears of its write: here it hears of it late, so that the suite can await it. */
const settledBy = (write: (synced: () => void) => void): Promise<void> =>
  Promise.race([new Promise<void>((resolve) => write(resolve)), twoTurns()])

/** By then everything that was planned before is on the disk. */
const twoTurns = (): Promise<void> =>
  new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
