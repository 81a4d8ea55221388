/** Looks things up in the kernel for people, on a socket of its own: the agent waits for none of it. */

import { createSocket } from 'node:dgram'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address, Family } from '../../core/ip/address.ts'
import type { Look, Neighbour } from '../../core/path/look.ts'
import { routeText } from '../../core/routing/route-text.ts'
import type { Inspection } from '../../ports/inspection.ts'
import type { KernelScope } from '../../ports/kernel.ts'
import { readLink, writeLinkQuestion } from './link-message.ts'
import { type Message, MessageWriter } from './message.ts'
import { readNeighbourState, writeNeighbourQuestion } from './neighbour-message.ts'
import { readLookup, writeLookup } from './route-message.ts'
import { neighbourState, nextHopFlag, routeType } from './rtnetlink.ts'
import { byteScope, ScopeFilter } from './scope.ts'
import { failureOf, RequestSocket } from './socket.ts'
import { Words } from './words.ts'

export interface KernelInspection extends Omit<Inspection, 'firewall'> {
  stop(): Promise<void>
}

/** Longer than any answer about one route, link or neighbour. */
const answerBytes = 16_384
/** The kernel asks three times within three seconds, and then says so. */
const patienceMs = 3_500
const everyMs = 50
/** Discard: whoever lives there has the packet dropped, and its kernel has answered before that. */
const discard = 9

export function inspectKernel(scope: KernelScope): KernelInspection {
  // Most agents are never asked.
  let opened: Desk | undefined
  const desk = () => {
    opened ??= new Desk(scope)
    return opened
  }
  return {
    lookUp: (to) => desk().lookUp(to),
    comeIn: (packet) => desk().comeIn(packet),
    neighbour: (address, ifindex) => desk().neighbour(address, ifindex),
    forwarding: readForwarding,
    stop: async () => opened?.stop(),
  }
}

class Desk {
  readonly #socket = new RequestSocket(answerBytes)
  readonly #words = new Words()
  readonly #filter: ScopeFilter

  constructor(scope: KernelScope) {
    this.#filter = new ScopeFilter(byteScope(scope))
  }

  async lookUp(to: Address): Promise<Look> {
    const { answer, error } = await this.#ask(
      (writer, seq) => writeLookup(writer, to, { seq, oif: 0, answer: 'entry' }),
      readLookup,
    )
    if (!answer) return { ...nowhere, error: error || 'ENETUNREACH' }
    const { family, type, oif, gatewayAt, flags, message } = answer
    const link = await this.#linkName(oif)
    const isOwned = this.#filter.isOwned(answer)
    const route = this.#words.route(answer, isOwned, this.#filter.otherTable(answer))
    const isOwn = type === routeType.local
    const leads = type === routeType.unicast
    return {
      type: isOwn ? 'own' : !leads ? 'none' : gatewayAt === 0 && answer.plain ? 'link' : 'gateway',
      route: isOwn ? `local ${route.prefix.text} dev ${link}` : routeText(route, () => link),
      isOwned,
      isDown: (flags & (nextHopFlag.dead | nextHopFlag.linkDown)) !== 0,
      ifindex: oif,
      interface: link,
      nextHop: gatewayAt === 0 ? undefined : this.#words.address(message.data, family, gatewayAt),
      error: isOwn || leads ? '' : 'EHOSTUNREACH',
    }
  }

  async comeIn({
    from,
    to,
    ifindex,
  }: {
    from: Address
    to: Address
    ifindex: number
  }): Promise<string | undefined> {
    const { answer, error } = await this.#ask(
      (writer, seq) =>
        writeLookup(writer, to, { seq, oif: 0, answer: 'route', input: { from, ifindex } }),
      readLookup,
    )
    if (answer) return ''
    // Since Linux 6.13 this stands for every reason; before, the filter had a name of its own.
    if (error === 'EINVAL' && (await filtersStrictly(await this.#linkName(ifindex)))) return 'EXDEV'
    return error || undefined
  }

  async neighbour(address: Address, ifindex: number): Promise<Neighbour> {
    const first = await this.#neighbour(address, ifindex)
    if (first !== 'unknown' && first !== 'silent') return first
    await provoke(address)
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += everyMs) {
      const state = await this.#neighbour(address, ifindex)
      if (state !== 'unknown') return state
      await sleep(everyMs)
    }
    return 'unknown'
  }

  stop(): Promise<void> {
    return this.#socket.close()
  }

  async #neighbour(address: Address, ifindex: number): Promise<Neighbour> {
    const { answer = 0 } = await this.#ask(
      (writer, seq) => writeNeighbourQuestion(writer, { address, ifindex, seq }),
      readNeighbourState,
    )
    if ((answer & neighbourState.failed) !== 0) return 'silent'
    if ((answer & neighbourState.noArp) !== 0) return 'none'
    if ((answer & (neighbourState.reachable | neighbourState.permanent)) !== 0) return 'answers'
    const past = neighbourState.stale | neighbourState.delay | neighbourState.probe
    return (answer & past) === 0 ? 'unknown' : 'stale'
  }

  async #linkName(ifindex: number): Promise<string> {
    if (ifindex === 0) return ''
    const write = (writer: MessageWriter, seq: number) =>
      writeLinkQuestion(writer, { ifindex, seq })
    const { answer } = await this.#ask(write, readLink)
    return answer?.name ?? `if${ifindex}`
  }

  /** Where the kernel cannot be asked, nothing is known. */
  async #ask<T>(
    write: (writer: MessageWriter, seq: number) => void,
    read: (message: Message) => T | undefined,
  ): Promise<{ answer: T | undefined; error: string }> {
    const seq = this.#socket.reserve(1)
    const writer = new MessageWriter(128)
    write(writer, seq)
    writer.acknowledgeLast()
    let answer: T | undefined
    let error = ''
    try {
      await this.#socket.exchange({
        bytes: writer.bytes,
        firstSeq: seq,
        lastSeq: seq,
        visit: (message) => {
          answer ??= read(message)
          error ||= failureOf(message) ?? ''
        },
      })
    } catch (thrown) {
      error = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)
    }
    return { answer, error }
  }
}

const nowhere: Omit<Look, 'error'> = {
  type: 'none',
  route: '',
  isOwned: false,
  isDown: false,
  ifindex: 0,
  interface: '',
  nextHop: undefined,
}

/** For IPv6 the whole host decides, and for IPv4 the link that a packet comes in by. */
async function readForwarding(family: Family, link: string): Promise<'on' | 'off' | 'unknown'> {
  const [version, scope] = family === 4 ? ['ipv4', link] : ['ipv6', 'all']
  try {
    const text = await readFile(`/proc/sys/net/${version}/conf/${scope}/forwarding`, 'utf8')
    return text.trim() === '0' ? 'off' : 'on'
  } catch {
    return 'unknown'
  }
}

/** By the reverse path of IPv4: the stricter of two settings counts. */
async function filtersStrictly(link: string): Promise<boolean> {
  const read = (scope: string) =>
    readFile(`/proc/sys/net/ipv4/conf/${scope}/rp_filter`, 'utf8').catch(() => '0')
  const [all, own] = await Promise.all([read('all'), read(link)])
  return Math.max(Number(all), Number(own)) === 1
}

/** One byte, by which the kernel looks for whoever has the address. */
function provoke({ family, text }: Address): Promise<void> {
  return new Promise((resolve) => {
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6')
    const end = () => socket.close(() => resolve())
    socket.once('error', end)
    socket.send(Buffer.alloc(1), discard, text, end)
  })
}
