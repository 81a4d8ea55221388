/** What every agent must keep to, whatever happens to it: watched at each of its steps. */

import assert from 'node:assert/strict'
import type { Entry, NodeId } from '../../../src/core/claim/record.ts'
import type { Effect, OwnState } from '../../../src/core/effect.ts'
import type { Event } from '../../../src/core/event.ts'
import { type Address, bitsOf } from '../../../src/core/ip/address.ts'
import { gatewayOf } from '../../../src/core/ip/pool.ts'

export class Contract {
  readonly #self: NodeId
  #isInSync = false
  /** A purge and a leave remove routes whenever they are asked for. */
  #mayRemove = false
  #persisted: Entry | undefined
  readonly #unanswered = new Set<number>()

  constructor(self: NodeId, stored: OwnState) {
    this.#self = self
    this.#persisted = stored.entry
  }

  observe(event: Event, effects: readonly Effect[]): void {
    if (event.type === 'command') {
      this.#unanswered.add(event.id)
      const { type } = event.command
      if (type === 'purge' || type === 'leave') this.#mayRemove = true
    }
    for (const effect of effects) this.#observe(effect)
    if (event.type === 'gossip-received') {
      const verdicts = effects.filter((e) => e.type === 'verdict' && e.id === event.id)
      assert.equal(verdicts.length, 1, 'gossip gets one verdict')
    }
  }

  #observe(effect: Effect): void {
    switch (effect.type) {
      case 'note':
        if (effect.note.code === 'in-sync') this.#isInSync = true
        return
      case 'persist-own':
        this.#persisted = effect.own.entry
        return
      case 'publish': {
        const { body, hash } = effect.entry
        const isOwn = body.origin === this.#self
        assert.ok(!isOwn || hash === this.#persisted?.hash, 'published before it was persisted')
        return
      }
      case 'configure-bridge':
        for (const { address, length } of effect.addresses) {
          assert.ok(this.#holds(address, length), 'a gateway before its claim was persisted')
        }
        return
      case 'apply-routes': {
        assert.ok(effect.changes.length > 0, 'nothing to apply')
        const removes = effect.changes.some(({ type }) => type === 'remove')
        const allowed = this.#isInSync || this.#mayRemove
        assert.ok(!removes || allowed, 'a route was removed before in-sync')
        return
      }
      case 'reply':
        assert.ok(this.#unanswered.delete(effect.id), 'a reply to nobody, or the second one')
        return
    }
  }

  /** A crash at this moment would leave a confirmed claim for this gateway. */
  #holds(gateway: Address, length: number): boolean {
    const body = this.#persisted?.body
    const claims = body?.kind === 'record' ? body.claims : []
    // Of a subnet that was lost the gateway alone stays: it was persisted with the claim.
    if (length === bitsOf(gateway.family)) return true
    return claims.some(
      ({ prefix, state }) =>
        state === 'confirmed' &&
        prefix.length === length &&
        gatewayOf(prefix).text === gateway.text,
    )
  }
}
