/** What a cluster's operator signs: who is a node of it, and who is none any more. */

import type { NodeId } from '../claim/record.ts'
import type { Prefix } from '../ip/prefix.ts'

/** Says of one node that it belongs to the cluster, and what it may be there. */
export interface Certificate {
  readonly kind: 'certificate'
  readonly cluster: string
  /** Rises with everything that the operator signs. */
  readonly serial: number
  readonly node: NodeId
  readonly name: string
  /** It claims these and no other of their families; at most one per family. */
  readonly pinned: readonly Prefix[]
  /** Extra prefixes lie inside these, or inside the pinned ones. */
  readonly announce: readonly Prefix[]
  /** Wall clock in ms since 1970; undefined: for ever. */
  readonly notAfterMs: number | undefined
  /** The id of the token's key, where the node certified itself with a join token. */
  readonly token: NodeId | undefined
}

/** Ends every certificate of a node, or of a token, up to its serial. */
export interface Revocation {
  readonly kind: 'revocation'
  readonly cluster: string
  readonly serial: number
  readonly subject: NodeId
}

/** As it travels: `bytes` are what was signed, with the signature. */
export type Paper<P extends Certificate | Revocation = Certificate | Revocation> = P & {
  readonly bytes: Uint8Array
  /** SHA-256 of the bytes in lower-case hex. */
  readonly hash: string
}

export type PaperFault = 'malformed' | 'forged' | 'foreign-operator'

/** Decodes and verifies. Pure, and never throws. */
export type ReadPaper = (bytes: Uint8Array) => Paper | PaperFault

export type Admission = 'open' | 'key' | 'signed'

export const paperLimits = {
  bytes: 3_072,
  pinned: 2,
  announce: 32,
  /** Of revocations, and of uses of tokens, each. */
  kept: 4_096,
  /** In one message. */
  sent: 64,
} as const
