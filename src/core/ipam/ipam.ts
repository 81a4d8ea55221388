/** Grants the addresses of this node's subnets: reserved in memory, durable, then answered. */

import type { CommandResult, Effect } from '../effect.ts'
import { type Address, compareAddresses, type Family } from '../ip/address.ts'
import { holds, type Prefix } from '../ip/prefix.ts'
import type { Note } from '../note.ts'
import type { Millis, Rng } from '../rng.ts'
import type { IpamView } from '../view.ts'
import { FreeAddresses, type Taken } from './free-addresses.ts'
import {
  type Attachment,
  attachmentKey,
  type HeldAddress,
  type Lease,
  type LeaseChange,
  type LeaseRefusal,
  type LeaseRequest,
  type Rest,
  type StoredLeases,
} from './lease.ts'
import type { Reserve } from './reserve.ts'

/** How long a caller waits for the disk. */
const patienceMs = 2_000

/** What waits for the store, or is on its way there. */
interface Work {
  readonly changes: readonly LeaseChange[]
  readonly waiting: { readonly id: number; readonly result: CommandResult }[]
  readonly dueAt: Millis
  /** What it grants. */
  readonly grants: readonly Lease[]
  /** What the attachment has with it, and who comes again waits for; undefined: it is released behind it. */
  holds: readonly Lease[] | undefined
  readonly done: () => void
  readonly undo: () => void
}

type Plan =
  | { readonly ok: true; readonly takes: readonly Taken[] }
  | { readonly ok: false; readonly code: LeaseRefusal; readonly message: string }

export class Ipam {
  readonly #reserve: readonly Reserve[]
  readonly #rng: Rng
  readonly #wallOffsetMs: number
  /** Why the stored leases cannot be read; empty: they could. */
  #unreadable: string
  /** By the text of the address: granted durably, on the way there, and on the way back. */
  readonly #leases = new Map<string, Lease>()
  readonly #granting = new Map<string, Lease>()
  readonly #leaving = new Map<string, Lease>()
  /** Those of `#leases`, by attachment. */
  readonly #byAttachment = new Map<string, readonly Lease[]>()
  /** What was granted last under a name, by family and name. */
  readonly #byName = new Map<string, Address>()
  /** The key in `#byName` by the text of the address, so that no name outlives its address. */
  readonly #nameOf = new Map<string, string>()
  readonly #subnets = new Map<Family, FreeAddresses>()
  readonly #exhausted = new Map<Family, string>()
  /** Rests whose subnet is not served yet. */
  #restored: readonly Rest[]
  #serving: readonly Prefix[] = []
  #next: Work[] = []
  #underWay: readonly Work[] = []
  /** By its key, what is being granted. */
  readonly #grants = new Map<string, Work>()
  #dueAt: Millis = Number.POSITIVE_INFINITY
  #isSlow = false
  /** Granted since they were taken last. */
  #granted: Lease[] = []
  #effects: Effect[] = []
  #notes: Note[] = []

  constructor(
    config: {
      readonly reserve: readonly Reserve[]
      readonly wallOffsetMs: number
      readonly bootId: string
    },
    stored: StoredLeases | string,
    rng: Rng,
    now: Millis,
  ) {
    this.#reserve = config.reserve
    this.#wallOffsetMs = config.wallOffsetMs
    this.#rng = rng
    this.#unreadable = typeof stored === 'string' ? stored : ''
    const { leases, resting } = typeof stored === 'string' ? nothing : stored
    this.#restored = resting
    for (const { lease } of resting) this.#remember(lease)
    for (const lease of leases) this.#hold(lease)
    this.#voidBefore(config.bootId, now)
  }

