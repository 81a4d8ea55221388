/** Keeps what of the host's firewall is starling's equal to what the cluster announces. */

import type { CoreConfig } from '../config.ts'
import type { Effect } from '../effect.ts'
import { comparePrefixes, contains, type Prefix } from '../ip/prefix.ts'
import type { Note } from '../note.ts'
import type { Problem } from '../problem.ts'
import type { Millis } from '../rng.ts'
import type { FirewallAnswer, HostFirewall } from './host-firewall.ts'

/** Least time between two looks at the firewall, however often others change theirs. */
const spacingMs = 250
/** Not everything that others do to a firewall is told of. */
const recheckMs = 30_000
const retryMsMin = 1_000
const retryMsMax = 60_000

/** What the firewall depends on. */
export interface FirewallSituation {
  /** `held`: nothing is touched yet. `gone`: nothing of ours may stand. */
  readonly mode: 'held' | 'active' | 'gone'
  /** The confirmed subnets that this node holds. */
  readonly subnets: readonly Prefix[]
  /** Raised whenever what `reachable` tells may have changed. */
  readonly revision: number
  /** Prefixes of the cluster, this node's own included. */
  reachable(): readonly Prefix[]
}

export class Firewall {
  readonly #config: CoreConfig
  #wanted: HostFirewall = nothing
  /** What `#wanted` was made of, and its text. */
  #madeOf = ''
  #text = ''
  /** It is to be asked for; not before `#readyAt`. */
  #isDue = false
  #readyAt: Millis = 0
  #recheckAt: Millis = Number.POSITIVE_INFINITY
  #underWay = false
  #isHeld = true
  #retryMs = retryMsMin
  #failed: FirewallAnswer['failed'] = []

  constructor(config: CoreConfig) {
    this.#config = config
  }

  /** Nothing is due or under way, or it cannot be done. */
  get settled(): boolean {
    return !this.#underWay && (!this.#isDue || this.#failed.length > 0)
  }

  nextDeadline(): Millis {
    if (this.#underWay || this.#isHeld) return Number.POSITIVE_INFINITY
    return this.#isDue ? this.#readyAt : this.#recheckAt
  }

  /** Others changed theirs, or ours. */
  changed(): void {
    if (Number.isFinite(this.#recheckAt)) this.#isDue = true
  }

  configured({ restored, failed }: FirewallAnswer, now: Millis): Note[] {
    this.#underWay = false
    const known = new Map(this.#failed.map(({ part, error }) => [part, error]))
    this.#failed = failed
    if (failed.length > 0) {
      this.#isDue = true
      this.#readyAt = now + this.#retryMs
      this.#retryMs = Math.min(this.#retryMs * 2, retryMsMax)
    } else this.#retryMs = retryMsMin
    return [
      ...restored.map((part): Note => ({ code: 'firewall-restored', part })),
      ...this.problems().filter(({ part, error }) => known.get(part) !== error),
    ]
  }

  problems(): Extract<Problem, { code: 'firewall-failed' }>[] {
    return this.#failed.map(({ part, error }) => ({ code: 'firewall-failed', part, error }))
  }

  flush(situation: FirewallSituation, now: Millis): Effect[] {
    this.#isHeld = situation.mode === 'held' || !this.#config.firewall
    if (this.#isHeld) return []
    this.#look(situation)
    if (now >= this.#recheckAt) this.#isDue = true
    if (!this.#isDue || this.#underWay || now < this.#readyAt) return []
    this.#isDue = false
    this.#underWay = true
    this.#readyAt = now + spacingMs
    this.#recheckAt = situation.mode === 'gone' ? Number.POSITIVE_INFINITY : now + recheckMs
    return [{ type: 'configure-firewall', wanted: this.#wanted }]
  }

  /** A failure waits for its retry, unless something else is wanted. */
  #look(situation: FirewallSituation): void {
    const { mode, subnets, revision } = situation
    const madeOf = mode === 'gone' ? mode : `${revision} ${textOf(subnets)}`
    if (madeOf === this.#madeOf) return
    this.#madeOf = madeOf
    const wanted = mode === 'gone' ? nothing : this.#want(situation)
    const text = mode === 'gone' ? mode : wantedText(wanted)
    if (text === this.#text) return
    this.#text = text
    this.#wanted = wanted
    this.#isDue = true
  }

  #want({ subnets, reachable }: FirewallSituation): HostFirewall {
    const { firewall, bridge, pools } = this.#config
    const inside = [
      ...pools.map(({ prefix }) => prefix),
      ...(firewall?.inside ?? []),
      ...(firewall?.masquerades ? reachable() : []),
    ]
    const families = pools.map(({ prefix }) => prefix.family)
    return {
      masquerade: firewall?.masquerades
        ? { sources: subnets, inside: outermost(inside), bridge }
        : undefined,
      opening: firewall?.opens && bridge !== '' ? { bridge, families } : undefined,
    }
  }
}

const nothing: HostFirewall = { masquerade: undefined, opening: undefined }

/** Those that lie in no other one: of two prefixes one holds the other, or they are apart. */
function outermost(prefixes: readonly Prefix[]): Prefix[] {
  const kept: Prefix[] = []
  for (const prefix of [...prefixes].sort(comparePrefixes)) {
    const last = kept.at(-1)
    if (!last || !contains(last, prefix)) kept.push(prefix)
  }
  return kept
}

const wantedText = ({ masquerade, opening }: HostFirewall): string => {
  const inside = masquerade ? textOf(masquerade.inside) : 'none'
  const sources = masquerade ? textOf(masquerade.sources) : 'none'
  return `${sources} but for ${inside}, ${opening ? 'open' : 'as it is'}`
}

const textOf = (prefixes: readonly Prefix[]): string => prefixes.map(({ text }) => text).join()
