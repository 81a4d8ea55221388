/** Finds leases whose containers are gone though nobody released them, and frees none of a container that may live. */

import type { Effect } from '../effect.ts'
import type { Address } from '../ip/address.ts'
import { gatewayOf } from '../ip/pool.ts'
import type { Note } from '../note.ts'
import type { Millis } from '../rng.ts'
import type { ContainerAnswer } from './container.ts'
import type { Ipam } from './ipam.ts'
import type { Lease } from './lease.ts'

/** After a grant its container is looked for so soon: who was seen alive can be missed later. */
const firstLookMs = 500
/** So many are freed at a time without a person, whatever their share. */
const fewLeases = 8

type Stage =
  | { readonly type: 'idle' }
  /** `confirming`: whom the wire did not save; the look is the last one. */
  | { readonly type: 'looking'; readonly confirming: readonly Lease[] }
  | { readonly type: 'probing'; readonly candidates: readonly Lease[] }

export class Leaks {
  readonly #ipam: Ipam
  readonly #leakMs: Millis
  #stage: Stage = { type: 'idle' }
  /** Granted lately, and not seen alive yet. */
  #unseen: Lease[] = []
  #firstLookAt: Millis = Number.POSITIVE_INFINITY
  #lookAt: Millis
  /** Since when each is missed, by the text of its address. */
  readonly #missedSince = new Map<string, Millis>()
  /** So many were to be freed at once that something else must be wrong. */
  #heldBack = 0
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
    return this.#stage.type === 'idle'
      ? Math.min(this.#lookAt, this.#firstLookAt)
      : Number.POSITIVE_INFINITY
  }

  flush(now: Millis): Effect[] {
    const granted = this.#ipam.takeGranted().filter(isWitnessed)
    if (granted.length > 0) {
      this.#unseen.push(...granted)
      this.#firstLookAt = Math.min(this.#firstLookAt, now + firstLookMs)
    }
    if (this.#stage.type === 'idle') {
      if (this.#lookAt <= now) this.#lookForAll(now)
      else if (this.#firstLookAt <= now) this.#look(this.#unseen, [])
    }
    return this.#effects.splice(0)
  }

  looked(answers: readonly ContainerAnswer[], now: Millis): void {
    if (this.#stage.type !== 'looking') return
    const { confirming } = this.#stage
    this.#stage = { type: 'idle' }
    for (const { address, life, by } of answers) {
      if (life === 'alive') this.#ipam.seen(address, by, now)
    }
    const missed = answers.filter((answer) => this.#isGone(answer))
    if (confirming.length > 0) return this.#free(confirming, missed, now)
    const candidates: Lease[] = []
    for (const answer of answers) {
      const { text } = answer.address
      if (!missed.includes(answer)) this.#missedSince.delete(text)
      else if (!this.#missedSince.has(text)) this.#missedSince.set(text, now)
      else if (now - (this.#missedSince.get(text) ?? now) >= this.#leakMs) {
        const lease = this.#ipam.lease(answer.address)
        if (lease) candidates.push(lease)
      }
    }
    this.#judge(candidates)
  }

  /** Who answered on the wire lives, whatever else there is to see. */
  probed(silent: readonly Address[]): void {
    if (this.#stage.type !== 'probing') return
    const { candidates } = this.#stage
    this.#stage = { type: 'idle' }
    const isSilent = ({ address }: Lease) => silent.some(({ text }) => text === address.text)
    for (const lease of candidates) {
      if (!isSilent(lease)) this.#missedSince.delete(lease.address.text)
    }
    const confirming = candidates.filter(isSilent)
    if (confirming.length > 0) this.#look(confirming, confirming)
  }

  report(): Note[] {
    return this.#notes.splice(0)
  }

  problems(): Note[] {
    return this.#heldBack > 0 ? [{ code: 'leaks-held-back', leases: this.#heldBack }] : []
  }

  #lookForAll(now: Millis): void {
    this.#lookAt = now + this.#leakMs
    this.#look(this.#ipam.view().leases().filter(isWitnessed), [])
  }

  #look(leases: readonly Lease[], confirming: readonly Lease[]): void {
    this.#unseen = []
    this.#firstLookAt = Number.POSITIVE_INFINITY
    if (leases.length === 0) return
    this.#stage = { type: 'looking', confirming }
    const questions = leases.map(({ address, witness: { path, inode } }) => ({
      address,
      path,
      inode,
    }))
    this.#effects.push({ type: 'look-for-containers', questions })
  }

  #isGone({ address, life, by }: ContainerAnswer): boolean {
    return life === 'gone' && by !== '' && this.#ipam.lease(address)?.seenBy === by
  }

  #judge(candidates: readonly Lease[]): void {
    const most = Math.max(fewLeases, Math.floor(this.#ipam.size / 4))
    const before = this.#heldBack
    this.#heldBack = candidates.length > most ? candidates.length : 0
    if (this.#heldBack > 0) {
      if (before === 0) this.#notes.push({ code: 'leaks-held-back', leases: this.#heldBack })
      return
    }
    if (candidates.length === 0) return
    this.#stage = { type: 'probing', candidates }
    const questions = candidates.map(({ address, subnet }) => ({
      address,
      from: gatewayOf(subnet),
    }))
    this.#effects.push({ type: 'probe-addresses', questions })
  }

  #free(confirming: readonly Lease[], missed: readonly ContainerAnswer[], now: Millis): void {
    for (const lease of confirming) {
      const { text } = lease.address
      this.#missedSince.delete(text)
      // Released meanwhile, and perhaps granted to somebody else.
      if (this.#ipam.lease(lease.address) !== lease) continue
      if (!missed.some(({ address }) => address.text === text)) continue
      this.#ipam.free(lease, now)
      this.#notes.push({ code: 'lease-leaked', address: text, ...lease.attachment })
    }
  }
}

const isWitnessed = ({ attachment, witness }: Lease): boolean =>
  attachment.door === 'cni' && witness.path !== '' && witness.inode !== ''
