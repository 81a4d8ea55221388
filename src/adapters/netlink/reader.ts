/** What the kernel has: links, addresses and the routes of our scope, and which route it would take. */

import { type Address, isLinkLocal } from '../../core/ip/address.ts'
import type { HostAddress, KernelRoute, NextHopAnswer } from '../../core/routing/route.ts'
import { readAddress, writeAddressDump } from './address-message.ts'
import { type LinkFacts, readLink, writeLinkDump } from './link-message.ts'
import { errnoOf, type Message, MessageWriter } from './message.ts'
import { readLookup, readRoute, writeDump, writeLookup } from './route-message.ts'
import {
  addressFlag,
  headerBytes,
  loopback,
  messageFlag,
  messageType,
  routeScope,
  routeType,
} from './rtnetlink.ts'
import type { ScopeFilter } from './scope.ts'
import { errorName, NetlinkError, type RequestSocket } from './socket.ts'
import type { Words } from './words.ts'

/** An untrimmed answer takes a page of the receive buffer, whose default is 52 pages. */
const lookupsPerExchange = 32

/** A dump during which something changed is taken again; after the last try it stands, for events follow it. */
const dumpTries = 3

export interface KernelAddress extends HostAddress {
  readonly scope: 'global' | 'link' | 'other'
  /** It is neither temporary, deprecated, tentative nor a duplicate. */
  readonly lasting: boolean
}

/** Where the kernel would send a packet. */
export interface Lookup {
  /** `own`: the destination is an address of this host. */
  readonly type: 'link' | 'gateway' | 'own' | 'none'
  readonly ifindex: number
  readonly source: Address | undefined
}

const nowhere: Lookup = { type: 'none', ifindex: 0, source: undefined }

export class Reader {
  readonly #socket: RequestSocket
  readonly #filter: ScopeFilter
  readonly #words: Words

  constructor(socket: RequestSocket, filter: ScopeFilter, words: Words) {
    this.#socket = socket
    this.#filter = filter
    this.#words = words
  }

  async routes(): Promise<KernelRoute[]> {
    const found: KernelRoute[] = []
    for (const family of [4, 6] as const) {
      const ofFamily = await this.#dump(
        (writer, seq) => writeDump(writer, { family, seq }),
        (message) => {
          const facts = readRoute(message)
          // A kernel without IPv6 answers for IPv4 when it is asked for IPv6.
          if (facts?.family !== family || !this.#filter.admits(facts)) return undefined
          return this.#words.route(facts, this.#filter.isOwned(facts))
        },
      )
      for (const route of ofFamily) found.push(route)
    }
    return found
  }

  links(): Promise<LinkFacts[]> {
    return this.#dump(writeLinkDump, readLink)
  }

  async addresses(): Promise<KernelAddress[]> {
    const found: KernelAddress[] = []
    for (const family of [4, 6] as const) {
      const ofFamily = await this.#dump(
        (writer, seq) => writeAddressDump(writer, { family, seq }),
        (message) => {
          const facts = readAddress(message)
          if (facts?.family !== family) return undefined
          return {
            ...this.#words.hostAddress(facts),
            scope: scopeOf(facts.scope),
            lasting: (facts.flags & unlasting[family]) === 0,
          }
        },
      )
      found.push(...ofFamily)
    }
    return found
  }

  /** One answer per address, in order. */
  async lookUp(addresses: readonly Address[], oifOf: (a: Address) => number): Promise<Lookup[]> {
    const found: Lookup[] = []
    for (let from = 0; from < addresses.length; from += lookupsPerExchange) {
      const chunk = addresses.slice(from, from + lookupsPerExchange)
      found.push(...(await this.#lookUpChunk(chunk, oifOf)))
    }
    return found
  }

  async lookUpNextHops(
    nextHops: readonly Address[],
    linkLocalAt: number,
  ): Promise<NextHopAnswer[]> {
    const scoped = (hop: Address): boolean => hop.family === 6 && isLinkLocal(hop)
    const lookups = await this.lookUp(nextHops, (hop) => (scoped(hop) ? linkLocalAt : 0))
    return nextHops.map((nextHop, index) => {
      const { type, ifindex } = lookups[index] ?? nowhere
      // Without an interface the kernel answers a link-local address with any link it likes.
      const onLink = type === 'link' && !(scoped(nextHop) && linkLocalAt === 0)
      return { nextHop, ifindex: onLink ? ifindex : undefined }
    })
  }

  async #lookUpChunk(
    chunk: readonly Address[],
    oifOf: (address: Address) => number,
  ): Promise<Lookup[]> {
    const found: Lookup[] = new Array(chunk.length).fill(nowhere)
    const firstSeq = this.#socket.reserve(chunk.length)
    const writer = new MessageWriter(chunk.length * 64)
    for (const [index, address] of chunk.entries()) {
      writeLookup(writer, address, { seq: (firstSeq + index) >>> 0, oif: oifOf(address) })
    }
    writer.acknowledgeLast()
    await this.#socket.exchange({
      bytes: writer.bytes,
      firstSeq,
      lastSeq: (firstSeq + chunk.length - 1) >>> 0,
      visit: (message) => {
        const lookup = this.#readLookup(message)
        // An error means that no route leads there, which is how each of them starts.
        if (lookup) found[(message.seq - firstSeq) >>> 0] = lookup
      },
    })
    return found
  }

  #readLookup(message: Message): Lookup | undefined {
    const facts = readLookup(message)
    if (facts === undefined) return undefined
    const { family, type, oif, gatewayAt, plain, preferredSourceAt } = facts
    const source =
      preferredSourceAt === 0
        ? undefined
        : this.#words.address(message.data, family, preferredSourceAt)
    if (type === routeType.local) return { type: 'own', ifindex: oif, source }
    if (type !== routeType.unicast || oif === 0 || oif === loopback) return nowhere
    return { type: gatewayAt === 0 && plain ? 'link' : 'gateway', ifindex: oif, source }
  }

  async #dump<T>(
    write: (writer: MessageWriter, seq: number) => void,
    read: (message: Message) => T | undefined,
  ): Promise<T[]> {
    for (let tries = 1; ; tries += 1) {
      const found: T[] = []
      let interrupted = false
      let failure = 0
      const seq = this.#socket.reserve(1)
      const writer = new MessageWriter(64)
      write(writer, seq)
      await this.#socket.exchange({
        bytes: writer.bytes,
        firstSeq: seq,
        lastSeq: seq,
        visit: (message) => {
          interrupted ||= (message.flags & messageFlag.dumpInterrupted) !== 0
          if (message.type === messageType.error || message.type === messageType.done) {
            if (message.end >= message.start + headerBytes + 4) failure = errnoOf(message)
            return
          }
          const thing = read(message)
          if (thing !== undefined) found.push(thing)
        },
      })
      if (failure !== 0) throw new NetlinkError(errorName(failure), 'the kernel refuses a dump')
      if (!interrupted || tries >= dumpTries) return found
    }
  }
}

function scopeOf(scope: number): KernelAddress['scope'] {
  if (scope === routeScope.universe) return 'global'
  return scope === routeScope.link ? 'link' : 'other'
}

/** For IPv4 the bit of "temporary" means "secondary", which is as good an address as the first. */
const unlasting = {
  4: addressFlag.deprecated,
  6: addressFlag.temporary | addressFlag.deprecated | addressFlag.tentative | addressFlag.duplicate,
} as const
