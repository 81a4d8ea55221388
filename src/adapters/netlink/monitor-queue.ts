/** Notifications that wait for the agent: only what concerns it, the latest word on each thing, and a bounded number. */

import { readAddress } from './address-message.ts'
import { readLink } from './link-message.ts'
import type { Message } from './message.ts'
import type { Frame, MonitorSetup } from './monitor-message.ts'
import { type RouteFacts, readRoute } from './route-message.ts'
import { messageFlag, messageType } from './rtnetlink.ts'
import { ScopeFilter } from './scope.ts'

/** Some 2 MiB. At the bound everything is dropped and said to be lost: a dump costs less than so many events. */
const waitingMax = 16_384

interface Waiting {
  readonly seq: number
  readonly bytes: Buffer
}

export class MonitorQueue {
  readonly #ownPort: number
  readonly #filter: ScopeFilter
  /** By identity, in order of the last word on each. */
  readonly #waiting = new Map<string, Waiting>()
  /** State of each link as last seen; as many as the host has links. */
  readonly #links = new Map<number, string>()
  #lost = false
  #foreign = 0
  #seq: number
  #seqTold: number

  constructor({ scope, ownPort, seq, watched }: MonitorSetup) {
    this.#seq = seq
    this.#seqTold = seq
    this.#ownPort = ownPort
    this.#filter = new ScopeFilter(scope)
    this.watch(watched)
  }

  watch(keys: readonly string[]): void {
    for (const key of keys) this.#filter.watch(key)
  }

  /** Own writes up to `seq` are past, seen or not. */
  skipOwn(seq: number): void {
    this.#seq = seq
    this.#seqTold = seq
  }

  offer(message: Message): void {
    switch (message.type) {
      case messageType.newRoute:
      case messageType.delRoute:
        return this.#offerRoute(message)
      case messageType.newLink:
      case messageType.delLink:
        return this.#offerLink(message)
      case messageType.newAddress:
      case messageType.delAddress:
        return this.#offerAddress(message)
      case messageType.newRule:
      case messageType.delRule:
      case messageType.newNexthop:
      case messageType.delNexthop:
      case messageType.newNetconf:
      case messageType.delNetconf:
        // That there was one is all that matters.
        return this.#keep(`type ${message.type}`, message)
    }
  }

  /** Whether something waits that the agent must know at once. */
  get hasNews(): boolean {
    return this.#lost || this.#waiting.size > 0
  }

  /** How many changes of routes wait to be told that concern nobody by themselves. */
  get foreign(): number {
    return this.#foreign
  }

  /** How many own writes were seen that no frame told of. */
  get ownUntold(): number {
    return (this.#seq - this.#seqTold) >>> 0
  }

  /** Takes everything out. */
  frame(): Frame {
    const frame: Frame = {
      type: 'frame',
      lost: this.#lost,
      seq: this.#seq,
      foreign: this.#foreign,
      notifications: packed(this.#waiting),
    }
    this.#lost = false
    this.#foreign = 0
    this.#seqTold = this.#seq
    this.#waiting.clear()
    return frame
  }

  #offerRoute(message: Message): void {
    if (message.port === this.#ownPort) {
      this.#seq = message.seq
      return
    }
    const facts = readRoute(message)
    if (facts === undefined) return
    if (!this.#filter.admits(facts)) {
      if (!isLinkLocal(facts)) this.#foreign += 1
      return
    }
    const { family, length, metric, protocol, type, oif, table, destinationAt, gatewayAt } = facts
    const bytes = family === 4 ? 4 : 16
    const textAt = (at: number) => (at === 0 ? '' : message.data.toString('latin1', at, at + bytes))
    const identity = `${family}/${length}/${table}/${metric}/${protocol}/${type}/${oif}/${textAt(destinationAt)}/${textAt(gatewayAt)}`
    if ((message.flags & messageFlag.replace) === 0) return this.#keep(identity, message)
    // A replacement also ends another route, which has no removal of its own: its later removal must not hide it.
    this.#waiting.delete(identity)
    this.#keep(`${identity}=`, message)
  }

  #offerLink(message: Message): void {
    const link = readLink(message)
    if (link === undefined) return
    const { ifindex, removed, up, carrier, name } = link
    const state = removed ? 'removed' : up ? (carrier ? 'up' : 'up, no carrier') : 'down'
    if (this.#links.get(ifindex) === `${state} ${name}`) return
    if (removed) this.#links.delete(ifindex)
    else this.#links.set(ifindex, `${state} ${name}`)
    // Down and up again is no return to what was: routes are gone. So the last word on each state is kept.
    this.#keep(`link ${ifindex} ${state}`, message)
  }

  #offerAddress(message: Message): void {
    const facts = readAddress(message)
    if (facts === undefined) return
    const { ifindex, length, family, addressAt, removed } = facts
    const text = message.data.toString('hex', addressAt, addressAt + (family === 4 ? 4 : 16))
    // Like a link: its removal may have taken routes along.
    this.#keep(`address ${ifindex} ${text}/${length} ${removed}`, message)
  }

  #keep(identity: string, { data, start, end }: Message): void {
    if (this.#lost) return
    this.#waiting.delete(identity)
    if (this.#waiting.size >= waitingMax) {
      this.#waiting.clear()
      this.#lost = true
      return
    }
    // A copy, for the datagram's buffer is far larger.
    this.#waiting.set(identity, { seq: this.#seq, bytes: Buffer.from(data.subarray(start, end)) })
  }
}

/** Every container's link brings such a route. Those of links that matter come and go with an address there. */
const isLinkLocal = ({ family, destinationAt, message }: RouteFacts): boolean =>
  family === 6 &&
  destinationAt !== 0 &&
  message.data[destinationAt] === 0xfe &&
  ((message.data[destinationAt + 1] ?? 0) & 0xc0) === 0x80

function packed(waiting: ReadonlyMap<string, Waiting>): Uint8Array {
  let length = 0
  for (const { bytes } of waiting.values()) length += 4 + ((bytes.length + 3) & ~3)
  const frame = Buffer.alloc(length)
  let at = 0
  for (const { seq, bytes } of waiting.values()) {
    frame.writeUInt32LE(seq, at)
    frame.set(bytes, at + 4)
    at += 4 + ((bytes.length + 3) & ~3)
  }
  return frame
}
