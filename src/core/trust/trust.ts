/** Who belongs to the cluster by its operator's word: certificates judged, revocations and uses of tokens kept. */

import { Digest, textHash } from '../claim/digest.ts'
import type { Body, NodeId, NodeRecord } from '../claim/record.ts'
import type { CoreConfig } from '../config.ts'
import type { OwnState } from '../effect.ts'
import type { Family } from '../ip/address.ts'
import { contains, type Prefix } from '../ip/prefix.ts'
import type { Millis } from '../rng.ts'
import type { TrustFault } from './fault.ts'
import {
  type Admission,
  type Certificate,
  type Paper,
  type PaperFault,
  paperLimits,
  type Revocation,
} from './paper.ts'

/** What a paper changed here. */
export interface Learned {
  readonly news: boolean
  /** The token had been used by this node, which it no longer admits. */
  readonly rival?: Paper<Certificate> | undefined
  /** A node or a token. */
  readonly revoked?: NodeId
}

/** A clock that is wrong by less puts nobody out. */
const graceMs = 24 * 3_600_000
/** Clocks that were never set say nothing about what has expired: 2020. */
const setSinceMs = 1_577_836_800_000

export class Trust {
  readonly #config: CoreConfig
  readonly #revocations = new Map<NodeId, Paper<Revocation>>()
  /** By token, the certificate of the node that it admits. */
  readonly #uses = new Map<NodeId, Paper<Certificate>>()
  readonly #digest = new Digest()
  /** By subnet, the certificate that gives it to a node. */
  readonly #pins = new Map<string, Paper<Certificate>>()
  #certificate: Uint8Array | undefined

  constructor(config: CoreConfig, { certificate, papers = [] }: OwnState) {
    this.#config = config
    this.#certificate = this.#newer(certificate, config.admission?.certificate)
    for (const bytes of papers) this.learn(bytes)
  }

  get mode(): Admission {
    return this.#config.admission?.mode ?? 'open'
  }

  /** Of this node, as its records carry it. */
  get certificate(): Uint8Array | undefined {
    return this.#certificate
  }

  /** The same as a field of what this node signs, where it has one. */
  get shown(): { certificate?: Uint8Array } {
    return this.#certificate ? { certificate: this.#certificate } : {}
  }

  get digest(): string {
    return this.#digest.root
  }

  get revocations(): number {
    return this.#revocations.size
  }

