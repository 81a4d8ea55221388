/** An allocator at a desk: asked by hand, with a store whose answers are given by hand. */

import assert from 'node:assert/strict'
import { LeaseTable } from '../../../simulations/sim/lease-table.ts'
import type { CommandResult, Effect } from '../../../src/core/effect.ts'
import type { Address, Family } from '../../../src/core/ip/address.ts'
import { Ipam } from '../../../src/core/ipam/ipam.ts'
import type {
  Attachment,
  LeaseChange,
  LeaseRequest,
  StoredLeases,
} from '../../../src/core/ipam/lease.ts'
import type { Reserve } from '../../../src/core/ipam/reserve.ts'
import { addressOf, prefixOf } from '../specimens.ts'

export interface Asked {
  readonly name?: string
  readonly addresses?: readonly string[]
  readonly families?: readonly Family[] | 'served'
  /** Of its namespace; one of its own by default. */
  readonly inode?: string
}

export class Desk {
  now = 0
  bootId = 'boot'
  readonly table = new LeaseTable()
  /** What the store has not answered. */
  underWay: readonly LeaseChange[] | undefined
  ipam: Ipam
  readonly #reserve: readonly Reserve[]
  readonly #rng: () => number
  readonly #witnessed: boolean
  #subnets: readonly string[]
  #ids = 0
  readonly #replies = new Map<number, CommandResult>()

  constructor(
    subnets: readonly string[],
    options: {
      reserve?: readonly Reserve[]
      rng?: () => number
      stored?: StoredLeases | string
      witnessed?: boolean
    } = {},
  ) {
    this.#subnets = subnets
    this.#reserve = options.reserve ?? []
    this.#rng = options.rng ?? (() => 0)
    this.#witnessed = options.witnessed ?? false
    this.ipam = this.#make(options.stored ?? this.table.stored())
  }

  /** As after a crash: what the store has not taken is gone. */
  restart(): void {
    this.underWay = undefined
    this.ipam = this.#make(this.table.stored())
  }

  serve(subnets: readonly string[]): void {
    this.#subnets = subnets
    this.ipam.serve(subnets.map(prefixOf), this.now)
    this.perform()
  }

  /** Returns the number of the question. */
  ask(id: string, asked: Asked = {}): number {
    this.#ids += 1
    const request = requestOf(id, asked)
    const inode = asked.inode ?? `4:${this.#ids}`
    const witness = { bootId: this.bootId, path: `/run/netns/${id}`, inode }
    this.ipam.allocate(this.#ids, this.#witnessed ? { ...request, witness } : request, this.now)
    this.perform()
    return this.#ids
  }

  askRelease(id: string, only?: string): number {
    this.#ids += 1
    const address = only === undefined ? undefined : addressOf(only)
    this.ipam.release(this.#ids, attachmentOf(id), address, this.now)
    this.perform()
    return this.#ids
  }

  askAdopt(held: readonly { id: string; address: Address }[]): number {
    this.#ids += 1
    const all = held.map(({ id, address }) => ({ ...requestOf(id, {}), address }))
    this.ipam.adopt(this.#ids, all, this.now)
    this.perform()
    return this.#ids
  }

  /** The store answers. */
  write(error = ''): void {
    const changes = this.underWay
    assert.ok(changes, 'the store was asked')
    this.underWay = undefined
    if (error === '') this.table.apply(changes)
    this.ipam.persisted(error, this.now)
    this.perform()
  }

  writeAll(): void {
    while (this.underWay) this.write()
  }

  wait(ms: number): void {
    this.now += ms
    if (this.ipam.nextDeadline() <= this.now) this.ipam.expire(this.now)
    assert.ok(this.ipam.nextDeadline() > this.now, 'the deadline is satisfied')
    this.perform()
  }

  answer(question: number): CommandResult | undefined {
    return this.#replies.get(question)
  }

  /** Asks and has it written; the addresses, or the code of the refusal. */
  get(id: string, asked: Asked = {}): string {
    const question = this.ask(id, asked)
    this.writeAll()
    return textOf(this.answer(question))
  }

  free(id: string, only?: string): string {
    const question = this.askRelease(id, only)
    this.writeAll()
    return textOf(this.answer(question))
  }

  #make(stored: StoredLeases | string): Ipam {
    const ipam = new Ipam(
      { reserve: this.#reserve, wallOffsetMs: 1e12, bootId: this.bootId },
      stored,
      this.#rng,
      this.now,
    )
    ipam.serve(this.#subnets.map(prefixOf), this.now)
    this.#take(ipam.flush())
    return ipam
  }

  perform(): void {
    this.#take(this.ipam.flush())
  }

  #take(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === 'reply') {
        assert.ok(!this.#replies.has(effect.id), 'nobody is answered twice')
        this.#replies.set(effect.id, effect.result)
      } else if (effect.type === 'persist-leases') {
        assert.equal(this.underWay, undefined, 'one write at a time')
        this.underWay = effect.changes
      } else assert.fail(`unexpected ${effect.type}`)
    }
  }
}

export const attachmentOf = (id: string): Attachment => ({
  door: 'cni',
  network: 'pods',
  id,
  ifname: 'eth0',
})

export const requestOf = (id: string, asked: Asked): LeaseRequest => ({
  attachment: attachmentOf(id),
  name: asked.name ?? '',
  addresses: (asked.addresses ?? []).map(addressOf),
  families: asked.families ?? 'served',
  witness: { bootId: '', path: '', inode: '' },
  mac: '',
})

export const textOf = (result: CommandResult | undefined): string => {
  if (!result) return 'no answer yet'
  return result.ok
    ? (result.leases ?? []).map(({ address }) => address.text).join(' ')
    : result.code
}