  /** The confirmed subnets that this node holds: only from these is anything granted. */
  serve(subnets: readonly Prefix[]): void {
    if (textOf(subnets) === textOf(this.#serving)) return
    this.#serving = subnets
    for (const subnet of subnets) {
      if (this.#subnets.get(subnet.family)?.subnet.text !== subnet.text) this.#open(subnet)
    }
  }

  /** Those subnets of which an address is held. */
  get used(): readonly Prefix[] {
    return this.#serving.filter(({ family }) => (this.#subnets.get(family)?.used ?? 0) > 0)
  }

  /** Answers at once, or once the store has. */
  allocate(id: number, request: LeaseRequest, now: Millis): void {
    const key = attachmentKey(request.attachment)
    const earlier = this.#grants.get(key)
    const held = earlier?.holds ?? this.#byAttachment.get(key) ?? []
    const plan = this.#plan(request, held)
    if (!plan.ok) return this.#answer(id, plan)
    if (plan.takes.length > 0) {
      if (!this.#isSlow) return this.#grant(id, { request, key, held, takes: plan.takes }, now)
      for (const taken of plan.takes) this.#free(taken.address)?.giveBack(taken)
      return this.#answer(id, slow)
    }
    if (!earlier) return this.#answer(id, granted(held))
    if (this.#isSlow) return this.#answer(id, slow)
    earlier.waiting.push({ id, result: granted(held) })
  }

  /** `only`: this address and no other. Answers as `allocate` does. */
  release(id: number, attachment: Attachment, only: Address | undefined, now: Millis): void {
    if (this.#unreadable) return this.#answer(id, refuse('leases-unreadable', this.#unreadable))
    const key = attachmentKey(attachment)
    const all = this.#grants.get(key)?.holds ?? this.#byAttachment.get(key) ?? []
    const held = only ? all.filter(({ address }) => address.text === only.text) : all
    if (held.length === 0 && all.length > 0) {
      const message = `it holds ${addressesOf(all)}, not ${only?.text}`
      return this.#answer(id, refuse('other-address', message))
    }
    const result = released(held)
    if (held.length === 0) return this.#answer(id, result)
    if (this.#isSlow) return this.#answer(id, slow)
    this.#release(held, [{ id, result }], now)
  }

  /** Ends a loss of leases: what is `held` is all that is granted. Whatever else of it is in the way stays as it is. */
  adopt(id: number, held: readonly HeldAddress[], now: Millis): void {
    if (this.#serving.length === 0)
      return this.#answer(id, refuse('no-subnet', noSubnet(undefined)))
    if (this.#isSlow) return this.#answer(id, slow)
    const sinceMs = Math.round(now + this.#wallOffsetMs)
    const leases: Lease[] = []
    const takes: Taken[] = []
    for (const found of held) {
      const free = this.#free(found.address)
      if (!free || this.#refusal(found.address)) continue
      takes.push(free.claim(found.address))
      const lease = { ...found, subnet: free.subnet, sinceMs, seenBy: '' }
      leases.push(lease)
      this.#grantingBegins(lease)
    }
    const lost = this.#unreadable
    if (leases.length === 0 && lost === '') return this.#answer(id, granted(leases))
    const work: Work = {
      changes: leases.map((lease) => ({ type: 'grant', lease })),
      waiting: [{ id, result: granted(leases) }],
      dueAt: now + patienceMs,
      grants: leases,
      holds: undefined,
      done: () => {
        this.#unreadable = ''
        for (const lease of leases) this.#grantingEnds(lease)
      },
      undo: () => this.#ungrant(takes),
    }
    this.#queue(work)
  }

  /** The store's answer to the last `persist-leases`. */
  persisted(error: string, now: Millis): void {
    const works = this.#underWay
    this.#underWay = []
    this.#isSlow = false
    if (error === '') this.#finish(works, now)
    else this.#fail([...works, ...this.#next.splice(0)], error)
    this.#dueAt = firstDue(this.#next)
  }

  nextDeadline(): Millis {
    return this.#dueAt
  }

  /** Nobody waits longer for the disk than this. What was reserved stays so until the store has answered. */
  expire(now: Millis): void {
    if (now < this.#dueAt) return
    this.#isSlow = true
    for (const work of [...this.#underWay, ...this.#next]) {
      if (work.dueAt <= now) this.#reply(work, slow)
    }
    this.#dueAt = firstDue([...this.#underWay, ...this.#next])
  }

  /** What was granted since the last call. */
  takeGranted(): Lease[] {
    return this.#granted.splice(0)
  }

  lease({ text }: Address): Lease | undefined {
    return this.#leases.get(text)
  }

  /** How many addresses are held. */
  get size(): number {
    return this.#leases.size
  }

  /** The container of the lease was seen alive; kept, so that it can be missed after a restart too. */
  seen(address: Address, by: string): void {
    const lease = this.#leases.get(address.text)
    if (!lease || lease.seenBy === by) return
    this.#drop(lease)
    this.#hold({ ...lease, seenBy: by })
    this.#queueSilently({ type: 'seen', address, by })
  }

  /** Nobody asked for it: its container is gone. */
  free(lease: Lease, now: Millis): void {
    this.#release([lease], [], now)
  }

  /** How many addresses of `subnet` are held. */
  held(subnet: Prefix): number {
    const isHeld = ({ address }: Lease) => holds(subnet, address)
    return [...this.#leases.values(), ...this.#granting.values()].filter(isHeld).length
  }

  /** The subnets go to other nodes: nothing is held any more. */
  abandon(now: Millis): void {
    const all = [...this.#leases.values()]
    if (all.length > 0) this.#release(all, [], now)
  }

  flush(): Effect[] {
    if (this.#underWay.length === 0 && this.#next.length > 0) {
      this.#underWay = this.#next
      this.#next = []
      const changes = this.#underWay.flatMap((work) => work.changes)
      this.#effects.push({ type: 'persist-leases', changes, anew: this.#unreadable !== '' })
    }
    return this.#effects.splice(0)
  }

  /** What happened since the last call. */
  report(): Note[] {
    return this.#notes.splice(0)
  }

  problems(): Note[] {
    const notes: Note[] = []
    if (this.#unreadable) notes.push({ code: 'leases-unreadable', reason: this.#unreadable })
    if (this.#isSlow) notes.push({ code: 'leases-slow' })
    for (const prefix of this.#exhausted.values()) notes.push({ code: 'subnet-exhausted', prefix })
    return notes
  }

  view(): IpamView {
    return {
      subnets: this.#serving.flatMap(({ family }) => this.#subnets.get(family)?.view() ?? []),
      leases: () => [...this.#leases.values()].sort(byAddress),
      resting: () => [...this.#subnets.values()].flatMap(({ resting }) => [...resting.values()]),
      of: (attachment) => this.#byAttachment.get(attachmentKey(attachment)) ?? [],
      at: ({ text }) => this.#leases.get(text),
      lastAt: (address) => this.#free(address)?.resting.get(address.text),
    }
  }

  #plan(request: LeaseRequest, held: readonly Lease[]): Plan {
    if (this.#unreadable) return refuse('leases-unreadable', this.#unreadable)
    const missing = request.addresses.filter(
      (asked) => !held.some(({ address }) => address.text === asked.text),
    )
    if (missing.length > 0 && held.length > 0) {
      return refuse('other-address', `it holds ${addressesOf(held)} already: release that first`)
    }
    const served = this.#serving.map(({ family }) => family)
    const families = request.families === 'served' ? served : request.families
    const isCovered = (family: Family) =>
      [...request.addresses, ...held.map(({ address }) => address)].some(
        (address) => address.family === family,
      )
    const open = families.filter((family) => !isCovered(family))
    const absent = open.find((family) => !served.includes(family))
    if (absent || served.length === 0) return refuse('no-subnet', noSubnet(absent))
    const takes: Taken[] = []
    const giveUp = (code: LeaseRefusal, message: string): Plan => {
      for (const taken of takes) this.#free(taken.address)?.giveBack(taken)
      return refuse(code, message)
    }
    for (const asked of missing) {
      const refused = this.#refusal(asked)
      if (refused) return giveUp(refused.code, refused.message)
      const taken = this.#free(asked)?.claim(asked)
      if (taken) takes.push(taken)
    }
    for (const family of open) {
      const taken = this.#take(family, request)
      if (taken) takes.push(taken)
      else return giveUp('exhausted', this.#exhaust(family, request.within))
    }
    return { ok: true, takes }
  }

  /** Why an address that is asked for cannot be had. */
  #refusal(asked: Address): Extract<Plan, { ok: false }> | undefined {
    const free = this.#free(asked)
    if (!(free && this.#serving.some(({ text }) => text === free.subnet.text))) {
      const subnets = textOf(this.#serving)
      return refuse('address-outside', `${asked.text} is not in this node's subnet ${subnets}`)
    }
    if (!free.isUsable(asked)) {
      const message = `${asked.text} is the network, gateway or broadcast address of ${free.subnet.text}`
      return refuse('address-unusable', message)
    }
    const holder = this.#holder(asked.text)
    if (!holder) return undefined
    const { door, id } = holder.attachment
    const message = `${asked.text} is held by ${id} (${door}): ask for another one, or release it`
    return refuse('address-taken', message)
  }

  #take(family: Family, { name, within }: LeaseRequest): Taken | undefined {
    const free = this.#subnets.get(family)
    if (!free) return undefined
    const isHeld = (text: string) => this.#holder(text) !== undefined
    const last = name === '' ? undefined : this.#byName.get(nameKey(family, name))
    const part = within ?? free.subnet
    const isFree =
      last &&
      holds(part, last) &&
      free.isUsable(last) &&
      !free.isReserved(last) &&
      !isHeld(last.text)
    if (isFree) return free.claim(last)
    return within ? free.takeWithin(within, isHeld) : free.take(isHeld)
  }

  #exhaust(family: Family, within: Prefix | undefined): string {
    if (within) return `every address of ${within.text} is held: ask for another part of the subnet`
    const prefix = this.#subnets.get(family)?.subnet.text ?? ''
    if (!this.#exhausted.has(family)) this.#notes.push({ code: 'subnet-exhausted', prefix })
    this.#exhausted.set(family, prefix)
    return `every address of ${prefix} is held: release what is not needed (starling ip list)`
  }

  #grant(
    id: number,
    {
      request: { attachment, name, witness, mac },
      key,
      held,
      takes,
    }: { request: LeaseRequest; key: string; held: readonly Lease[]; takes: readonly Taken[] },
    now: Millis,
  ): void {
    const sinceMs = Math.round(now + this.#wallOffsetMs)
    const leases = takes.flatMap(({ address }): Lease[] => {
      const subnet = this.#free(address)?.subnet
      return subnet
        ? [{ attachment, address, subnet, name, sinceMs, witness, seenBy: '', mac }]
        : []
    })
    for (const lease of leases) this.#grantingBegins(lease)
    const all = [...held, ...leases].sort(byAddress)
    const work: Work = {
      changes: leases.map((lease) => ({ type: 'grant', lease })),
      waiting: [{ id, result: granted(all) }],
      dueAt: now + patienceMs,
      grants: leases,
      holds: all,
      done: () => {
        if (this.#grants.get(key) === work) this.#grants.delete(key)
        for (const lease of leases) this.#grantingEnds(lease)
      },
      undo: () => {
        if (this.#grants.get(key) === work) this.#grants.delete(key)
        this.#ungrant(takes)
      },
    }
    this.#grants.set(key, work)
    this.#queue(work)
  }

  #grantingBegins(lease: Lease): void {
    this.#granting.set(lease.address.text, lease)
    this.#remember(lease)
  }

  #grantingEnds(lease: Lease): void {
    this.#granting.delete(lease.address.text)
    if (!this.#leaving.has(lease.address.text)) {
      this.#hold(lease)
      this.#granted.push(lease)
    }
    this.#notes.push({ code: 'lease-granted', ...factsOf(lease) })
  }

  #ungrant(takes: readonly Taken[]): void {
    for (const { address } of takes) this.#granting.delete(address.text)
    for (const taken of takes.toReversed()) this.#free(taken.address)?.giveBack(taken)
  }

  #release(leases: readonly Lease[], waiting: Work['waiting'], now: Millis): void {
    const releasedAtMs = Math.round(now + this.#wallOffsetMs)
    for (const lease of leases) {
      this.#leaving.set(lease.address.text, lease)
      this.#drop(lease)
      // What is on its way to be granted is nobody's any more when it comes.
      const key = attachmentKey(lease.attachment)
      const coming = this.#grants.get(key)
      if (coming) coming.holds = undefined
      this.#grants.delete(key)
    }
    this.#queue({
      changes: leases.map(({ address }) => ({ type: 'release', address, releasedAtMs })),
      waiting,
      dueAt: now + patienceMs,
      grants: [],
      holds: undefined,
      done: () => {
        for (const lease of leases) {
          this.#leaving.delete(lease.address.text)
          this.#rest({ lease, releasedAtMs })
          this.#notes.push({ code: 'lease-released', ...factsOf(lease) })
        }
      },
      undo: () => {
        for (const lease of leases) {
          this.#leaving.delete(lease.address.text)
          // What is still on its way to be granted is undone by itself.
          if (!this.#granting.has(lease.address.text)) this.#hold(lease)
        }
      },
    })
  }

  #queue(work: Work): void {
    this.#next.push(work)
    if (work.waiting.length > 0) this.#dueAt = Math.min(this.#dueAt, work.dueAt)
  }

  #finish(works: readonly Work[], now: Millis): void {
    for (const work of works) {
      const { holds, grants, waiting } = work
      work.done()
      // Whoever asked was told that it failed, and would never release it.
      if (holds && waiting.length === 0) this.#release(grants, [], now)
      this.#reply(work)
    }
  }

  /** What was asked for later may rest on what failed: all of it is undone. */
  #fail(works: readonly Work[], error: string): void {
    for (const work of works.toReversed()) work.undo()
    const result = refuse('leases-unwritable', `the leases cannot be written: ${error}`)
    for (const work of works) this.#reply(work, result)
  }

  #reply(work: Work, instead?: CommandResult): void {
    for (const { id, result } of work.waiting.splice(0)) this.#answer(id, instead ?? result)
  }

  #answer(id: number, result: CommandResult): void {
    this.#effects.push({ type: 'reply', id, result })
  }

  /** A subnet that is served from here on: what is held and what rests of it is known already. */
  #open(subnet: Prefix): void {
    const { family } = subnet
    const former = this.#subnets.get(family)
    const free = new FreeAddresses(subnet, this.#reserve, this.#rng)
    this.#subnets.set(family, free)
    this.#exhausted.delete(family)
    for (const lease of [this.#leases, this.#granting, this.#leaving].flatMap((held) => [
      ...held.values(),
    ])) {
      if (free.holds(lease.address)) free.claim(lease.address)
    }
    const rests = [...this.#restored, ...(former?.resting.values() ?? [])]
    const isOfFamily = ({ lease }: Rest) => lease.address.family === family
    this.#restored = this.#restored.filter((rest) => !isOfFamily(rest))
    for (const rest of rests.filter(isOfFamily)) {
      const { address } = rest.lease
      if (this.#holder(address.text)) continue
      const forgotten = free.holds(address) ? free.rest(rest) : address
      if (forgotten) this.#forget(forgotten)
    }
  }

  #rest(rest: Rest): void {
    const { address } = rest.lease
    // Released before its subnet is served: at a start.
    if (!this.#subnets.has(address.family)) {
      this.#restored = [...this.#restored, rest]
      return
    }
    const free = this.#free(address)
    if (free) this.#exhausted.delete(address.family)
    const forgotten = free ? free.release(rest) : address
    if (forgotten) this.#forget(forgotten)
  }

  #forget(address: Address): void {
    this.#forgetName(address)
    this.#queueSilently({ type: 'forget', address })
  }

  /** A change that nobody waits for, and that the next start makes again where it fails. */
  #queueSilently(change: LeaseChange): void {
    this.#queue({
      changes: [change],
      waiting: [],
      dueAt: Number.POSITIVE_INFINITY,
      grants: [],
      holds: undefined,
      done: () => undefined,
      undo: () => undefined,
    })
  }

  /** No container of CNI outlives its host's boot. Docker starts its own again, with their addresses. */
  #voidBefore(bootId: string, now: Millis): void {
    const isVoid = ({ attachment, witness }: Lease) =>
      attachment.door === 'cni' && witness.bootId !== '' && witness.bootId !== bootId
    const leases = bootId === '' ? [] : [...this.#leases.values()].filter(isVoid)
    if (leases.length === 0) return
    this.#notes.push({ code: 'leases-void', leases: leases.length })
    this.#release(leases, [], now)
  }

  #hold(lease: Lease): void {
    this.#leases.set(lease.address.text, lease)
    const key = attachmentKey(lease.attachment)
    const others = this.#byAttachment.get(key) ?? []
    this.#byAttachment.set(key, [...others, lease].sort(byAddress))
    this.#remember(lease)
  }

  #drop(lease: Lease): void {
    this.#leases.delete(lease.address.text)
    const key = attachmentKey(lease.attachment)
    const left = this.#byAttachment.get(key)?.filter((each) => each !== lease) ?? []
    if (left.length > 0) this.#byAttachment.set(key, left)
    else this.#byAttachment.delete(key)
  }

  #remember({ name, address }: Lease): void {
    this.#forgetName(address)
    if (name === '') return
    const key = nameKey(address.family, name)
    this.#byName.set(key, address)
    this.#nameOf.set(address.text, key)
  }

  #forgetName({ text }: Address): void {
    const key = this.#nameOf.get(text)
    this.#nameOf.delete(text)
    if (key !== undefined && this.#byName.get(key)?.text === text) this.#byName.delete(key)
  }

  #holder(text: string): Lease | undefined {
    return this.#leases.get(text) ?? this.#granting.get(text) ?? this.#leaving.get(text)
  }

  #free(address: Address): FreeAddresses | undefined {
    const free = this.#subnets.get(address.family)
    return free?.holds(address) ? free : undefined
  }
}

const nothing: StoredLeases = { leases: [], resting: [] }

const byAddress = (a: Lease, b: Lease): number => compareAddresses(a.address, b.address)

const nameKey = (family: Family, name: string): string => `${family}/${name}`

const textOf = (subnets: readonly Prefix[]): string => subnets.map(({ text }) => text).join(', ')

const addressesOf = (leases: readonly Lease[]): string =>
  leases.map(({ address }) => address.text).join(', ')

const factsOf = ({ attachment, address }: Lease) => ({ ...attachment, address: address.text })

const firstDue = (works: readonly Work[]): Millis =>
  works.find(({ waiting }) => waiting.length > 0)?.dueAt ?? Number.POSITIVE_INFINITY

const refuse = (code: LeaseRefusal, message: string) => ({ ok: false, code, message }) as const

const granted = (leases: readonly Lease[]): CommandResult => ({
  ok: true,
  message: `granted ${addressesOf(leases)}`,
  leases,
})

const released = (leases: readonly Lease[]): CommandResult => ({
  ok: true,
  message: leases.length === 0 ? 'nothing to release' : `released ${addressesOf(leases)}`,
  leases,
})

const slow = refuse(
  'leases-slow',
  'the disk of the state directory does not answer: try again, and look at it if this stays',
)

function noSubnet(family: Family | undefined): string {
  const what = family ? `IPv${family} subnet` : 'subnet'
  return `this node has no confirmed ${what} to grant addresses from: starling status says why`
}
