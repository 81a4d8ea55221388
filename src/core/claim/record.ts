/** What one node says of itself, or what ended it: the unit that is signed, gossiped and stored. */

import type { Address } from '../ip/address.ts'
import type { AddressList } from '../ip/address-list.ts'
import type { Pool } from '../ip/pool.ts'
import type { Prefix } from '../ip/prefix.ts'

/** A libp2p peer id in base58 (`12D3Koo...`); it contains the node's public key. */
export type NodeId = string & { readonly brand: 'NodeId' }

/** Compared incarnation first. Raised only by the origin: incarnation per boot or refutation, seqno per change. */
export interface Version {
  readonly incarnation: number
  readonly seqno: number
}

export interface Claim {
  readonly prefix: Prefix
  readonly fence: number
  readonly state: 'tentative' | 'confirmed'
  /** It has had a lease. */
  readonly used: boolean
  /** Wall clock in ms since 1970 at the origin, 0 while tentative. */
  readonly confirmedAtMs: number
}

/** What a node saw of a prefix that several nodes claim. */
export interface Witnessed {
  readonly prefix: Prefix
  /** Whom it had routed the prefix to for long when another node claimed it. */
  readonly holder: NodeId
}

/** What is wrong with a node that does not answer: its host lives on, its host is silent too, or another node is where it was. */
export type Failing = 'agent-down' | 'host-down' | 'displaced'

/** What a node found when it dialled one that it watches. */
export interface Observed {
  readonly node: NodeId
  /** Of the node when it was found so: a higher one refutes it. */
  readonly incarnation: number
  /** Of the observer when it found it so: with a higher one it has no vote until it has looked again. */
  readonly observer: number
  readonly state: Failing
}

/** Of addresses in a subnet of the author, that some node keeps or that its neighbours on the link ask for: whose they are. */
export interface Award extends AddressList {
  /** The author itself: a container of its own has them. */
  readonly node: NodeId
}

export interface Fence {
  readonly prefix: Prefix
  readonly fence: number
}

export interface NodeRecord {
  readonly kind: 'record'
  readonly origin: NodeId
  readonly cluster: string
  readonly version: Version
  readonly name: string
  /** Wall clock in ms since 1970 at the origin when its agent started; tells twins of a copied identity apart. */
  readonly bootedAtMs: number
  /** At most one per family. */
  readonly nextHops: readonly Address[]
  /** Dialable multiaddrs without the peer id. */
  readonly addresses: readonly string[]
  /** The pools its claims are cut from. */
  readonly pools: readonly Pool[]
  /** At most one per pool. */
  readonly claims: readonly Claim[]
  /** Extra prefixes that it announces. */
  readonly extras: readonly Prefix[]
  /** Parts of the pools that its host cannot route. */
  readonly exclusions: readonly Prefix[]
  /** At most one per prefix. Empty unless claims are contested. */
  readonly witnessed: readonly Witnessed[]
  /** At most one per node. Empty unless nodes that it watches are gone. */
  readonly observed: readonly Observed[]
  /** Addresses of subnets that it lost, which its containers still have. At most one list per prefix. Mostly empty. */
  readonly kept: readonly AddressList[]
  /** At most one list per prefix and node. Mostly empty. */
  readonly awarded: readonly Award[]
  readonly draining: boolean
  readonly software: string
  /** The operator's certificate of this node, as it was signed. */
  readonly certificate?: Uint8Array
}

/** The end of a node. `left` is written by the node itself, `evicted` by another one. */
export interface Tombstone {
  readonly kind: 'tombstone'
  readonly origin: NodeId
  readonly cluster: string
  readonly version: Version
  readonly reason: 'left' | 'evicted'
  readonly author: NodeId
  /** The new fence of each subnet that the origin held. */
  readonly fences: readonly Fence[]
  /** What it ends, as the origin signed it: origin, version and fences follow from it. */
  readonly ended: Entry<NodeRecord>
  /** The operator's certificate of the author. */
  readonly certificate?: Uint8Array
}

export type Body = NodeRecord | Tombstone

/** A body as it travels: `envelope` holds the signed bytes exactly as their author wrote them. */
export interface Entry<B extends Body = Body> {
  readonly body: B
  readonly envelope: Uint8Array
  /** SHA-256 of the envelope in lower-case hex. */
  readonly hash: string
}

export const isRecord = (entry: Entry): entry is Entry<NodeRecord> => entry.body.kind === 'record'

/** Signs a body with the node's own key. Pure: one body and one key give one envelope (Ed25519, RFC 8032). */
export type Seal = <B extends Body>(body: B) => Entry<B>

/** Bounds that keep a record far below gossipsub's message limit. The decoder refuses what exceeds them. */
export const recordLimits = {
  envelopeBytes: 40_960,
  /** Of a record's envelope: a tombstone has room for what it ends. */
  recordBytes: 36_864,
  nameLength: 64,
  nextHops: 2,
  addresses: 16,
  pools: 2,
  claims: 2,
  extras: 64,
  exclusions: 128,
  witnessed: 64,
  observed: 128,
  /** Lists, and the bytes of all of them together. */
  kept: 4,
  keptBytes: 4_096,
  awarded: 16,
  awardedBytes: 4_096,
} as const

/** What a codec could carry is far above: whatever anybody writes, an honest node can still answer with more. */
export const versionLimits = {
  /** Of either part of a version. */
  version: 2 ** 52,
  fence: 2 ** 32 - 1,
} as const

/** The fence above a claim, as far as there are any: at the highest one all claims are equal, and none is refused. */
export const fenceAbove = (fence: number): number => Math.min(fence + 1, versionLimits.fence)

export function compareVersions(a: Version, b: Version): number {
  return a.incarnation - b.incarnation || a.seqno - b.seqno
}
