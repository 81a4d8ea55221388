/** One seed: dials every address it stands for until each is connected, and says what is wrong with it, once. */

import { networkInterfaces } from 'node:os'
import type { NodeId } from '../../core/claim/record.ts'
import type { Trouble } from '../../core/event.ts'
import type { Millis } from '../../core/rng.ts'
import type { Clock } from '../../ports/clock.ts'
import type { DialFailure, Dialler, DialOutcome } from './dial.ts'
import type { RedialTask } from './redial.ts'
import { addressOf, type Seed, type SeedResolver } from './seeds.ts'

export interface SeekerHost {
  readonly clock: Clock
  readonly resolver: SeedResolver
  readonly dialler: Dialler
  /** Whether a connection to this peer is to be sought. */
  readonly needs: (peer: NodeId) => boolean
  /** The seed stands for this address. */
  readonly resolved: (ip: string) => void
  /** Whether the networks of this agent hold it: an operator's word needs no leave. */
  readonly mayDial: (ip: string) => boolean
  /** Whether this node listens on this address and port. */
  readonly isOwn: (ip: string, port: number) => boolean
  readonly report: (trouble: Trouble) => void
  /** The seed turned out to stand for this node alone. */
  readonly isSelf: () => void
}

interface Fault {
  readonly code: Trouble['code']
  readonly reason: string
}

/** A fault that lasts shorter is not reported: the hosts of a cluster that starts at once find each other within it. */
const toleranceMs = 1_000
/** Half of what a handshake may take: one that lasts longer is told before it fails, as a join may not wait that long. */
const handshakeMs = 2_500
/** A name may come to stand for other hosts. */
const restMs = 30_000

export class SeedSeeker implements RedialTask {
  readonly key: string
  readonly restMs = restMs
  readonly #seed: Seed
  readonly #host: SeekerHost
  /** Who answered at which address, last time. As many as the seed has addresses. */
  #identities = new Map<string, NodeId>()
  #failingSince: Millis | undefined
  #reported: Fault | undefined
  #self = false
  #ended = false

  constructor(seed: Seed, host: SeekerHost) {
    this.key = `seed ${seed.text}`
    this.#seed = seed
    this.#host = host
  }

  /** Every address of it was this node's, when it was last tried. */
  get self(): boolean {
    return this.#self
  }

  /** Whether this peer answered at one of its addresses. */
  found(peer: NodeId): boolean {
    return [...this.#identities.values()].includes(peer)
  }

  /** It is not sought any more: what is wrong with it is nobody's concern. */
  end(): void {
    this.#report(undefined)
    this.#ended = true
  }

  async attempt(): Promise<boolean> {
    const startedAt = this.#host.clock.now()
    const resolution = await this.#host.resolver.resolve(this.#seed)
    if (!resolution.ok) {
      this.#self = false
      this.#failed({ code: 'seed-unresolvable', reason: resolution.reason }, startedAt)
      return false
    }
    const { addresses } = resolution
    if (!addresses.every((ip) => this.#host.mayDial(ip))) {
      const reason = 'it lies on no network that dialNetworks names'
      this.#failed({ code: 'dial-forbidden', reason }, Number.NEGATIVE_INFINITY)
      return true
    }
    for (const ip of addresses) this.#host.resolved(ip)
    const outcomes = await Promise.all(addresses.map((ip) => this.#seek(ip)))
    this.#remember(addresses, outcomes)
    this.#self = outcomes.every(({ type }) => type === 'self')
    // A name that stands for many hosts works while one of them is connected.
    const works = this.#self || outcomes.some(({ type }) => type === 'connected')
    const failures = outcomes.filter((outcome) => outcome.type === 'failed')
    if (works) this.#worked()
    else this.#failed(mostTelling(failures), startedAt)
    if (this.#self) this.#host.isSelf()
    return failures.length === 0
  }

  #seek(ip: string): Promise<DialOutcome> | DialOutcome {
    const { port, peer } = this.#seed
    if (this.#host.isOwn(ip, port)) return { type: 'self' }
    const known = this.#identities.get(ip) ?? peer
    if (known && !this.#host.needs(known)) return { type: 'connected', peer: known }
    return this.#dial(ip)
  }

  async #dial(ip: string): Promise<DialOutcome> {
    const { port, peer } = this.#seed
    let cancel = () => {}
    const outcome = await this.#host.dialler.dial([addressOf(ip, port, peer)], () => {
      cancel()
      const at = this.#host.clock.now() + handshakeMs
      cancel = this.#host.clock.schedule(at, () => this.#report(unanswered))
    })
    cancel()
    return outcome
  }

  #remember(addresses: readonly string[], outcomes: readonly DialOutcome[]): void {
    const identities = new Map<string, NodeId>()
    for (const [index, ip] of addresses.entries()) {
      const outcome = outcomes[index]
      const peer = outcome?.type === 'connected' ? outcome.peer : this.#identities.get(ip)
      if (peer) identities.set(ip, peer)
    }
    this.#identities = identities
  }

  #worked(): void {
    this.#failingSince = undefined
    this.#report(undefined)
  }

  #failed(fault: Fault, startedAt: Millis): void {
    this.#failingSince ??= startedAt
    if (this.#host.clock.now() - this.#failingSince >= toleranceMs) this.#report(fault)
  }

  #report(fault: Fault | undefined): void {
    const before = this.#reported
    const isSame = before?.code === fault?.code
    // What came of a handshake says more than that it takes long.
    const isExplained = before === unanswered && fault !== unanswered
    if (this.#ended || (isSame && !isExplained)) return
    this.#reported = fault
    const subject = this.#seed.text
    if (before && !isSame) this.#host.report({ ...before, subject, active: false })
    if (fault) this.#host.report({ ...fault, subject, active: true })
  }
}

const unanswered: Fault = {
  code: 'handshake-failed',
  reason:
    'the host answers, but has not answered the handshake yet: its cluster key may be another one, or it is not a starling agent',
}

/** Whether `ip` is an address of this host, or of its loopback, and one of `listen` takes it. */
export function isListening(ip: string, listen: readonly string[]): boolean {
  const own = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === ip),
  )
  return own && (listen.includes(ip) || listen.includes(ip.includes(':') ? '::' : '0.0.0.0'))
}

function mostTelling(failures: readonly DialFailure[]): Fault {
  const failure = failures.find(({ code }) => code !== 'seed-unreachable') ?? failures[0]
  if (!failure) return { code: 'seed-unreachable', reason: 'nobody else is there' }
  return { code: failure.code, reason: failure.reason }
}
