/** What to say to a neighbour so that both end with the same record set, sending only what differs. */

import type { RecordSet } from '../claim/record-set.ts'
import type { Millis } from '../rng.ts'
import { type Carried, type Stamp, type SyncMessage, syncLimits } from './message.ts'

export const probe = (set: RecordSet): SyncMessage => ({ type: 'probe', root: set.root })

export function answerProbe(set: RecordSet, root: string): SyncMessage {
  return root === set.root
    ? { type: 'match', root }
    : { type: 'buckets', root: set.root, buckets: set.buckets }
}

/** What we have in the buckets that differ, cut into messages of bounded size. */
export function answerBuckets(set: RecordSet, theirs: readonly string[]): SyncMessage[] {
  const ours = set.buckets
  const differing = ours.map((_, index) => index).filter((index) => ours[index] !== theirs[index])
  const byBucket = differing.map((bucket): [number, Stamp[]] => [bucket, set.stamps(bucket)])
  return chunk(byBucket, ([, stamps]) => stamps.length, syncLimits.stamps).map(
    (part, index, parts) => ({
      type: 'summary',
      buckets: part.map(([bucket]) => bucket),
      // A bucket beyond the bound is cut: what is missing is offered in vain once more, never lost.
      stamps: part.flatMap(([, stamps]) => stamps).slice(0, syncLimits.stamps),
      last: index === parts.length - 1,
    }),
  )
}

/** What the sender of the summary lacks, and what we want of it. */
export function answerSummary(
  set: RecordSet,
  summary: Extract<SyncMessage, { type: 'summary' }>,
  now: Millis,
): SyncMessage[] {
  const theirs = new Map(summary.stamps.map((stamp) => [stamp.id, stamp]))
  const give = summary.buckets
    .flatMap((bucket) => set.stamps(bucket))
    .filter((ours) => isAhead(ours, theirs.get(ours.id)))
    .map(({ id }) => id)
  const want = summary.stamps
    .filter((stamp) => set.takes(stamp.id) && isAhead(stamp, set.stamp(stamp.id)))
    .map(({ id }) => id)
  return deltas(set, { give, want, last: summary.last }, now)
}

/** What a delta asked for. It ends the exchange if that delta did. */
export function answerWant(
  set: RecordSet,
  asked: { readonly want: readonly string[]; readonly last: boolean },
  now: Millis,
): SyncMessage[] {
  return deltas(set, { give: asked.want, want: [], last: asked.last }, now)
}

function deltas(
  set: RecordSet,
  exchange: { give: readonly string[]; want: readonly string[]; last: boolean },
  now: Millis,
): SyncMessage[] {
  // By hash: a tombstone may be asked for as itself and as the proof of each of its fences.
  const byHash = new Map<string, Carried>()
  for (const id of exchange.give) {
    const item = set.carried(id, now)
    if (item) byHash.set(item.entry.hash, item)
  }
  const carried = [...byHash.values()]
  const parts = chunk(carried, ({ entry }) => entry.envelope.length + 16, syncLimits.targetBytes)
  // Wishes travel alone: beside entries they would exceed the bound.
  if (parts.length === 0 || exchange.want.length > 0) parts.push([])
  return parts.map((part, index) => ({
    type: 'delta',
    carried: part,
    want: index === parts.length - 1 ? exchange.want.slice(0, syncLimits.wants) : [],
    last: exchange.last && index === parts.length - 1,
  }))
}

/** Whether `a` is worth sending to who has `b`: newer, or a rival of the same version. */
function isAhead(a: Stamp, b: Stamp | undefined): boolean {
  if (!b) return true
  const order = a.version[0] - b.version[0] || a.version[1] - b.version[1]
  return order > 0 || (order === 0 && a.hash !== b.hash)
}

/** Consecutive parts, each within `most` by weight, or of one item. */
function chunk<T>(items: readonly T[], weigh: (item: T) => number, most: number): T[][] {
  const parts: T[][] = []
  let weight = Number.POSITIVE_INFINITY
  for (const item of items) {
    weight += weigh(item)
    if (weight > most) {
      parts.push([])
      weight = weigh(item)
    }
    parts.at(-1)?.push(item)
  }
  return parts
}
