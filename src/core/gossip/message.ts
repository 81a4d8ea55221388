/** The messages of anti-entropy. Each stands alone: no session state, any order, any loss. */

import type { Entry } from '../claim/record.ts'

/** What one side has of one item: an origin's entry, or the fence of a prefix. */
export interface Stamp {
  /** A NodeId or the text of a prefix. */
  readonly id: string
  /** Incarnation and seqno of an entry; the fence and 0 of a fence. */
  readonly version: readonly [number, number]
  /** First 16 hex digits of the entry's hash; empty for a fence. */
  readonly hash: string
}

/** An entry on its way, with what is left of a tombstone's retention. */
export interface Carried {
  readonly entry: Entry
  /** Ms; 0: only its fences count. Infinity in memory and absent on the wire for a record. */
  readonly remainMs: number
}

export type SyncMessage =
  /** "This is the digest of all I have." Answered by `match` or `buckets`. */
  | { readonly type: 'probe'; readonly root: string }
  | { readonly type: 'match'; readonly root: string }
  /** "We differ; this is my digest of each bucket." Answered by `summary`. */
  | { readonly type: 'buckets'; readonly root: string; readonly buckets: readonly string[] }
  /** "In these buckets I have this." Answered by `delta`. `last`: more summaries do not follow. */
  | {
      readonly type: 'summary'
      readonly buckets: readonly number[]
      readonly stamps: readonly Stamp[]
      readonly last: boolean
    }
  /** "This you lack, and this I want." `last`: no more deltas follow from this exchange. */
  | {
      readonly type: 'delta'
      readonly carried: readonly Carried[]
      readonly want: readonly string[]
      readonly last: boolean
    }
  /** "My wall clock is at this", in ms since 1970: the first word on a connection; a further one is a question, answered by the same. */
  | { readonly type: 'clock'; readonly wallMs: number }
  /** "This is the digest of the operator's papers that I keep." Answered by `papers` where it differs. */
  | { readonly type: 'trust'; readonly digest: string; readonly asks: boolean }
  | { readonly type: 'papers'; readonly papers: readonly Uint8Array[] }

export const syncLimits = {
  /** Bound of one encoded message; the transport refuses longer ones. */
  messageBytes: 65_536,
  /** Soft bound that senders cut messages at. */
  targetBytes: 49_152,
  buckets: 64,
  stamps: 600,
  wants: 600,
} as const
