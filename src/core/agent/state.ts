/** All that an agent knows and has under way, and the words in which its parts ask for effects. */

import { Announcers } from '../claim/announcers.ts'
import { Claimant } from '../claim/claimant.ts'
import { Keepers } from '../claim/keepers.ts'
import { OwnRecord } from '../claim/own-record.ts'
import { Ownership } from '../claim/ownership.ts'
import type { Award, NodeId } from '../claim/record.ts'
import { RecordSet } from '../claim/record-set.ts'
import type { OwnedClaim } from '../claim/resolve.ts'
import { Tenure } from '../claim/tenure.ts'
import { Witnesses } from '../claim/witnesses.ts'
import { Conditions } from '../conditions.ts'
import type { CoreConfig } from '../config.ts'
import type { CommandResult, Effect, Snapshot } from '../effect.ts'
import type { Neighbour } from '../event.ts'
import type { Carried, SyncMessage } from '../gossip/message.ts'
import type { Family } from '../ip/address.ts'
import type { AddressList } from '../ip/address-list.ts'
import { isSubnet } from '../ip/pool.ts'
import type { Prefix } from '../ip/prefix.ts'
import { Ipam } from '../ipam/ipam.ts'
import { type Kept, keepsNothing } from '../ipam/kept.ts'
import { Leaks } from '../ipam/leaks.ts'
import { isGone, type Liveness, Observations } from '../liveness/observations.ts'
import { Watch, type WatchWorld } from '../liveness/watch.ts'
import { Clocks } from '../membership/clocks.ts'
import { Peers } from '../membership/peers.ts'
import type { Note } from '../note.ts'
import type { Problem } from '../problem.ts'
import type { Millis, Rng } from '../rng.ts'
import { Bridge } from '../routing/bridge.ts'
import { Doubts } from '../routing/doubts.ts'
import type { ExtraWorld } from '../routing/extras.ts'
import { Firewall } from '../routing/firewall.ts'
import { Router } from '../routing/router.ts'
import type { TrustFault } from '../trust/fault.ts'
import { Trust } from '../trust/trust.ts'
import type { AgentView } from '../view.ts'

/** What is to be done at a time that was set for it. */
export type Due =
  | 'publish'
  | 'join'
  | 'anti-entropy'
  | 'agreement'
  | 'kernel'
  | 'forwarding'
  | 'remember'
  | 'exclusions'
  | 'overlay'
  | 'leave'
  | 'trust'
  | 'witness'
  | 'unsay'
  | 'refute'
  | 'reclaim'
  | 'doubted'
  | 'seek'
  | 'twice'

/** Least time between two publications: a burst of own changes goes out once. */
const publishMs = 20
const spreadMs = 200
/** Least time between two publications of what this node saw of contested prefixes. */
const witnessMs = 10_000
const witnessSpreadMs = 500

/** An eviction whose node may still answer. */
interface PendingEviction {
  readonly carried: Carried
  readonly from: NodeId | undefined
  readonly dueAt: Millis
}

interface PendingReply {
  readonly id: number
  readonly until: 'published' | 'settled'
  readonly result: CommandResult
}

