/** Who holds what: by address, by attachment and by name; durably, on the way there, and on the way back. */

import { type Address, compareAddresses, type Family } from '../ip/address.ts'
import type { Prefix } from '../ip/prefix.ts'
import { type Attachment, attachmentKey, type Lease } from './lease.ts'

export class LeaseBook {
  /** By the text of the address. */
  readonly #leases = new Map<string, Lease>()
  readonly #granting = new Map<string, Lease>()
  readonly #leaving = new Map<string, Lease>()
  /** Those of `#leases`, by attachment. */
  readonly #byAttachment = new Map<string, readonly Lease[]>()
  /** What was granted last under a name, by family and name. */
  readonly #byName = new Map<string, Address>()
  /** The key in `#byName` by the text of the address, so that no name outlives its address. */
  readonly #nameOf = new Map<string, string>()
  /** Of all leases, and of some that ended. */
  readonly #subnets = new Set<string>()
  #revision = 0

  /** How many are held durably. */
  get size(): number {
    return this.#leases.size
  }

  /** Held durably, ascending. */
  all(): Lease[] {
    return [...this.#leases.values()].sort(byAddress)
  }

  /** Whose addresses nobody else can have, each once: what is released behind its grant is on both ways. */
  taken(): Lease[] {
    return [...new Map([...this.#leases, ...this.#granting, ...this.#leaving]).values()]
  }

  /** Held durably by the attachment, IPv4 first. */
  of(attachment: Attachment): readonly Lease[] {
    return this.#byAttachment.get(attachmentKey(attachment)) ?? []
  }

  /** Who holds it durably. */
  at({ text }: Address): Lease | undefined {
    return this.#leases.get(text)
  }

  /** Why nobody else can have it. */
  holder(text: string): Lease | undefined {
    return this.#leases.get(text) ?? this.#granting.get(text) ?? this.#leaving.get(text)
  }

  /** What the name had last. */
  lastOf(name: string, family: Family): Address | undefined {
    return name === '' ? undefined : this.#byName.get(nameKey(family, name))
  }

  /** Leases of subnets that are not among `claimed`, ascending. */
  strays(claimed: readonly Prefix[]): Lease[] {
    const lost = [...this.#subnets].filter((text) => claimed.every((each) => each.text !== text))
    if (lost.length === 0) return []
    const strays = this.taken().filter(({ subnet }) => lost.includes(subnet.text))
    for (const text of lost) {
      if (strays.every(({ subnet }) => subnet.text !== text)) this.#subnets.delete(text)
    }
    return strays.sort(byAddress)
  }

  /** Raised whenever anybody takes an address or gives it back. */
  get revision(): number {
    return this.#revision
  }

  hold(lease: Lease): void {
    this.#revision += 1
    this.#subnets.add(lease.subnet.text)
    this.#leases.set(lease.address.text, lease)
    const key = attachmentKey(lease.attachment)
    const others = this.#byAttachment.get(key) ?? []
    this.#byAttachment.set(key, [...others, lease].sort(byAddress))
    this.remember(lease)
  }

  replace(before: Lease, after: Lease): void {
    this.#drop(before)
    this.hold(after)
  }

  beginGrant(lease: Lease): void {
    this.#revision += 1
    this.#subnets.add(lease.subnet.text)
    this.#granting.set(lease.address.text, lease)
    this.remember(lease)
  }

  /** Returns whether it is held: it may be on its way back already. */
  endGrant(lease: Lease): boolean {
    this.#granting.delete(lease.address.text)
    if (this.#leaving.has(lease.address.text)) return false
    this.hold(lease)
    return true
  }

  cancelGrant({ text }: Address): void {
    this.#revision += 1
    this.#granting.delete(text)
  }

  beginRelease(lease: Lease): void {
    this.#leaving.set(lease.address.text, lease)
    this.#drop(lease)
  }

  endRelease({ address }: Lease): void {
    this.#revision += 1
    this.#leaving.delete(address.text)
  }

  cancelRelease(lease: Lease): void {
    this.#leaving.delete(lease.address.text)
    // What is still on its way to be granted is undone by itself.
    if (!this.#granting.has(lease.address.text)) this.hold(lease)
  }

  remember({ name, address }: Lease): void {
    this.forget(address)
    if (name === '') return
    const key = nameKey(address.family, name)
    this.#byName.set(key, address)
    this.#nameOf.set(address.text, key)
  }

  /** Nobody comes back to it by name. */
  forget({ text }: Address): void {
    const key = this.#nameOf.get(text)
    this.#nameOf.delete(text)
    if (key !== undefined && this.#byName.get(key)?.text === text) this.#byName.delete(key)
  }

  #drop(lease: Lease): void {
    this.#leases.delete(lease.address.text)
    const key = attachmentKey(lease.attachment)
    const left = this.#byAttachment.get(key)?.filter((each) => each !== lease) ?? []
    if (left.length > 0) this.#byAttachment.set(key, left)
    else this.#byAttachment.delete(key)
  }
}

export const byAddress = (a: Lease, b: Lease): number => compareAddresses(a.address, b.address)

const nameKey = (family: Family, name: string): string => `${family}/${name}`
