/** What the kernel has: links, addresses and the routes of our scope, and which route it would take. */

import { type Address, isLinkLocal } from '../../core/ip/address.ts'
import { keyText } from '../../core/routing/fib-view.ts'
import type {
  HostAddress,
  KernelRoute,
  NextHopAnswer,
  NextHopQuestion,
  UsageAnswer,
  UsageQuestion,
} from '../../core/routing/route.ts'
import { routeText } from '../../core/routing/route-text.ts'
import { readAddress, writeAddressDump } from './address-message.ts'
import { type LinkFacts, readLink, writeLinkDump } from './link-message.ts'
import { errnoOf, type Message, MessageWriter } from './message.ts'
import { type NeighbourTable, readNeighbour, writeNeighbourDump } from './neighbour-message.ts'
import { NeighbourTables } from './neighbour-table.ts'
import { type ProxiedNeighbour, readProxied, writeProxiedDump } from './proxy-message.ts'
import { readLookup, readRoute, writeDump, writeLookup } from './route-message.ts'
import {
  addressFlag,
  headerBytes,
  loopback,
  messageFlag,
  messageType,
  nextHopFlag,
  routeScope,
  routeType,
} from './rtnetlink.ts'
import { readRuleTable, writeRuleDump } from './rule-message.ts'
import type { ScopeFilter } from './scope.ts'
import { errorName, failureOf, NetlinkError, type RequestSocket } from './socket.ts'
import type { Words } from './words.ts'

/** An untrimmed answer takes a page of the receive buffer, whose default is 52 pages. */
const lookupsPerExchange = 32

/** A dump during which something changed is taken again; after the last try it stands, for events follow it. */
const dumpTries = 3

export interface KernelAddress extends HostAddress {
  readonly scope: 'global' | 'link' | 'other'
  /** It is neither temporary, deprecated, tentative nor a duplicate. */
  readonly lasting: boolean
  /** Who added it; 0: the kernel does not tell. */
  readonly protocol: number
}

/** Where the kernel would send a packet. */
export interface Lookup {
  /** `own`: the destination is an address of this host. */
  readonly type: 'link' | 'gateway' | 'own' | 'none'
  readonly ifindex: number
  readonly source: Address | undefined
}

interface LookupQuestion {
  readonly destination: Address
  /** 0: any. */
  readonly oif: number
}

/** What of the tables matches a destination. */
type RouteEntry =
  | { readonly type: 'none'; readonly error: string }
  | { readonly type: 'entry'; readonly route: KernelRoute; readonly isDown: boolean }

const nowhere: Lookup = { type: 'none', ifindex: 0, source: undefined }

export class Reader {
  readonly #socket: RequestSocket
  readonly #filter: ScopeFilter
  readonly #words: Words
  readonly #protocol: number
  /** Names of links as of the last dump of them. */
  readonly #names = new Map<number, string>()

  /** `protocol` marks what is the agent's own. */
  constructor(
    socket: RequestSocket,
    { filter, words, protocol }: { filter: ScopeFilter; words: Words; protocol: number },
  ) {
    this.#socket = socket
    this.#filter = filter
    this.#words = words
    this.#protocol = protocol
  }

