/** Whom this node watches, when it dials those that give no sign of life, and what it says of them. */

import type { Failing, NodeId, Observed } from '../claim/record.ts'
import { recordLimits } from '../claim/record.ts'
import type { Millis, Rng } from '../rng.ts'
import { spanOf } from './span.ts'

/** What came of a fresh dial to all addresses of a node. */
export type ProbeAnswer =
  | { readonly type: 'connected' }
  /** Its host says that nobody listens there. */
  | { readonly type: 'refused' }
  /** Its host takes the connection, and no agent speaks. */
  | { readonly type: 'hung' }
  /** Neither the node nor its host answers. */
  | { readonly type: 'silent' }
  /** Another node answers where it was. */
  | { readonly type: 'displaced' }
  /** The dial says nothing: it could not be made, or this process did not listen meanwhile. */
  | { readonly type: 'unknown' }

export interface WatchWorld {
  readonly self: NodeId
  /** All nodes with a live record, ascending. */
  readonly members: readonly NodeId[]
  /** Connected, and not overdue with a sign of life. */
  isHeard(node: NodeId): boolean
  /** It was connected, and is overdue or not connected any more. */
  isLost(node: NodeId): boolean
  /** Its record says where. */
  isDialable(node: NodeId): boolean
  /** It is connected, and gave no sign of life when it should have. */
  isOverdue(node: NodeId): boolean
  /** Undefined: it has no live record. */
  incarnationOf(node: NodeId): number | undefined
  /** Further nodes to dial: others say that they are gone for good. */
  ending(): Iterable<NodeId>
  /** Of how many other nodes each misses it as it is now. */
  missedBy(node: NodeId): number
  /** Of this node. */
  incarnation(): number
}

interface Target {
  dueAt: Millis
  probing: boolean
  failures: number
  /** What the last dials found, and how many in a row. */
  failing: Failing | undefined
  evidence: number
  /** Its connection fell silent, which is half of the evidence for a silent host. */
  readonly wasSilent: boolean
}

interface Detour {
  readonly until: Millis
  readonly lastMs: Millis
}

/** Dials that must agree. */
const evidenceMin = 2
/** A node that is not connected yet is being dialled already. */
const graceMs = 5_000
/**
 * Whoever comes next where neighbours are lost may be gone, too, and waits less. Only so many do at once, and one more
 * each time so long has passed: whoever makes up a thousand nodes, which were never connected, must not have them all
 * dialled at once.
 */
const gapGraceMs = 500
const hasteMax = 8
const hasteMs = 5_000
/** An agent that is being restarted is back within this: nothing is lost by waiting, for its routes stay. */
const restartMs = 1_000
const silentAgainMs = 100
const backoffMsMin = 250
const backoffMsMax = 10_000
const probesMax = 16
/** A node that is heard again refutes at once what was said of it; one that does not is of another mind. */
const refutationMs = 10_000
/** Others may not have ended it yet: what this node found is a reason for them. */
const endedMs = 120_000
/** A node that refuted what this one said is reached by others: this one does not say it again so soon. */
const detourMsMin = 5_000
const detourMsMax = 600_000
/** Others that must say it before a node that watches no more takes its own word back. */
const successors = 3

export class Watch {
  readonly #world: WatchWorld
  readonly #rng: Rng
  readonly #targets = new Map<NodeId, Target>()
  readonly #said = new Map<NodeId, Observed>()
  readonly #detours = new Map<NodeId, Detour>()
  /** When to take back what was said of nodes that are heard again, or were ended. */
  readonly #unsayAt = new Map<NodeId, Millis>()
  #span: ReadonlySet<NodeId> = new Set()
  #nearest: ReadonlySet<NodeId> = new Set()
  /** How many may wait less, as of when. */
  readonly #haste = { credit: hasteMax, at: Number.NEGATIVE_INFINITY }
  /** Nothing was heard since it started, or since it was itself suspended: whoever is silent may be so for its sake. */
  #isDeaf = true
  #news: 'said' | 'unsaid' | undefined
  #spanChanged = false

  constructor(world: WatchWorld, rng: Rng) {
    this.#world = world
    this.#rng = rng
  }