  /** All that is kept, in one order on every node. */
  get papers(): Uint8Array[] {
    return [...this.#revocations.values(), ...this.#uses.values()]
      .sort((a, b) => (a.hash < b.hash ? -1 : 1))
      .map(({ bytes }) => bytes)
  }

  /** The subnet that the operator gave to this node. */
  pinned(family: Family): Prefix | undefined {
    return this.own?.pinned.find((prefix) => prefix.family === family)
  }

  /** Remembers which subnets the operator gave to the node that shows this certificate. */
  notePins(node: NodeId, bytes: Uint8Array | undefined): void {
    if (this.mode !== 'signed') return
    const paper = this.certificateOf(node, bytes)
    if (typeof paper === 'string') return
    for (const { text } of paper.pinned) {
      if ((this.#pins.get(text)?.serial ?? -1) < paper.serial) this.#pins.set(text, paper)
    }
  }

  /** To whom the operator gave the subnet, as far as it is known here. */
  pinnedTo({ text }: Prefix): NodeId | undefined {
    const pin = this.#pins.get(text)
    return pin && !this.isRevoked(pin) ? pin.node : undefined
  }

  get own(): Certificate | undefined {
    const paper = this.#certificate && this.#read(this.#certificate)
    return typeof paper === 'object' && paper.kind === 'certificate' ? paper : undefined
  }

  /** What keeps this node out, by its own judgement. */
  ownFault(wallMs: Millis): TrustFault | undefined {
    if (this.mode !== 'signed') return undefined
    const { self, name } = this.#config
    const fault = this.standing(self, this.#certificate, wallMs)
    return fault ?? (this.own?.name === name ? undefined : 'wrong-name')
  }

  /** Whether this node's certificate lets it announce the prefix. */
  mayAnnounce(prefix: Prefix): boolean {
    return this.mode !== 'signed' || (this.own !== undefined && isAllowed(prefix, this.own))
  }

  carry(certificate: Uint8Array): void {
    this.#certificate = certificate
  }

  /** The certificate in `bytes`, where it is one of this cluster's operator for `node`. */
  certificateOf(node: NodeId, bytes: Uint8Array | undefined): Paper<Certificate> | TrustFault {
    if (!bytes) return 'no-certificate'
    const paper = this.#read(bytes)
    if (typeof paper === 'string') return paper
    if (paper.kind !== 'certificate') return 'malformed'
    if (paper.cluster !== this.#config.cluster) return 'foreign-cluster'
    return paper.node === node ? paper : 'other-node'
  }

  /** What keeps a node out that shows this certificate. Undefined: it belongs to the cluster. */
  standing(node: NodeId, bytes: Uint8Array | undefined, wallMs: Millis): TrustFault | undefined {
    const certificate = this.certificateOf(node, bytes)
    if (typeof certificate === 'string') return certificate
    if (this.isRevoked(certificate)) return 'revoked'
    const { notAfterMs = Number.POSITIVE_INFINITY } = certificate
    if (wallMs > setSinceMs && wallMs > notAfterMs + graceMs) return 'expired'
    const holder = this.holderOf(certificate)
    return holder && precedes(holder, certificate) ? 'token-used' : undefined
  }

  /** Who else is admitted by the token of this certificate. */
  holderOf({ token, node }: Pick<Certificate, 'token' | 'node'>): Paper<Certificate> | undefined {
    const use = token && this.#uses.get(token)
    return use && use.node !== node ? use : undefined
  }

  /** Why the word of another node is not admitted. `remainMs`: 0 where only fences of a tombstone count. */
  refuses(body: Body, remainMs: Millis, wallMs: Millis): TrustFault | undefined {
    if (this.mode !== 'signed') return undefined
    if (body.kind === 'record') return this.#refusesRecord(body, wallMs)
    const wasMember = this.#refusesRecord(body.ended.body, wallMs)
    if (wasMember && !wasIn(wasMember)) return wasMember
    const fault = this.standing(body.author, body.certificate, wallMs)
    // Who is put out may end itself; and fences that were raised stay raised, or sets would differ for ever.
    return fault && wasIn(fault) && (body.reason === 'left' || remainMs <= 0) ? undefined : fault
  }

  /** Takes what the operator says of others, or whom a token admitted. */
  learn(bytes: Uint8Array): Learned {
    const paper = this.#read(bytes)
    if (typeof paper === 'string' || paper.cluster !== this.#config.cluster) return nothing
    if (paper.kind === 'revocation') {
      const news = this.#keep(this.#revocations, paper.subject, paper, isLater)
      return news ? { news, revoked: paper.subject } : nothing
    }
    const { token } = paper
    if (!token) return nothing
    const before = this.#uses.get(token)
    const news = this.#keep(this.#uses, token, paper, precedes)
    return { news, rival: news && before?.node !== paper.node ? before : undefined }
  }

  #refusesRecord(record: NodeRecord, wallMs: Millis): TrustFault | undefined {
    const certificate = this.certificateOf(record.origin, record.certificate)
    if (typeof certificate === 'string') return certificate
    const fault = this.standing(record.origin, record.certificate, wallMs)
    if (fault) return fault
    if (record.name !== certificate.name) return 'wrong-name'
    const isPinnedElsewhere = record.claims.some(({ prefix }) =>
      certificate.pinned.some((pin) => pin.family === prefix.family && pin.text !== prefix.text),
    )
    if (isPinnedElsewhere) return 'wrong-prefix'
    return record.extras.every((extra) => isAllowed(extra, certificate))
      ? undefined
      : 'wrong-announce'
  }

  isRevoked({ node, token, serial }: Certificate): boolean {
    const covers = (subject: NodeId): boolean =>
      (this.#revocations.get(subject)?.serial ?? -1) >= serial
    return covers(node) || (token !== undefined && covers(token))
  }

  /** A join: of two papers of one key the one that goes before stays, whichever came first. */
  #keep<P extends Paper>(
    kept: Map<NodeId, P>,
    key: NodeId,
    paper: P,
    goesBefore: (a: P, b: P) => boolean,
  ): boolean {
    const before = kept.get(key)
    if (before ? before.hash === paper.hash || !goesBefore(paper, before) : false) return false
    if (!before && kept.size >= paperLimits.kept) return false
    if (before) this.#digest.toggle(before.hash, before.hash)
    this.#digest.toggle(paper.hash, paper.hash)
    kept.set(key, paper)
    return true
  }

  /** Of a certificate that was installed and one that is configured, the one that was signed later. */
  #newer(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined {
    if (!a || !b) return a ?? b
    const [first, second] = [this.#read(a), this.#read(b)]
    if (typeof first === 'string') return b
    return typeof second === 'string' || first.serial >= second.serial ? a : b
  }

  #read(bytes: Uint8Array): Paper | PaperFault {
    return this.#config.admission?.read(bytes) ?? 'foreign-operator'
  }
}

/** It was a member once. */
const wasIn = (fault: TrustFault): boolean =>
  fault === 'revoked' || fault === 'expired' || fault === 'token-used'

const nothing: Learned = { news: false }

const isAllowed = (prefix: Prefix, { announce, pinned }: Certificate): boolean =>
  [...announce, ...pinned].some((allowed) => contains(allowed, prefix))

function isLater(a: Paper<Revocation>, b: Paper<Revocation>): boolean {
  return a.serial !== b.serial ? a.serial > b.serial : a.hash < b.hash
}

/**
 * Which of two nodes a token admits. Nobody can know which of them came first, for each may have been met first
 * somewhere; so it is an order that is the same everywhere.
 */
function precedes(a: Paper<Certificate>, b: Paper<Certificate>): boolean {
  const [first, second] = [rank(a), rank(b)]
  return first !== second ? first < second : a.hash < b.hash
}

const rank = ({ token, node }: Certificate): string => textHash(`${token}/${node}`)
