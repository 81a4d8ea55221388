/** Keeps this host's container bridge up, with the gateway addresses of its confirmed subnets and no former ones. */

import type { CoreConfig } from '../config.ts'
import type { Effect } from '../effect.ts'
import { gatewayOf } from '../ip/pool.ts'
import { holds, type Prefix } from '../ip/prefix.ts'
import type { Note } from '../note.ts'
import type { Millis } from '../rng.ts'
import type { Host } from './host.ts'

const retryMsMin = 250
const retryMsMax = 10_000

export class Bridge {
  readonly #config: CoreConfig
  readonly #host: Host
  #subnets: readonly Prefix[] = []
  #underWay = false
  /** It was set up, and the host was not read since. */
  #unread = false
  #error = ''
  #retryMs = retryMsMin
  #retryAt: Millis = 0

  constructor(config: CoreConfig, host: Host) {
    this.#config = config
    this.#host = host
  }

  /** The confirmed subnets that this node holds. */
  set subnets(subnets: readonly Prefix[]) {
    this.#subnets = subnets
  }

  get settled(): boolean {
    return !this.#underWay && !this.#unread && this.#isRight()
  }

  get problem(): Note | undefined {
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
    if (this.#underWay || this.#unread || now < this.#retryAt || this.#isRight()) return []
    this.#underWay = true
    return [
      {
        type: 'configure-bridge',
        name: this.#config.bridge,
        addresses: this.#subnets.map((subnet) => ({
          address: gatewayOf(subnet),
          length: subnet.length,
        })),
        within: this.#config.pools.map((pool) => pool.prefix),
      },
    ]
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
    const addresses = this.#subnets.map((subnet) => `${gatewayOf(subnet).text}/${subnet.length}`)
    return [{ code: 'bridge-configured', name: this.#config.bridge, addresses }]
  }

  /** The host's links and addresses were read again. */
  read(now: Millis): void {
    if (!this.#unread) return
    this.#unread = false
    // Where something undoes it at once, it is not fought at full speed.
    if (!this.#isRight()) return this.#backOff(now)
    this.#retryMs = retryMsMin
    this.#retryAt = 0
  }

  #backOff(now: Millis): void {
    this.#retryAt = now + this.#retryMs
    this.#retryMs = Math.min(this.#retryMs * 2, retryMsMax)
  }

  #isRight(): boolean {
    const { bridge, pools } = this.#config
    if (!bridge) return true
    const link = this.#host.linkNamed(bridge)
    if (!link) return this.#subnets.length === 0
    const gateways = new Map(this.#subnets.map((subnet) => [gatewayOf(subnet).text, subnet.length]))
    let found = 0
    for (const { ifindex, address, length } of this.#host.addresses()) {
      if (ifindex !== link.ifindex || !pools.some((pool) => holds(pool.prefix, address))) continue
      if (gateways.get(address.text) !== length) return false
      found += 1
    }
    return found === gateways.size && (link.up || gateways.size === 0)
  }
}