  /** What this node says of those that it misses. Ascending. */
  get observed(): Observed[] {
    return [...this.#said.values()].sort((a, b) => (a.node < b.node ? -1 : 1))
  }

  /** Those that this node watches: the nearest ones on the ring that stand, and all between that do not. */
  get span(): ReadonlySet<NodeId> {
    return this.#span
  }

  /**
   * Of those, the first that stands on each side, and all before it: they are asked for signs of life. Each node is the
   * nearest of two, which is as many as it takes; the others are asked once somebody is missed.
   */
  get nearest(): ReadonlySet<NodeId> {
    return this.#nearest
  }

  /** Whether whom it watches changed since it was last asked. */
  takeSpanChanged(): boolean {
    const changed = this.#spanChanged
    this.#spanChanged = false
    return changed
  }

  /** Whether there is news to publish since it was last asked: `unsaid` has time. */
  takeNews(): 'said' | 'unsaid' | undefined {
    const news = this.#news
    this.#news = undefined
    return news
  }

  /** What the node said before it was restarted. */
  restored(said: readonly Observed[]): void {
    for (const each of said) this.#said.set(each.node, each)
  }

  heard(): void {
    this.#isDeaf = false
  }

  /** This process was suspended or starved: what it took for silence was its own. */
  paused(): void {
    this.#isDeaf = true
    for (const target of this.#targets.values()) {
      target.evidence = 0
      target.failing = undefined
    }
  }

  /** Others missed this node, which refutes it: what it said of them has no vote until it has looked again. */
  lookAgain(now: Millis): void {
    for (const target of this.#targets.values()) {
      target.evidence = 0
      target.failing = undefined
      target.dueAt = now
    }
  }

  /** Whether this node itself found the other one gone. */
  misses(node: NodeId): boolean {
    return this.#said.has(node) || (this.#targets.get(node)?.evidence ?? 0) >= evidenceMin
  }

  /** Must be called when members, connections or what others say changed. */
  review(now: Millis): void {
    for (const node of this.#detours.keys()) {
      const isGone = this.#world.incarnationOf(node) === undefined
      if (isGone || this.#world.isHeard(node)) this.#detours.delete(node)
    }
    for (const { node, incarnation } of this.#said.values())
      this.#reconsider(node, incarnation, now)
    const { self, members } = this.#world
    const stands = (node: NodeId) => this.#stands(node)
    const span = spanOf(self, members, stands)
    const nearest = spanOf(self, members, stands, 1)
    this.#spanChanged ||= !isSame(span, this.#span) || !isSame(nearest, this.#nearest)
    this.#span = span
    this.#nearest = nearest
    const asked = new Set([...span, ...this.#world.ending()])
    for (const node of this.#targets.keys()) {
      if (!asked.has(node) || this.#world.isHeard(node)) this.#targets.delete(node)
    }
    const fresh = [...asked].filter(
      (node) => !this.#targets.has(node) && !this.#world.isHeard(node),
    )
    if (fresh.length === 0) return
    const ring = spanOf(self, members, () => true)
    const isRingLost = [...ring].some((node) => this.#world.isLost(node))
    for (const node of fresh) {
      this.#targets.set(node, {
        dueAt: now + this.#delayMs(node, isRingLost && !ring.has(node), now),
        probing: false,
        failures: 0,
        failing: undefined,
        evidence: 0,
        wasSilent: this.#world.isOverdue(node),
      })
    }
  }

  #delayMs(node: NodeId, isBehindGap: boolean, now: Millis): Millis {
    if (this.#world.isLost(node)) return 0
    if (this.#world.missedBy(node) > 0) return 1_000 * this.#rng()
    const base = isBehindGap && this.#mayHaste(now) ? gapGraceMs : graceMs
    return base * (1 + this.#rng())
  }

  #mayHaste(now: Millis): boolean {
    const haste = this.#haste
    haste.credit = Math.min(hasteMax, haste.credit + (now - haste.at) / hasteMs)
    haste.at = now
    if (haste.credit < 1) return false
    haste.credit -= 1
    return true
  }

  /** Those to dial now. Each is answered by `answered`. */
  take(now: Millis): NodeId[] {
    let free = probesMax
    for (const { probing } of this.#targets.values()) if (probing) free -= 1
    const due: NodeId[] = []
    for (const [node, target] of this.#targets) {
      if (free <= due.length) break
      if (target.probing || target.dueAt > now) continue
      target.probing = true
      due.push(node)
    }
    return due
  }

  answered(node: NodeId, answer: ProbeAnswer, now: Millis): void {
    const target = this.#targets.get(node)
    if (!target?.probing) return
    target.probing = false
    target.failures += 1
    target.dueAt = now + this.#backoffMs(target.failures)
    if (answer.type !== 'silent' && answer.type !== 'unknown') this.#isDeaf = false
    // Where it can be dialled nobody knows; it was connected, and is not any more.
    const isNowhere = answer.type === 'unknown' && !this.#world.isDialable(node)
    const type = isNowhere && this.#world.isLost(node) ? 'silent' : answer.type
    if (type === 'connected' || type === 'unknown' || this.#isDeaf) return
    const failing = failingBy[type]
    if (target.failing !== failing) target.evidence = 0
    const isFirst = target.failing === undefined
    target.failing = failing
    target.evidence += isFirst && target.wasSilent && failing === 'host-down' ? evidenceMin : 1
    if (target.evidence < evidenceMin) {
      target.dueAt = now + (failing === 'host-down' ? silentAgainMs : restartMs)
    } else this.#say(node, failing, now)
  }

  nextDeadline(): Millis {
    let next = Number.POSITIVE_INFINITY
    let probing = 0
    for (const target of this.#targets.values()) {
      if (target.probing) probing += 1
      else next = Math.min(next, target.dueAt)
    }
    if (probing >= probesMax) next = Number.POSITIVE_INFINITY
    return Math.min(next, this.reviewAt())
  }

  /** When `review` must be called though nothing changed. */
  reviewAt(): Millis {
    let next = Number.POSITIVE_INFINITY
    for (const at of this.#unsayAt.values()) next = Math.min(next, at)
    return next
  }

  #stands(node: NodeId): boolean {
    if (this.#world.isHeard(node)) return true
    // Whoever comes behind it is looked at, too, not after it: where a whole rack is gone, all at once.
    if (this.#world.isOverdue(node)) return false
    const failing = this.#targets.get(node)?.failing
    return (
      failing === undefined && !this.#said.has(node) && this.#world.missedBy(node) < evidenceMin
    )
  }

  #say(node: NodeId, state: Failing, now: Millis): void {
    const incarnation = this.#world.incarnationOf(node)
    const before = this.#said.get(node)
    if (incarnation === undefined) return
    const observer = this.#world.incarnation()
    const isSame = before?.state === state && before.incarnation === incarnation
    if (isSame && before.observer === observer) return
    // Enough others say so who watch it: what this one finds is known here alone.
    if (!before && !this.#span.has(node) && this.#world.missedBy(node) >= successors) return
    if (!before && this.#said.size >= recordLimits.observed) return
    const detour = this.#detours.get(node)
    if (detour && detour.until > now && this.#world.missedBy(node) === 0) return
    this.#said.set(node, { node, incarnation, observer, state })
    this.#news = 'said'
  }

  /** What was said of a node that is there again, or gone, is said no more. */
  #reconsider(node: NodeId, incarnation: number, now: Millis): void {
    const { isHeard, incarnationOf, missedBy } = this.#world
    const current = incarnationOf(node)
    const isRefuted = current !== undefined && current > incarnation
    const isHandedOver = !this.#span.has(node) && missedBy(node) >= successors
    if (current === undefined) {
      if (this.#isTooSoon(node, now, endedMs)) return
    } else if (isHeard(node)) {
      if (!isRefuted && this.#isTooSoon(node, now, refutationMs)) return
    } else if (isRefuted) this.#detour(node, now)
    else if (!isHandedOver) {
      this.#unsayAt.delete(node)
      return
    }
    this.#said.delete(node)
    this.#unsayAt.delete(node)
    this.#news ??= 'unsaid'
  }

  /** It may refute it, and until then its own words must not count more than these. */
  #isTooSoon(node: NodeId, now: Millis, delayMs: Millis): boolean {
    const at = this.#unsayAt.get(node) ?? now + delayMs
    this.#unsayAt.set(node, at)
    return at > now
  }

  /** It lives, and others reach it: it is dialled at once, and not missed again so soon. */
  #detour(node: NodeId, now: Millis): void {
    const lastMs = this.#detours.get(node)?.lastMs ?? detourMsMin / 2
    const nextMs = Math.min(lastMs * 2, detourMsMax)
    this.#detours.set(node, { until: now + nextMs, lastMs: nextMs })
    const target = this.#targets.get(node)
    if (!target) return
    target.failing = undefined
    target.evidence = 0
    target.failures = 0
    target.dueAt = now
  }

  #backoffMs(failures: number): Millis {
    const base = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.max(0, failures - 1))
    return base * (0.5 + this.#rng() / 2)
  }
}

const isSame = (a: ReadonlySet<NodeId>, b: ReadonlySet<NodeId>): boolean =>
  a.size === b.size && [...a].every((node) => b.has(node))

const failingBy = {
  refused: 'agent-down',
  hung: 'agent-down',
  silent: 'host-down',
  displaced: 'displaced',
} as const satisfies Record<string, Failing>
