/** Finds leases whose containers are gone though nobody released them, and frees none of a container that may live. */

import type { Effect } from '../effect.ts'
import type { Address } from '../ip/address.ts'
import { gatewayOf } from '../ip/pool.ts'
import type { Note } from '../note.ts'
import type { Problem } from '../problem.ts'
import type { Millis } from '../rng.ts'
import type { ContainerAnswer } from './container.ts'
import type { Ipam } from './ipam.ts'
import type { Lease } from './lease.ts'

/** So many are freed at a time without a person, whatever their share. */
const fewLeases = 8

type Look =
  /** Who was granted an address is seen alive, to be missed later. */
  | { readonly type: 'meet' }
  | { readonly type: 'judge' }
  /** The last look at those whom the wire did not save. */
  | { readonly type: 'confirm'; readonly candidates: readonly Lease[] }

export class Leaks {
  readonly #ipam: Ipam
  readonly #leakMs: Millis
  #look: Look | undefined
  /** Granted since the last look. */
  #unseen: readonly Lease[] = []
  /** The wire is asked about these. */
  #probing: readonly Lease[] = []
  /** The wire is silent about these. */
  #silent: readonly Lease[] = []
  #lookAt: Millis
  /** Since when each is missed, by the text of its address. */
  #missedSince = new Map<string, Millis>()
  /** Those that were to be freed at once, and are so many that something else must be wrong. */
  #heldBack: readonly Lease[] = []
  #effects: Effect[] = []
  #notes: Note[] = []

  /** `leakMs`: how long a container must be missed, and how often it is looked for. */
  constructor(ipam: Ipam, leakMs: Millis, now: Millis) {
    this.#ipam = ipam
    this.#leakMs = leakMs
    // Not before the agent has seen the host for a while.
    this.#lookAt = now + leakMs
  }

  nextDeadline(): Millis {
    return this.#look || this.#isJudging ? Number.POSITIVE_INFINITY : this.#lookAt
  }

  flush(now: Millis): Effect[] {
    const granted = this.#ipam.takeGranted()
    for (const { address } of granted) this.#missedSince.delete(address.text)
    this.#unseen = [...this.#unseen, ...granted.filter(isWitnessed)]
    if (!this.#look) this.#lookWhereDue(now)
    return this.#effects.splice(0)
  }

  looked(answers: readonly ContainerAnswer[], now: Millis): void {
    const look = this.#look
    if (!look) return
    this.#look = undefined
    for (const { address, life, by } of answers) {
      if (life === 'alive') this.#ipam.seen(address, by, now)
    }
    if (look.type === 'meet') return
    const missed = this.#missedOf(answers)
    if (look.type === 'judge') this.#judge(missed, now)
    else this.#free(look.candidates, missed, now)
  }

  /** Who answered on the wire lives, whatever else there is to see. */
  probed(silent: readonly Address[]): void {
    const isSilent = ({ address }: Lease) => silent.some(({ text }) => text === address.text)
    for (const lease of this.#probing) {
      if (!isSilent(lease)) this.#missedSince.delete(lease.address.text)
    }
    this.#silent = this.#probing.filter(isSilent)
    this.#probing = []
  }

  report(): Note[] {
    return this.#notes.splice(0)
  }

  problems(): Problem[] {
    // A person may have released some since, or all: then nobody is looked for any more.
    const leases = this.#heldBack.filter((lease) => this.#ipam.lease(lease.address) === lease)
    return leases.length > 0 ? [{ code: 'leaks-held-back', leases: leases.length }] : []
  }

  get #isJudging(): boolean {
    return this.#probing.length > 0 || this.#silent.length > 0
  }

  #lookWhereDue(now: Millis): void {
    if (this.#silent.length > 0) {
      this.#lookForAll({ type: 'confirm', candidates: this.#silent })
      this.#silent = []
    } else if (this.#lookAt <= now && !this.#isJudging) {
      this.#lookAt = now + this.#leakMs
      this.#lookForAll({ type: 'judge' })
      // At once: a container may end soon.
    } else this.#lookFor(this.#unseen, { type: 'meet' })
  }

  #lookForAll(look: Look): void {
    this.#lookFor(this.#ipam.view().leases().filter(isWitnessed), look)
  }

  #lookFor(leases: readonly Lease[], look: Look): void {
    this.#unseen = []
    if (leases.length === 0) return
    this.#look = look
    const questions = leases.map(({ address, witness: { path, inode } }) => ({
      address,
      path,
      inode,
    }))
    this.#effects.push({ type: 'look-for-containers', questions })
  }

  #missedOf(answers: readonly ContainerAnswer[]): readonly Address[] {
    const lives = new Set<string>()
    for (const { address, life } of answers) {
      const lease = this.#ipam.lease(address)
      if (lease && life === 'alive') lives.add(interfaceOf(lease))
    }
    const isMissed = ({ address, life, by }: ContainerAnswer): boolean => {
      const lease = this.#ipam.lease(address)
      if (!lease) return false
      // A namespace has one interface of a name: another container's is in the one that has the number.
      if (life === 'elsewhere') return lives.has(interfaceOf(lease))
      return life === 'gone' && by !== '' && lease.seenBy === by
    }
    return answers.filter(isMissed).map(({ address }) => address)
  }

  #judge(missed: readonly Address[], now: Millis): void {
    const before = this.#missedSince
    this.#missedSince = new Map(missed.map(({ text }) => [text, before.get(text) ?? now]))
    const isLong = ({ text }: Address) => now - (before.get(text) ?? now) >= this.#leakMs
    const candidates = missed.filter(isLong).flatMap((address) => this.#ipam.lease(address) ?? [])
    const most = Math.max(fewLeases, Math.floor(this.#ipam.size / 4))
    const wasHeldBack = this.problems().length > 0
    this.#heldBack = candidates.length > most ? candidates : []
    if (this.#heldBack.length > 0) {
      if (!wasHeldBack) this.#notes.push(...this.problems())
      return
    }
    if (candidates.length === 0) return
    this.#probing = candidates
    const questions = candidates.map(({ address, subnet }) => ({
      address,
      from: gatewayOf(subnet),
    }))
    this.#effects.push({ type: 'probe-addresses', questions })
  }

  #free(candidates: readonly Lease[], missed: readonly Address[], now: Millis): void {
    for (const lease of candidates) {
      const { text } = lease.address
      this.#missedSince.delete(text)
      // Released meanwhile, and perhaps granted to somebody else.
      if (this.#ipam.lease(lease.address) !== lease) continue
      if (!missed.some((address) => address.text === text)) continue
      this.#ipam.free(lease, now)
      this.#notes.push({ code: 'lease-leaked', address: text, ...lease.attachment })
    }
  }
}

const isWitnessed = ({ attachment, witness }: Lease): boolean =>
  attachment.door === 'cni' && witness.path !== '' && witness.inode !== ''

const interfaceOf = ({ attachment, witness }: Lease): string =>
  `${witness.inode} ${attachment.ifname}`
