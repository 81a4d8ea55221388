/** Grants the addresses of this node's subnets: reserved in memory, durable, then answered. */

import type { Effect } from '../effect.ts'
import type { Address, Family } from '../ip/address.ts'
import { type AddressList, packAddresses } from '../ip/address-list.ts'
import { holds, type Prefix } from '../ip/prefix.ts'
import type { Note } from '../note.ts'
import type { Problem } from '../problem.ts'
import type { Millis, Rng } from '../rng.ts'
import type { IpamView } from '../view.ts'
import { FreeAddresses, type Taken } from './free-addresses.ts'
import {
  type Attachment,
  attachmentKey,
  type HeldAddress,
  type Lease,
  type LeaseRequest,
  type Rest,
  type StoredLeases,
} from './lease.ts'
import { byAddress, LeaseBook } from './lease-book.ts'
import { addressesOf, adopted, granted, type Refused, refuse, released } from './lease-result.ts'
import { LeaseWrites, slow, type Waiting, type Write } from './lease-writes.ts'
import type { Reserve } from './reserve.ts'

/** Others may still send to the container that had an address: so long it had better rest. */
const restMs = 60_000

/** What is on its way to be granted to an attachment. */
interface Grant {
  readonly write: Write
  readonly leases: readonly Lease[]
  /** All that it has with them. */
  readonly holds: readonly Lease[]
}

