/** `Discovery` by multicast DNS: asks ever more rarely, answers seldom, and remembers who answered. */

import type { Address } from '../../core/ip/address.ts'
import type { Millis, Rng } from '../../core/rng.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Discovery, DiscoveryEvent } from '../../ports/discovery.ts'
import { isLinkLocalText, type Place, placeOn } from './link.ts'
import { clusterNames, instanceName } from './names.ts'
import { Neighbours } from './neighbours.ts'
import { answer, question, read, ttlMs } from './packet.ts'
import { type MulticastSocket, openSocket } from './socket.ts'

export interface MdnsOptions {
  readonly cluster: string
  /** Of which each is a name to be found by; empty: whoever knows the cluster's name finds it. */
  readonly clusterKeys: readonly Uint8Array[]
  /** Where others may dial this node; undefined: it asks, and answers nobody. */
  readonly port: number | undefined
  readonly clock: Clock
  readonly rng: Rng
  readonly open?: typeof openSocket
  readonly placeOn?: typeof placeOn
}

/** Between the first two questions, as RFC 6762, 5.2 allows; then twice as long each time, up to `pauseMsMax`. */
const pauseMsMin = 1_000
const pauseMsMax = 120_000
/** Hosts that hear one question do not answer in one moment (RFC 6762, 6). */
const answerMs = { least: 20, spread: 100 }
/** Between two answers: questions cost no more than this. */
const answerAgainMs = 1_000
/** In a second. Beyond it the socket is closed for a while: not even dropping them costs anything. */
const packetsMax = 250
const floodedMs = 10_000
/** In IPv6 the kernel tests an address for a second or two before anything may be sent from it, and a newcomer waits for three. */
const retryMs = 1_000

export function mdnsDiscovery(options: MdnsOptions): Discovery {
  return new MdnsDiscovery(options)
}

