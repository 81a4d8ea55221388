/** Keeps this host's container bridge up, with the gateway addresses of its confirmed subnets and no former ones. */

import type { CoreConfig } from '../config.ts'
import type { Effect } from '../effect.ts'
import { bitsOf } from '../ip/address.ts'
import { gatewayOf } from '../ip/pool.ts'
import type { Prefix } from '../ip/prefix.ts'
import type { Note } from '../note.ts'
import type { Problem } from '../problem.ts'
import type { Millis } from '../rng.ts'
import type { Host } from './host.ts'
import { type BridgeAnswers, type Link, type LinkAddress, noAnswers } from './route.ts'

const retryMsMin = 250
const retryMsMax = 10_000
/** A bridge that is never there to be cleared must not make the list grow. */
const gatewaysMax = 16

export class Bridge {
  readonly #config: CoreConfig
  readonly #host: Host
  #subnets: readonly Prefix[] = []
  #kept: readonly Prefix[] = []
  #answers = noAnswers
  /** What it was made to answer for, as a text; undefined: a former run may have left some. */
  #answered: string | undefined
  #answering = ''
  /** As a text; empty: nobody. */
  #wantedAnswers = ''
  /** What this agent, or a former run of it, put on links: no other address is ever taken away. */
  #gateways: readonly LinkAddress[]
  #underWay = false
  /** It was set up, and the host was not read since. */
  #unread = false
  #error = ''
  #retryMs = retryMsMin
  #retryAt: Millis = 0

  /** `answered`: whether a former run made it answer for others. */
  constructor(
    config: CoreConfig,
    host: Host,
    { gateways, answered }: { gateways: readonly LinkAddress[]; answered: boolean },
  ) {
    this.#config = config
    this.#host = host
    this.#gateways = gateways
    this.#answered = answered ? undefined : ''
  }

  /** The confirmed subnets that this node holds. */
  set subnets(subnets: readonly Prefix[]) {
    this.#subnets = subnets
  }

  /** Lost ones, of which containers still have addresses: their gateway stays, and nothing else on the link. */
  set kept(subnets: readonly Prefix[]) {
    this.#kept = subnets
  }

  set answers(answers: BridgeAnswers) {
    const { arp, neighbours } = answers
    this.#answers = answers
    this.#wantedAnswers =
      arp || neighbours.length > 0 ? `${arp} ${neighbours.map(({ text }) => text).join()}` : ''
  }

  /** What must survive the process: durable before the effects of `flush` are performed. */
  get gateways(): readonly LinkAddress[] {
    return this.#gateways
  }

  get settled(): boolean {
    return !this.#underWay && !this.#unread && this.#isRight()
  }

  get problem(): Problem | undefined {
    return this.#error
      ? { code: 'bridge-failed', name: this.#config.bridge, error: this.#error }
      : undefined
  }

  /** When a failed set-up is tried again. */
  nextDeadline(): Millis {
    // Asked after every step: without a failure there is nothing to compare, for `flush` waits for nothing.
    if (this.#retryAt === 0) return Number.POSITIVE_INFINITY
    const waits = !this.#underWay && !this.#unread && !this.#isRight()
    return waits ? this.#retryAt : Number.POSITIVE_INFINITY
  }

  /** Must be called only once the host's links and addresses are known. */
  flush(now: Millis): Effect[] {
    // A link that goes down forgets for whom it answered, without a word.
    if (this.#wantedAnswers !== '' && this.#link()?.up !== true) this.#answered = undefined
    if (this.#underWay || this.#unread || now < this.#retryAt || this.#isRight()) return []
    this.#underWay = true
    const wanted = this.#wanted()
    const former = this.#gateways.filter((held) => !isAmong(wanted, held))
    const added = wanted.filter((gateway) => !isAmong(this.#gateways, gateway))
    if (added.length > 0) this.#gateways = [...this.#gateways, ...added].slice(-gatewaysMax)
    const addresses = wanted.map(({ address, length }) => ({ address, length }))
    this.#answering = this.#answersText()
    const { bridge: name } = this.#config
    const answers = { ...this.#answers, afresh: this.#answered === undefined }
    return [{ type: 'configure-bridge', name, addresses, former, answers }]
  }

  configured(error: string, now: Millis): Note[] {
    this.#underWay = false
    const isNews = error !== this.#error
    this.#error = error
    if (error) {
      this.#backOff(now)
      return isNews && this.problem ? [this.problem] : []
    }
    this.#unread = true
    this.#answered = this.#answering
    const wanted = this.#wanted()
    if (!this.#config.bridge) return []
    const addresses = wanted.map(({ address, length }) => `${address.text}/${length}`)
    return [{ code: 'bridge-configured', name: this.#config.bridge, addresses }]
  }

  /** The host's links and addresses were read again. */
  read(now: Millis): void {
    if (!this.#unread) {
      // Nobody tells who takes such an entry away: it is set again now and then.
      if (this.#answers.neighbours.length > 0) this.#answered = undefined
      return
    }
    this.#unread = false
    // Where something undoes it at once, it is not fought at full speed.
    if (!this.#isRight()) return this.#backOff(now)
    const wanted = this.#wanted()
    if (this.#gateways.some((held) => !isAmong(wanted, held))) this.#gateways = wanted
    this.#retryMs = retryMsMin
    this.#retryAt = 0
  }

  #backOff(now: Millis): void {
    this.#retryAt = now + this.#retryMs
    this.#retryMs = Math.min(this.#retryMs * 2, retryMsMax)
  }

  #wanted(): LinkAddress[] {
    const { bridge } = this.#config
    if (!bridge) return []
    const gateways = new Set(this.#subnets.map((subnet) => gatewayOf(subnet).text))
    const kept = this.#kept.filter((subnet) => !gateways.has(gatewayOf(subnet).text))
    return [
      ...this.#subnets.map((subnet) => ({ subnet, length: subnet.length })),
      ...kept.map((subnet) => ({ subnet, length: bitsOf(subnet.family) })),
    ].map(({ subnet, length }) => ({ link: bridge, address: gatewayOf(subnet), length }))
  }

  #answersText(): string {
    // A bridge that was made anew answers for nobody.
    return this.#wantedAnswers && `${this.#link()?.ifindex ?? ''} ${this.#wantedAnswers}`
  }

  #link(): Link | undefined {
    return this.#config.bridge ? this.#host.linkNamed(this.#config.bridge) : undefined
  }

  #isRight(): boolean {
    const wanted = this.#wanted()
    const link = this.#link()
    if (wanted.length > 0 && !link?.up) return false
    if (this.#config.bridge && this.#answersText() !== this.#answered) return false
    let found = 0
    for (const { ifindex, address, length, owned } of this.#host.addresses()) {
      const held = { link: this.#host.link(ifindex)?.name ?? '', address, length }
      if (isAmong(wanted, held)) found += 1
      else if ((owned && ifindex === link?.ifindex) || isAmong(this.#gateways, held)) return false
    }
    return found === wanted.length
  }
}

const isAmong = (all: readonly LinkAddress[], one: LinkAddress): boolean =>
  all.some(
    ({ link, address, length }) =>
      link === one.link && address.text === one.address.text && length === one.length,
  )