export class Ipam {
  readonly #reserve: readonly Reserve[]
  readonly #rng: Rng
  readonly #wallOffsetMs: number
  readonly #bootId: string
  /** Why the stored leases cannot be read; empty: they could. */
  #unreadable: string
  readonly #book = new LeaseBook()
  readonly #writes = new LeaseWrites()
  readonly #subnets = new Map<Family, FreeAddresses>()
  readonly #exhausted = new Map<Family, string>()
  /** Rests whose subnet is not served yet. */
  #restored: readonly Rest[]
  #serving: readonly Prefix[] = []
  #withheld: readonly Address[] = []
  /** By the key of the attachment. What is released behind its grant is not among them. */
  readonly #grants = new Map<string, Grant>()
  /** Granted since they were taken last. */
  #granted: Lease[] = []
  #reusedEarly = 0
  #notes: Note[] = []
  readonly #view = this.#makeView()

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
    this.#bootId = config.bootId
    this.#rng = rng
    this.#unreadable = typeof stored === 'string' ? stored : ''
    const { leases, resting } = typeof stored === 'string' ? nothing : stored
    this.#restored = resting
    for (const { lease } of resting) this.#book.remember(lease)
    for (const lease of leases) this.#book.hold(lease)
    this.#voidBefore(now)
  }

  /** The confirmed subnets that this node holds: only from these is anything granted. */
  serve(subnets: readonly Prefix[], now: Millis): void {
    if (textOf(subnets) === textOf(this.#serving)) return
    this.#serving = subnets
    for (const subnet of subnets) {
      if (this.#subnets.get(subnet.family)?.subnet.text !== subnet.text) this.#open(subnet, now)
    }
  }

  /** Addresses of its subnets that containers of other nodes have. */
  withhold(addresses: readonly Address[]): void {
    if (addresses.length < this.#withheld.length) this.#exhausted.clear()
    this.#withheld = addresses
    for (const free of this.#subnets.values()) free.withhold(within(free.subnet, addresses))
  }

  /** Raised whenever anybody takes an address or gives it back. */
  get revision(): number {
    return this.#book.revision
  }

  /** What containers have is not known. */
  get isUnreadable(): boolean {
    return this.#unreadable !== ''
  }

  /** The container has it, is about to get it, or gives it back. */
  isTaken({ text }: Address): boolean {
    return this.#book.holder(text) !== undefined
  }

  /** Leases of subnets that are not among `claimed`, ascending. */
  strays(claimed: readonly Prefix[]): Lease[] {
    return this.#book.strays(claimed)
  }

  /** What is taken of `subnet`, as far as it goes into so many bytes. */
  taken(subnet: Prefix, bytesMax: number): AddressList {
    const addresses = this.#book
      .taken()
      .sort(byAddress)
      .map(({ address }) => address)
    return packAddresses(subnet, within(subnet, addresses), bytesMax)
  }

  /** Those subnets of which an address is held. */
  get used(): readonly Prefix[] {
    return this.#serving.filter(({ family }) => (this.#subnets.get(family)?.used ?? 0) > 0)
  }

  /** Answers at once, or once the store has. */
  allocate(id: number, request: LeaseRequest, now: Millis): void {
    const earlier = this.#grants.get(attachmentKey(request.attachment))
    const held = earlier?.holds ?? this.#book.of(request.attachment)
    const takes = this.#plan(request, held)
    if ('code' in takes) return this.#writes.answer(id, takes)
    if (takes.length === 0) {
      const waiting = { id, result: granted(held) }
      if (earlier) this.#writes.join(earlier.write, waiting)
      else this.#writes.answer(id, waiting.result)
    } else if (this.#writes.isSlow) {
      this.#giveBack(takes)
      this.#writes.answer(id, slow)
    } else this.#grant(id, { request, held, takes }, now)
  }

  /** `only`: this address and no other. Answers as `allocate` does. */
  release(id: number, attachment: Attachment, only: Address | undefined, now: Millis): void {
    if (this.#unreadable) return this.#refuse(id, refuse('leases-unreadable', this.#unreadable))
    const all = this.#grants.get(attachmentKey(attachment))?.holds ?? this.#book.of(attachment)
    const held = only ? all.filter(({ address }) => address.text === only.text) : all
    if (held.length === 0 && all.length > 0) {
      const message = `it holds ${addressesOf(all)}, not ${only?.text}`
      return this.#refuse(id, refuse('other-address', message))
    }
    const result = released(held)
    if (held.length === 0) return this.#writes.answer(id, result)
    if (this.#writes.isSlow) return this.#refuse(id, slow)
    this.#release(held, [{ id, result }], now)
  }

  /** Ends a loss of leases: what is `held` is all that is granted. What of it cannot be had is passed over. */
  adopt(id: number, held: readonly HeldAddress[], now: Millis): void {
    if (this.#serving.length === 0) return this.#refuse(id, noSubnet(undefined))
    if (this.#writes.isSlow) return this.#refuse(id, slow)
    const takes: Taken[] = []
    const leases: Lease[] = []
    for (const found of held) {
      const free = this.#free(found.address)
      if (!free || this.#refusal(found.address)) continue
      takes.push(free.claim(found.address))
      // Its container runs: the next boot ends it.
      const witness = { ...found.witness, bootId: this.#bootId }
      const lease = { ...found, witness, subnet: free.subnet, sinceMs: this.#wall(now), seenBy: '' }
      leases.push(lease)
      this.#book.beginGrant(lease)
    }
    const result = adopted(leases)
    if (leases.length === 0 && this.#unreadable === '') return this.#writes.answer(id, result)
    const done = () => {
      this.#unreadable = ''
      for (const lease of leases) this.#endGrant(lease)
    }
    const undo = () => this.#cancelGrant(takes)
    const changes = leases.map((lease) => ({ type: 'grant', lease }) as const)
    this.#writes.add(changes, { waiting: [{ id, result }], done, undo }, now)
  }

  /** The store's answer to the last `persist-leases`. */
  persisted(error: string, now: Millis): void {
    const grants = [...this.#grants.values()]
    for (const unwanted of this.#writes.written(error)) {
      const grant = grants.find(({ write }) => write === unwanted)
      if (grant) this.#release(grant.leases, [], now)
    }
  }

  nextDeadline(): Millis {
    return this.#writes.nextDeadline()
  }

  expire(now: Millis): void {
    this.#writes.expire(now)
  }

  /** What was granted since the last call. */
  takeGranted(): Lease[] {
    return this.#granted.splice(0)
  }

  lease(address: Address): Lease | undefined {
    return this.#book.at(address)
  }

  /** How many addresses are held. */
  get size(): number {
    return this.#book.size
  }

  /** The container of the lease was seen alive; kept, so that it can be missed after a restart too. */
  seen(address: Address, by: string, now: Millis): void {
    const lease = this.#book.at(address)
    if (!lease || lease.seenBy === by) return
    this.#book.replace(lease, { ...lease, seenBy: by })
    // Where it fails, the container is seen again.
    this.#writes.add([{ type: 'seen', address, by }], {}, now)
  }

  /** Nobody asked for it: its container is gone. */
  free(lease: Lease, now: Millis): void {
    this.#release([lease], [], now)
  }

  /** How many addresses of `subnet` are held. */
  held(subnet: Prefix): number {
    return this.#book.taken().filter(({ address }) => holds(subnet, address)).length
  }

  /** The subnets go to other nodes: nothing is held any more. */
  abandon(now: Millis): void {
    if (this.#book.size > 0) this.#release(this.#book.all(), [], now)
  }

  flush(): Effect[] {
    return this.#writes.flush(this.#unreadable !== '')
  }

  /** What happened since the last call. */
  report(): Note[] {
    return this.#notes.splice(0)
  }

  problems(): Problem[] {
    const notes: Problem[] = []
    if (this.#unreadable) notes.push({ code: 'leases-unreadable', reason: this.#unreadable })
    if (this.#writes.isSlow) notes.push({ code: 'leases-slow' })
    for (const prefix of this.#exhausted.values()) notes.push({ code: 'subnet-exhausted', prefix })
    return notes
  }

  /** The same one each time. */
  view(): IpamView {
    return this.#view
  }

  #makeView(): IpamView {
    const book = this.#book
    const subnets = () =>
      this.#serving.flatMap(({ family }) => this.#subnets.get(family)?.view() ?? [])
    const reusedEarly = () => this.#reusedEarly
    return {
      get reusedEarly() {
        return reusedEarly()
      },
      get subnets() {
        return subnets()
      },
      leases: () => book.all(),
      resting: () => [...this.#subnets.values()].flatMap(({ resting }) => [...resting.values()]),
      of: (attachment) => book.of(attachment),
      at: (address) => book.at(address),
      lastAt: (address) => this.#free(address)?.resting.get(address.text),
    }
  }

  /** What is taken for a request beside what is `held` already; nothing is, where it is refused. */
  #plan(request: LeaseRequest, held: readonly Lease[]): readonly Taken[] | Refused {
    if (this.#unreadable) return refuse('leases-unreadable', this.#unreadable)
    const missing = request.addresses.filter(
      (asked) => !held.some(({ address }) => address.text === asked.text),
    )
    if (missing.length > 0 && held.length > 0) {
      return refuse('other-address', `it holds ${addressesOf(held)} already: release that first`)
    }
    const served = this.#serving.map(({ family }) => family)
    const had = [...request.addresses, ...held.map(({ address }) => address)]
    const open = (request.families === 'served' ? served : request.families).filter(
      (family) => !had.some((address) => address.family === family),
    )
    const absent = open.find((family) => !served.includes(family))
    if (absent || served.length === 0) return noSubnet(absent)
    const takes: Taken[] = []
    for (const wanted of [...missing, ...open]) {
      const taken = typeof wanted === 'number' ? this.#take(wanted, request) : this.#claim(wanted)
      if ('code' in taken) {
        this.#giveBack(takes)
        return taken
      }
      takes.push(taken)
    }
    return takes
  }

  #claim(asked: Address): Taken | Refused {
    const refused = this.#refusal(asked)
    return refused ?? this.#free(asked)?.claim(asked) ?? noSubnet(asked.family)
  }

  /** Why an address that is asked for cannot be had. */
  #refusal(asked: Address): Refused | undefined {
    const free = this.#free(asked)
    if (!(free && this.#serving.some(({ text }) => text === free.subnet.text))) {
      const subnets = textOf(this.#serving)
      return refuse('address-outside', `${asked.text} is not in this node's subnet ${subnets}`)
    }
    if (free.isWithheld(asked)) {
      const message = `${asked.text} is a container's of another node, which had it before this node had the subnet: ask for another one`
      return refuse('address-taken', message)
    }
    if (!free.isUsable(asked)) {
      const message = `${asked.text} is the network, gateway or broadcast address of ${free.subnet.text}`
      return refuse('address-unusable', message)
    }
    const holder = this.#book.holder(asked.text)
    if (!holder) return undefined
    const { door, id } = holder.attachment
    const message = `${asked.text} is held by ${id} (${door}): ask for another one, or release it`
    return refuse('address-taken', message)
  }

  #take(family: Family, { name, within }: LeaseRequest): Taken | Refused {
    const free = this.#subnets.get(family)
    if (!free) return noSubnet(family)
    const isHeld = (text: string) => this.#book.holder(text) !== undefined
    const last = this.#book.lastOf(name, family)
    const isFree =
      last &&
      holds(within ?? free.subnet, last) &&
      free.isUsable(last) &&
      !free.isReserved(last) &&
      !free.isWithheld(last) &&
      !isHeld(last.text)
    if (isFree) return free.claim(last)
    const taken = within ? free.takeWithin(within, isHeld) : free.take(isHeld)
    return taken ?? this.#exhaust(free.subnet, within)
  }

  #exhaust({ family, text: prefix }: Prefix, within: Prefix | undefined): Refused {
    if (within) {
      const message = `every address of ${within.text} is held: ask for another part of the subnet`
      return refuse('exhausted', message)
    }
    if (!this.#exhausted.has(family)) this.#notes.push({ code: 'subnet-exhausted', prefix })
    this.#exhausted.set(family, prefix)
    const message = `every address of ${prefix} is held: release what is not needed (starling ip list)`
    return refuse('exhausted', message)
  }

  #grant(
    id: number,
    {
      request: { attachment, name, witness, mac },
      held,
      takes,
    }: { request: LeaseRequest; held: readonly Lease[]; takes: readonly Taken[] },
    now: Millis,
  ): void {
    const sinceMs = this.#wall(now)
    const leases = takes.flatMap(({ address }): Lease[] => {
      const subnet = this.#free(address)?.subnet
      if (!subnet) return []
      return [{ attachment, address, subnet, name, sinceMs, witness, seenBy: '', mac }]
    })
    for (const lease of leases) this.#book.beginGrant(lease)
    const all = [...held, ...leases].sort(byAddress)
    const key = attachmentKey(attachment)
    const end = () => {
      if (this.#grants.get(key) === grant) this.#grants.delete(key)
    }
    const isEarly = ({ rest }: Taken) =>
      rest !== undefined &&
      sinceMs - rest.releasedAtMs < restMs &&
      attachmentKey(rest.lease.attachment) !== key &&
      (name === '' || rest.lease.name !== name)
    const done = () => {
      end()
      this.#reusedEarly += takes.filter(isEarly).length
      for (const lease of leases) this.#endGrant(lease)
    }
    const undo = () => {
      end()
      this.#cancelGrant(takes)
    }
    const changes = leases.map((lease) => ({ type: 'grant', lease }) as const)
    const waiting = [{ id, result: granted(all) }]
    const grant = {
      write: this.#writes.add(changes, { waiting, done, undo }, now),
      leases,
      holds: all,
    }
    this.#grants.set(key, grant)
  }

  #endGrant(lease: Lease): void {
    if (this.#book.endGrant(lease)) this.#granted.push(lease)
    this.#notes.push({ code: 'lease-granted', ...factsOf(lease) })
  }

  #cancelGrant(takes: readonly Taken[]): void {
    for (const { address } of takes) this.#book.cancelGrant(address)
    this.#giveBack(takes)
  }

  #giveBack(takes: readonly Taken[]): void {
    for (const taken of takes.toReversed()) this.#free(taken.address)?.giveBack(taken)
  }

  #release(leases: readonly Lease[], waiting: readonly Waiting[], now: Millis): void {
    const releasedAtMs = this.#wall(now)
    for (const lease of leases) {
      this.#book.beginRelease(lease)
      // What is on its way to be granted is nobody's any more when it comes.
      this.#grants.delete(attachmentKey(lease.attachment))
    }
    const done = () => {
      for (const lease of leases) {
        this.#book.endRelease(lease)
        this.#rest({ lease, releasedAtMs }, now)
        this.#notes.push({ code: 'lease-released', ...factsOf(lease) })
      }
    }
    const undo = () => {
      for (const lease of leases) this.#book.cancelRelease(lease)
    }
    const changes = leases.map(
      ({ address }) => ({ type: 'release', address, releasedAtMs }) as const,
    )
    this.#writes.add(changes, { waiting, done, undo }, now)
  }

  #refuse(id: number, refused: Refused): void {
    this.#writes.answer(id, refused)
  }

  /** A subnet that is served from here on: what is held and what rests of it is known already. */
  #open(subnet: Prefix, now: Millis): void {
    const { family } = subnet
    const former = this.#subnets.get(family)
    const free = new FreeAddresses(subnet, this.#reserve, this.#rng)
    this.#subnets.set(family, free)
    this.#exhausted.delete(family)
    free.withhold(within(subnet, this.#withheld))
    for (const { address } of this.#book.taken()) if (free.holds(address)) free.claim(address)
    const isOfFamily = ({ lease }: Rest) => lease.address.family === family
    const rests = [...this.#restored.filter(isOfFamily), ...(former?.resting.values() ?? [])]
    this.#restored = this.#restored.filter((rest) => !isOfFamily(rest))
    for (const rest of rests) {
      const { address } = rest.lease
      if (this.#book.holder(address.text)) continue
      const forgotten = free.holds(address) ? free.rest(rest) : address
      if (forgotten) this.#forget(forgotten, now)
    }
  }

  #rest(rest: Rest, now: Millis): void {
    const { address } = rest.lease
    // Released before its subnet is served: at a start.
    if (!this.#subnets.has(address.family)) {
      this.#restored = [...this.#restored, rest]
      return
    }
    const free = this.#free(address)
    if (free) this.#exhausted.delete(address.family)
    const forgotten = free ? free.release(rest) : address
    if (forgotten) this.#forget(forgotten, now)
  }

  #forget(address: Address, now: Millis): void {
    this.#book.forget(address)
    // Where it fails, its row is forgotten after the next start.
    this.#writes.add([{ type: 'forget', address }], {}, now)
  }

  /** No container of CNI outlives its host's boot. Docker starts its own again, with their addresses. */
  #voidBefore(now: Millis): void {
    const bootId = this.#bootId
    const isVoid = ({ attachment, witness }: Lease) =>
      attachment.door === 'cni' && witness.bootId !== '' && witness.bootId !== bootId
    const leases = bootId === '' ? [] : this.#book.all().filter(isVoid)
    if (leases.length === 0) return
    this.#notes.push({ code: 'leases-void', leases: leases.length })
    this.#release(leases, [], now)
  }

  #free(address: Address): FreeAddresses | undefined {
    const free = this.#subnets.get(address.family)
    return free?.holds(address) ? free : undefined
  }

  #wall(now: Millis): number {
    return Math.round(now + this.#wallOffsetMs)
  }
}

const within = (subnet: Prefix, addresses: readonly Address[]): Address[] =>
  addresses.filter((address) => holds(subnet, address))

const nothing: StoredLeases = { leases: [], resting: [] }

const textOf = (subnets: readonly Prefix[]): string => subnets.map(({ text }) => text).join(', ')

const factsOf = ({ attachment, address }: Lease) => ({ ...attachment, address: address.text })

function noSubnet(family: Family | undefined): Refused {
  const what = family ? `IPv${family} subnet` : 'subnet'
  const message = `this node has no confirmed ${what} to grant addresses from: starling status says why`
  return refuse('no-subnet', message)
}
