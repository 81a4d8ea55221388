/** What the containers behind the hosts send each other: echoes between all, probes of what is not there, a ring of TCP. */

import { parsePrefix } from '../../src/core/ip/prefix.ts'
import type { ChaosHost } from './chaos-host.ts'
import { Echoes } from './echoes.ts'
import { type Line, nobody } from './judge/record.ts'
import { LeaseBook } from './lease-book.ts'
import { TcpStream } from './streams.ts'

/** Of the default pool; the highest that nobody claims is probed. */
const freePrefixes = ['172.31.248.0/22', '172.31.244.0/22', '172.31.240.0/22']

interface Ends {
  readonly echoes: Echoes
  readonly probes: Echoes
  readonly stream: TcpStream
  readonly book: LeaseBook
}

export class Mesh {
  readonly #hosts: readonly ChaosHost[]
  readonly #tell: (line: Line) => void
  readonly #ends = new Map<ChaosHost, Ends>()
  #isOver = false

  constructor(hosts: readonly ChaosHost[], tell: (line: Line) => void) {
    this.#hosts = hosts
    // They do not end all at once: what one misses then of another says nothing.
    this.#tell = (line) => {
      if (!this.#isOver || line.type === 'moved') tell(line)
    }
  }

  /** `claims`: all prefixes that hosts have. */
  async start(claims: readonly string[]): Promise<void> {
    const tell = this.#tell
    await Promise.all(this.#hosts.map((host) => this.#add(host)))
    for (const host of this.#hosts) this.tellAll(host)
    const prefix = freePrefixes.find((each) => !claims.includes(each)) ?? ''
    const network = parsePrefix(prefix)?.text.split('/')[0]?.replace(/0$/, '9')
    tell({ type: 'free', prefix })
    if (network) for (const { probes } of this.#ends.values()) probes.towards(nobody, network)
  }

  async #add(host: ChaosHost): Promise<void> {
    const { number: self, guest, prober } = host
    const tell = this.#tell
    await guest.create()
    await prober.create()
    const to = this.#next(host).number
    this.#ends.set(host, {
      echoes: await Echoes.start({ self, namespace: guest.namespace, isProbe: false, tell }),
      probes: await Echoes.start({ self, namespace: prober.namespace, isProbe: true, tell }),
      stream: await TcpStream.start({ self, to, namespace: guest.namespace }, tell),
      book: new LeaseBook(host, tell),
    })
    await host.hang()
  }

  /** Others send to where the host's container is, and it to them. */
  tellAll(host: ChaosHost): void {
    const own = this.#ends.get(host)
    for (const [other, { echoes, probes }] of this.#ends) {
      if (other === host) continue
      for (const sender of [echoes, probes]) {
        if (host.guest.address) sender.towards(host.number, host.guest.address)
        else sender.leave(host.number)
      }
      if (!other.guest.address) continue
      for (const sender of [own?.echoes, own?.probes]) {
        sender?.towards(other.number, other.guest.address)
      }
    }
    for (const [from, { stream }] of this.#ends) {
      stream.between(from.guest.address, this.#next(from).guest.address)
    }
  }

  /** What its agent granted is not known to the one that comes. */
  forgetLeases(host: ChaosHost): void {
    this.#ends.get(host)?.book.forget()
  }

  async checkLeases(atMs: number): Promise<void> {
    for (const { book } of this.#ends.values()) await book.check(atMs)
  }

  /** Resolves once all totals are told. */
  async sum(): Promise<void> {
    for (const { echoes, probes } of this.#ends.values()) {
      await echoes.sum()
      await probes.sum()
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true
    for (const { echoes, probes, stream, book } of this.#ends.values()) {
      await book.stop()
      await Promise.all([echoes.stop(), probes.stop(), stream.stop()])
    }
    this.#ends.clear()
  }

  #next({ number }: ChaosHost): ChaosHost {
    return this.#hosts[(number + 1) % this.#hosts.length] as ChaosHost
  }
}