  /** In the tables that the rules lead to at this moment. */
  async routes(): Promise<KernelRoute[]> {
    this.#filter.tables = await this.#tables()
    const found: KernelRoute[] = []
    for (const family of [4, 6] as const) {
      const ofFamily = await this.#dump(
        (writer, seq) => writeDump(writer, { family, seq }),
        (message) => {
          const facts = readRoute(message)
          // A kernel without IPv6 answers for IPv4 when it is asked for IPv6.
          if (facts?.family !== family || !this.#filter.admits(facts)) return undefined
          return this.#words.route(
            facts,
            this.#filter.isOwned(facts),
            this.#filter.otherTable(facts),
          )
        },
      )
      for (const route of ofFamily) found.push(route)
    }
    return found
  }

  async links(): Promise<LinkFacts[]> {
    const links = await this.#dump(writeLinkDump, readLink)
    this.#names.clear()
    for (const { ifindex, name } of links) this.#names.set(ifindex, name)
    return links
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
            ...this.#words.hostAddress(facts, this.#protocol),
            protocol: facts.protocol,
            scope: scopeOf(facts.scope),
            lasting: (facts.flags & unlasting[family]) === 0,
          }
        },
      )
      found.push(...ofFamily)
    }
    return found
  }

  async neighbours(): Promise<NeighbourTables> {
    const read = (table: NeighbourTable) =>
      this.#dump(
        (writer, seq) => writeNeighbourDump(writer, { table, seq }),
        (message) => readNeighbour(message, table),
      )
    return new NeighbourTables([...(await read(4)), ...(await read(6))], await read('bridge'))
  }

  /** IPv6 addresses that links answer for. */
  proxied(): Promise<ProxiedNeighbour[]> {
    return this.#dump(writeProxiedDump, readProxied)
  }

  /** One answer per destination, in order. */
  async lookUp(destinations: readonly Address[]): Promise<Lookup[]> {
    const asked = destinations.map((destination) => ({ destination, oif: 0 }))
    return this.#ask(asked, 'route', nowhere, (message) => this.#readLookup(message))
  }

  async lookUpNextHops(questions: readonly NextHopQuestion[]): Promise<NextHopAnswer[]> {
    const asked = questions.map(({ nextHop, ifindex }) => ({ destination: nextHop, oif: ifindex }))
    const lookups = await this.#ask(asked, 'route', nowhere, (message) => this.#readLookup(message))
    return questions.map((question, index) => {
      const { type, ifindex } = lookups[index] ?? nowhere
      // Without an interface the kernel answers a link-local address with any link it likes.
      const { nextHop } = question
      const isAnywhere = nextHop.family === 6 && isLinkLocal(nextHop) && question.ifindex === 0
      return { question, ifindex: type === 'link' && !isAnywhere ? ifindex : undefined }
    })
  }

  async lookUpUsage(questions: readonly UsageQuestion[]): Promise<UsageAnswer[]> {
    const asked = questions.map(({ destination }) => ({ destination, oif: 0 }))
    const none = { type: 'none', error: 'ENETUNREACH' } as const
    const entries = await this.#ask<RouteEntry>(asked, 'entry', none, (message) =>
      this.#readEntry(message),
    )
    return questions.map((question, index) => ({
      question,
      use: useOf(question, entries[index] ?? none, (ifindex) => this.#nameOf(ifindex)),
    }))
  }

  /** One answer per question, in order; `none` where the kernel gives nothing that `read` understands. */
  async #ask<T>(
    questions: readonly LookupQuestion[],
    answer: 'route' | 'entry',
    none: T,
    read: (message: Message) => T | undefined,
  ): Promise<T[]> {
    const found: T[] = []
    for (let from = 0; from < questions.length; from += lookupsPerExchange) {
      const chunk = questions.slice(from, from + lookupsPerExchange)
      const ofChunk: T[] = new Array(chunk.length).fill(none)
      const firstSeq = this.#socket.reserve(chunk.length)
      const writer = new MessageWriter(chunk.length * 64)
      for (const [index, { destination, oif }] of chunk.entries()) {
        writeLookup(writer, destination, { seq: (firstSeq + index) >>> 0, oif, answer })
      }
      writer.acknowledgeLast()
      await this.#socket.exchange({
        bytes: writer.bytes,
        firstSeq,
        lastSeq: (firstSeq + chunk.length - 1) >>> 0,
        visit: (message) => {
          const one = read(message)
          if (one !== undefined) ofChunk[(message.seq - firstSeq) >>> 0] = one
        },
      })
      for (const one of ofChunk) found.push(one)
    }
    return found
  }

  /** An error means that no route leads there, which is what each question starts with. */
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

  #readEntry(message: Message): RouteEntry | undefined {
    const failure = failureOf(message)
    if (failure !== undefined) return { type: 'none', error: failure }
    const facts = readLookup(message)
    if (facts === undefined) return undefined
    const isOwned = this.#filter.isOwned(facts)
    return {
      type: 'entry',
      route: this.#words.route(facts, isOwned, this.#filter.otherTable(facts)),
      isDown: (facts.flags & (nextHopFlag.dead | nextHopFlag.linkDown)) !== 0,
    }
  }

  #nameOf(ifindex: number): string {
    return this.#names.get(ifindex) ?? `if${ifindex}`
  }

  /** The rules of both families; without any, as in a kernel that has no policy routing, all tables count. */
  async #tables(): Promise<ReadonlySet<number>> {
    const tables = new Set<number>()
    for (const family of [4, 6] as const) {
      const ofFamily = await this.#dump(
        (writer, seq) => writeRuleDump(writer, { family, seq }),
        readRuleTable,
      )
      for (const table of ofFamily) tables.add(table)
    }
    return tables
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

function useOf(
  { key }: UsageQuestion,
  entry: RouteEntry,
  nameOf: (ifindex: number) => string,
): UsageAnswer['use'] {
  if (entry.type === 'none') return entry
  const { route, isDown } = entry
  const isOurs = route.owned && keyText(route) === keyText(key)
  if (isOurs) return { type: isDown ? 'dead' : 'ours' }
  return { type: 'other', route: routeText(route, nameOf) }
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