class MdnsDiscovery implements Discovery {
  readonly #options: MdnsOptions
  readonly #names: readonly string[]
  readonly #instance = instanceName()
  readonly #neighbours = new Neighbours()
  readonly #packets = { since: Number.NEGATIVE_INFINITY, count: 0 }
  #deliver: ((event: DiscoveryEvent) => void) | undefined
  #uplink: { readonly link: string; readonly nextHops: readonly Address[] } = {
    link: '',
    nextHops: [],
  }
  /** Where the socket is; undefined while there is none. */
  #place: Place | undefined
  #socket: MulticastSocket | undefined
  #pauseMs = pauseMsMin
  #askAt: Millis = Number.POSITIVE_INFINITY
  #answerAt: Millis = Number.POSITIVE_INFINITY
  #answeredAt: Millis = Number.NEGATIVE_INFINITY
  /** A newcomer says twice that it is there. */
  #announces = 0
  #cancel: (() => void) | undefined
  #trouble: { readonly link: string; readonly reason: string } | undefined

  constructor(options: MdnsOptions) {
    this.#options = options
    this.#names = clusterNames(options.cluster, options.clusterKeys)
  }

  start(deliver: (event: DiscoveryEvent) => void): void {
    this.#deliver = deliver
  }

  follow(uplink: { readonly link: string; readonly nextHops: readonly Address[] }): void {
    this.#uplink = uplink
    this.#settle()
    this.#arm()
  }

  async stop(): Promise<void> {
    this.#deliver = undefined
    this.#cancel?.()
    if (this.#answeredAt > Number.NEGATIVE_INFINITY) await this.#say(0)
    await this.#close()
  }

  /** The socket is where the uplink is, with the addresses that it has at this moment. */
  #settle(): void {
    const { link, nextHops } = this.#uplink
    const { placeOn: find = placeOn, clock } = this.#options
    const place = link === '' ? undefined : find(link, nextHops)
    if (this.#socket && placeText(place) === placeText(this.#place)) return
    void this.#close()
    if (this.#place?.link !== place?.link) this.#forgetAll()
    this.#place = place
    if (!place) return this.#told(undefined)
    this.#open(place)
    this.#pauseMs = pauseMsMin
    this.#askAt = this.#soon(clock.now())
    this.#announces = 2
    this.#answerAt = this.#askAt
  }

  #open(place: Place): void {
    const { open = openSocket, clock } = this.#options
    const socket = open(place, {
      heard: (bytes, sender, from) => {
        if (this.#socket === socket) this.#heard(bytes, sender, from)
      },
      failed: (reason) => {
        if (this.#socket !== socket) return
        this.#told({ link: place.link, reason })
        this.#pause(clock.now() + retryMs)
      },
    })
    this.#socket = socket
  }

  /** Nothing is sent or heard until then. */
  #pause(until: Millis): void {
    void this.#close()
    this.#askAt = until
    this.#answerAt = Number.POSITIVE_INFINITY
    this.#arm()
  }

  async #close(): Promise<void> {
    const socket = this.#socket
    this.#socket = undefined
    this.#askAt = Number.POSITIVE_INFINITY
    this.#answerAt = Number.POSITIVE_INFINITY
    await socket?.close()
  }

  #heard(bytes: Uint8Array, sender: string, from: 'its-port' | 'another-port'): void {
    const now = this.#options.clock.now()
    if (this.#isFlooded(now)) return
    const heard = read(bytes, this.#names)
    if (!heard) return
    const { says, asks } = heard
    if (says) {
      if (says.instance === this.#instance || from === 'another-port') return
      if (isLinkLocalText(sender)) return
      if (this.#neighbours.heard({ address: sender, port: says.port }, says.forMs, now))
        this.#tell()
      return
    }
    if (asks) this.#askedByAnother(now)
    this.#answerSoon(now)
    this.#arm()
  }

  /** Its own question comes back to this node, too. */
  #askedByAnother(now: Millis): void {
    // Its answers come to this node as well (RFC 6762, 7.3): in a large cluster one asks for all.
    if (this.#pauseMs >= pauseMsMax) this.#askAt = now + this.#spread(this.#pauseMs)
  }

  #answerSoon(now: Millis): void {
    const at = Math.max(this.#soon(now), this.#answeredAt + answerAgainMs)
    if (this.#options.port !== undefined) this.#answerAt = Math.min(this.#answerAt, at)
  }

  #isFlooded(now: Millis): boolean {
    if (now - this.#packets.since >= 1_000) {
      this.#packets.since = now
      this.#packets.count = 0
    }
    this.#packets.count += 1
    if (this.#packets.count <= packetsMax) return false
    const link = this.#uplink.link
    this.#told({ link, reason: `more than ${packetsMax} packets came in a second` })
    this.#pause(now + floodedMs)
    return true
  }

  #arm(): void {
    this.#cancel?.()
    const at = Math.min(this.#askAt, this.#answerAt)
    if (!Number.isFinite(at) || !this.#deliver) return
    this.#cancel = this.#options.clock.schedule(at, () => this.#wake())
  }

  #wake(): void {
    const now = this.#options.clock.now()
    if (this.#neighbours.forget(now)) this.#tell()
    // An address may have changed, or the socket was lost.
    if (this.#askAt <= now) this.#settle()
    if (this.#askAt <= now) this.#ask(now)
    if (this.#answerAt <= now) this.#answer(now)
    this.#arm()
  }

  #ask(now: Millis): void {
    void this.#socket?.send(question(this.#names))
    // It stands for as long as nothing fails.
    if (this.#pauseMs > pauseMsMin) this.#told(undefined)
    this.#askAt = now + this.#spread(this.#pauseMs)
    this.#pauseMs = Math.min(this.#pauseMs * 2, pauseMsMax)
  }

  #answer(now: Millis): void {
    this.#answerAt = Number.POSITIVE_INFINITY
    if (this.#options.port === undefined) return
    void this.#say(ttlMs)
    this.#answeredAt = now
    this.#announces -= 1
    if (this.#announces > 0) this.#answerAt = now + answerAgainMs
  }

  async #say(forMs: number): Promise<void> {
    const { port } = this.#options
    if (port === undefined) return
    await this.#socket?.send(answer(this.#names, { instance: this.#instance, port, forMs }))
  }

  #soon(now: Millis): Millis {
    return now + answerMs.least + answerMs.spread * this.#options.rng()
  }

  #spread(pauseMs: number): number {
    return pauseMs * (1 + this.#options.rng() / 4)
  }

  #forgetAll(): void {
    if (this.#neighbours.all.length === 0) return
    this.#neighbours.clear()
    this.#tell()
  }

  #tell(): void {
    this.#deliver?.({ type: 'neighbours-heard', neighbours: this.#neighbours.all })
  }

  #told(trouble: { readonly link: string; readonly reason: string } | undefined): void {
    const before = this.#trouble
    if (before?.link === trouble?.link && before?.reason === trouble?.reason) return
    this.#trouble = trouble
    const report = ({ link, reason }: NonNullable<typeof trouble>, active: boolean) =>
      this.#deliver?.({
        type: 'trouble-reported',
        trouble: { code: 'discovery-failed', subject: link, reason, active },
      })
    if (before && before.link !== trouble?.link) report(before, false)
    if (trouble) report(trouble, true)
  }
}

const placeText = (place: Place | undefined): string =>
  place === undefined
    ? ''
    : [
        place.link,
        place.interface,
        place.source ?? '',
        ...place.networks.map(({ text }) => text),
      ].join(' ')