export class AgentState {
  readonly config: CoreConfig
  readonly rng: Rng
  readonly startedAt: Millis
  readonly set: RecordSet
  readonly ownership: Ownership
  readonly announcers = new Announcers()
  readonly witnesses = new Witnesses()
  readonly keepers: Keepers
  readonly tenure: Tenure
  readonly extraWorld: ExtraWorld
  readonly own: OwnRecord
  readonly trust: Trust
  readonly claimant: Claimant
  readonly router: Router
  readonly bridge: Bridge
  readonly firewall: Firewall
  readonly ipam: Ipam
  readonly leaks: Leaks
  readonly doubts = new Doubts()
  readonly peers = new Peers()
  readonly clocks = new Clocks()
  readonly conditions = new Conditions()
  readonly due = new Map<Due, Millis>()
  readonly observations: Observations
  readonly watch: Watch
  /** Missed by others, and heard by this node not long ago. */
  readonly doubted = new Set<NodeId>()
  /** Nodes that are not simply alive, and since when they were judged so. */
  readonly missed = new Map<NodeId, { readonly state: Liveness; readonly since: Millis }>()
  readonly evictions = new Map<NodeId, PendingEviction>()
  /** Connected nodes that the overlay does not want, and since when. */
  readonly unneededSince = new Map<NodeId, Millis>()
  /** Nodes of which two agents wrote one version, and when this was heard last. */
  readonly twiceAt = new Map<NodeId, Millis>()
  /** By connected node, the last eviction of it that it was told of. */
  readonly evictionsTold = new Map<NodeId, string>()
  /** Those who were heard on the LAN. */
  neighbours: readonly Neighbour[] = []
  /** Those of them who are dialled. */
  sought: readonly Neighbour[] = []
  /** Since when they are asked for. */
  discoversAt: Millis | undefined
  now: Millis
  phase: AgentView['phase'] = 'joining'
  isInSync = false
  kernelKnown = false
  uplinkKnown = false
  /** This host was made to forward. Nothing on it is touched before there is a claim. */
  forwards = false
  /** The digest that peers were told of last. */
  rootTold = ''
  /** Until peers that still differ are asked again. */
  agreementMs = 1_000
  /** Something changed that its own claims may have to answer. */
  reviewDue = false
  /** Whom this node watches, or how they stand, may have changed. */
  watchDue = true
  /** What outlives its claim, here or elsewhere, may have changed. */
  keptDue = true
  /** As of which change of the leases `kept` is. */
  leasesSeen = -1
  kept: Kept = keepsNothing
  keptSubnets: readonly Prefix[] = []
  /** What its own record said before it was restarted, which stands until it knows again what others keep. */
  readonly keptBefore: readonly AddressList[]
  /** Of addresses in its own subnets. */
  awarded: readonly Award[]
  /** Nodes of which it was told that addresses are left to them. */
  leftTo: ReadonlySet<NodeId> = new Set()
  /** When this node last answered those who missed it. */
  missedAt: Millis = Number.NEGATIVE_INFINITY
  /** The next record goes to peers directly: gossip may not reach them yet. */
  tellsPeers = false
  /** Until a single word is answered again. */
  refuteMs = 1_000
  /** How many news may be passed on, as of when. */
  readonly news: { credit: number; at: Millis } = { credit: 0, at: 0 }
  publishedAt: Millis = Number.NEGATIVE_INFINITY
  witnessedAt: Millis = Number.NEGATIVE_INFINITY
  refutedAt: Millis = Number.NEGATIVE_INFINITY
  excludedAt: Millis = Number.NEGATIVE_INFINITY
  /** Until a failed write is tried again. */
  kernelRetryMs = 1_000
  forwardingRetryMs = 1_000
  /** Why this node itself is not admitted. */
  ownFault: TrustFault | undefined
  /** When peers of these addresses were last refused. */
  readonly refusedAt = new Map<string, Millis>()
  #effects: Effect[] = []
  #afterwards: Effect[] = []
  #pending: PendingReply[] = []

  constructor(config: CoreConfig, { own, leases }: Snapshot, rng: Rng, now: Millis) {
    this.config = config
    this.rng = rng
    this.now = now
    this.startedAt = now
    const isOurs = (prefix: Prefix) => config.pools.some((pool) => isSubnet(pool, prefix))
    this.keepers = new Keepers(isOurs)
    const { nodes } = config.limits
    const limits = { nodes, remembered: 2 * nodes, isOurs }
    const set = new RecordSet(config.timing.tombstoneMs, limits)
    this.observations = new Observations((node) => set.record(node)?.version.incarnation)
    this.watch = new Watch(this.#watchWorld(set), rng)
    const rules = { isOurs, fenceOf: (prefix: Prefix) => set.fenceOf(prefix) }
    const { witnesses } = this
    const isPinned = ({ origin, claim }: OwnedClaim) => this.trust.pinnedTo(claim.prefix) === origin
    const ownership: Ownership = new Ownership({
      ...rules,
      isPinned,
      isHeld: (owned) => this.tenure.isHeld(owned, this.now),
      support: ({ origin, claim }) => witnesses.count(claim.prefix, origin),
    })
    this.tenure = new Tenure(config.self, config.timing.tenureMs, {
      ownership,
      witnesses,
      rules: { ...rules, isPinned },
      isEnded: ({ origin, claim }) => set.isEnded(origin, claim),
      isEnding: (node) => this.evictions.has(node),
    })
    const extraWorld: ExtraWorld = {
      holder: (prefix) => ownership.holder(prefix),
      broader: (prefix) => this.announcers.broader(prefix),
    }
    this.extraWorld = extraWorld
    const announced = (prefix: Prefix) => ({
      world: extraWorld,
      prefix,
      winner: ownership.winner(prefix),
      announcers: this.announcers.of(prefix),
      keeper: this.keepers.keeper(prefix, ownership.holder(prefix)?.origin, config.self),
      record: (origin: NodeId) => set.record(origin),
    })
    const isGoneHere = (node: NodeId) => isGone(this.missed.get(node)?.state ?? 'alive')
    const router = new Router(config, { announced, isGone: isGoneHere }, this.doubts)
    const stored = own.entry?.body
    const { claims, awarded, kept } =
      stored?.kind === 'record' ? stored : { claims: [], awarded: [], kept: [] }
    this.trust = new Trust(config, own)
    const world = {
      set,
      ownership,
      locals: (pool: Prefix) => router.locals.inside(pool),
      pinned: (family: Family) => this.trust.pinned(family),
      pinnedTo: (prefix: Prefix) => this.trust.pinnedTo(prefix),
    }
    this.set = set
    this.ownership = ownership
    this.router = router
    this.own = new OwnRecord(config, this.trust, own, now)
    this.claimant = new Claimant(config, world, claims, now)
    this.awarded = awarded
    this.keptBefore = kept
    const answered = awarded.length + kept.length > 0
    this.bridge = new Bridge(config, router.host, { gateways: own.gateways, answered })
    this.firewall = new Firewall(config)
    this.ipam = new Ipam(config, leases, rng, now)
    this.leaks = new Leaks(this.ipam, config.timing.leakMs, now)
  }

  /** Enough is known to claim and to publish. */
  get isReady(): boolean {
    const isKnowing = this.isInSync && this.kernelKnown && this.uplinkKnown
    return isKnowing && this.phase !== 'left' && this.ownFault === undefined
  }

  /** In ms since 1970, as it was at the start of the process and has gone on since. */
  get wallMs(): Millis {
    return this.now + this.config.wallOffsetMs
  }

  #watchWorld(set: RecordSet): WatchWorld {
    const { config, peers, observations } = this
    return {
      self: config.self,
      get members() {
        return set.members
      },
      isHeard: (node) => peers.isHeard(node),
      isLost: (node) => peers.isOverdue(node) || peers.lostAt(node) !== undefined,
      isDialable: (node) => (set.record(node)?.addresses.length ?? 0) > 0,
      isOverdue: (node) => peers.isOverdue(node),
      incarnationOf: (node) => set.record(node)?.version.incarnation,
      missedBy: (node) =>
        observations.votes(node).filter(({ author }) => author !== config.self).length,
      ending: () => this.evictions.keys(),
      incarnation: () => this.own.incarnation,
    }
  }

