/** No address is in two hands, whatever is asked, however the disk answers, and wherever the process ends. */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { Desk } from './desk.ts'

const id = fc.integer({ min: 0, max: 7 }).map((number) => `c${number}`)
const address = fc.integer({ min: 0, max: 7 }).map((host) => `172.16.8.${host}`)
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('allocate' as const),
      id,
      address: fc.option(address),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('release' as const),
      id,
      address: fc.option(address),
    }),
  },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('write' as const), fails: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.constantFrom(10, 2_000) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('crash' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('serve' as const),
      subnet: fc.constantFrom('172.16.8.0/29', '172.16.16.0/29', ''),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** What clients were told, and so may rely on. */
class World {
  readonly desk = new Desk(['172.16.8.0/29'], { rng: () => 0.3 })
  readonly held = new Map<string, Map<string, string>>()
  #open = new Map<number, { id: string; type: 'allocate' | 'release' }>()

  perform(step: Step): void {
    const { desk } = this
    switch (step.type) {
      case 'allocate': {
        const addresses = step.address === null ? [] : [step.address]
        this.#open.set(desk.ask(step.id, { addresses }), step)
        break
      }
      case 'release':
        // Whoever asks for a release relies on nothing any more.
        if (step.address === null) this.held.delete(step.id)
        else this.held.get(step.id)?.delete(step.address)
        this.#open.set(desk.askRelease(step.id, step.address ?? undefined), step)
        break
      case 'write':
        if (desk.underWay) desk.write(step.fails ? 'EIO' : '')
        break
      case 'wait':
        desk.wait(step.ms)
        break
      case 'crash':
        desk.restart()
        this.#open.clear()
        break
      case 'serve':
        desk.serve(step.subnet === '' ? [] : [step.subnet])
        break
    }
    this.#hear()
    this.#check()
  }

  /** Everybody is answered once the disk has. */
  settle(): void {
    this.desk.writeAll()
    this.#hear()
    assert.equal(this.#open.size, 0, 'everybody was answered')
    this.#check()
  }

  #hear(): void {
    for (const [question, { id, type }] of this.#open) {
      const result = this.desk.answer(question)
      if (!result) continue
      this.#open.delete(question)
      if (type !== 'allocate' || !result.ok) continue
      const releasing = [...this.#open.values()].some(
        (other) => other.type === 'release' && other.id === id,
      )
      if (releasing) continue
      const mine = this.held.get(id) ?? new Map<string, string>()
      for (const { address } of result.leases ?? []) mine.set(address.text, id)
      this.held.set(id, mine)
    }
  }

  #check(): void {
    const durable = new Map(
      this.desk.table.stored().leases.map((lease) => [lease.address.text, lease.attachment.id]),
    )
    for (const [id, addresses] of this.held) {
      for (const address of addresses.keys()) {
        assert.equal(durable.get(address), id, `${address} is durably held by ${id}`)
      }
    }
    const { used, resting, free, size } = this.desk.ipam.view().subnets[0] ?? {}
    if (size === undefined) return
    assert.equal(BigInt((used ?? 0) + (resting ?? 0)) + (free ?? 0n), size)
    assert.ok((free ?? 0n) >= 0n)
  }
}

it('what was answered is durable, and in one hand alone', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const world = new World()
      for (const each of steps) world.perform(each)
      world.settle()
      // Nothing is lost either: whatever nobody holds can be had.
      world.desk.serve(['172.16.8.0/29'])
      world.desk.writeAll()
      const open = world.desk.ipam.view().subnets[0]
      let count = 0
      while (world.desk.get(`last-${count}`).startsWith('172')) count += 1
      assert.equal(BigInt(count), BigInt(open?.resting ?? 0) + (open?.free ?? 0n))
    }),
    { numRuns: 5_000 },
  )
})