  emit(effect: Effect): void {
    this.#effects.push(effect)
  }

  /** Behind all else of this step: what others wait for can come after the kernel is written. */
  emitLast(effect: Effect): void {
    this.#afterwards.push(effect)
  }

  takeEffects(): Effect[] {
    const effects = [...this.#effects, ...this.#afterwards]
    this.#effects = []
    this.#afterwards = []
    return effects
  }

  send(peer: NodeId, message: SyncMessage): void {
    this.emit({ type: 'send', peer, message })
  }

  note(...notes: readonly Note[]): void {
    for (const note of notes) this.emit({ type: 'note', note })
  }

  /** A problem that lasts until `end`; told once. */
  begin(key: string, note: Problem): void {
    this.note(...this.conditions.begin(key, note))
  }

  end(key: string): void {
    this.conditions.end(key)
  }

  /** A node or its tombstone is gone: `nodes-full` ends where both a node and the end of one have room again. */
  roomMade(): void {
    if (this.set.hasRoom('record') && this.set.hasRoom('tombstone')) this.end('full')
  }

  locateUplink(): void {
    const subnets = this.claimant.claims.map(({ prefix }) => prefix)
    this.emit({ type: 'locate-uplink', subnets })
  }

  /** Not later than in `delayMs`. */
  dueIn(due: Due, delayMs: number): void {
    const at = this.now + delayMs
    if ((this.due.get(due) ?? Number.POSITIVE_INFINITY) > at) this.due.set(due, at)
  }

  publishSoon(): void {
    const at = Math.max(this.now, this.publishedAt + publishMs)
    if (!this.due.has('publish')) this.due.set('publish', at)
  }

  /** News that came by comparing is carried on so, like an epidemic, where gossip does not reach. */
  spreadSoon(): void {
    this.dueIn('anti-entropy', spreadMs * (0.5 + this.rng()))
  }

  bearWitnessSoon(): void {
    const waitMs = Math.max(0, this.witnessedAt + witnessMs - this.now)
    this.dueIn('witness', waitMs + witnessSpreadMs * this.rng())
  }

  replyOnce(until: PendingReply['until'], id: number, result: CommandResult): void {
    this.#pending.push({ id, until, result })
  }

  /** Answers the commands that waited for this, each with its own result where no other is given. */
  reply(until: PendingReply['until'], instead?: CommandResult): void {
    const ready = this.#pending.filter((pending) => pending.until === until)
    if (ready.length === 0) return
    this.#pending = this.#pending.filter((pending) => pending.until !== until)
    for (const { id, result } of ready) {
      this.emit({ type: 'reply', id, result: instead ?? result })
    }
  }
}
