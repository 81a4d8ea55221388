/** What was said between this node and others so far, in plain numbers that only grow. */

import type { Verdict } from '../core/effect.ts'
import type { SyncMessage } from '../core/gossip/message.ts'

/** A message of anti-entropy; `beat`: a sign of life with a digest; `broken`: it could not be read. */
export type SyncWord = SyncMessage['type'] | 'beat' | 'broken'

export interface Traffic {
  /** Sent: one for each peer that got an own entry. Received: the first copy of each entry, passed on or not. */
  readonly gossip: { readonly sent: Flow; readonly received: Flow }
  readonly sync: {
    readonly sent: Record<SyncWord, Flow>
    readonly received: Record<SyncWord, Flow>
  }
  /** Of each entry that came by gossip. */
  readonly verdicts: Record<Verdict, number>
}

/** Of payloads: what encryption and framing add is not counted. */
export interface Flow {
  messages: number
  bytes: number
}

export function noTraffic(): Traffic {
  const none = (): Flow => ({ messages: 0, bytes: 0 })
  const noWords = (): Record<SyncWord, Flow> => ({
    probe: none(),
    match: none(),
    buckets: none(),
    summary: none(),
    delta: none(),
    clock: none(),
    trust: none(),
    papers: none(),
    beat: none(),
    broken: none(),
  })
  return {
    gossip: { sent: none(), received: none() },
    sync: { sent: noWords(), received: noWords() },
    verdicts: { accept: 0, ignore: 0, reject: 0 },
  }
}

export function count(flow: Flow, bytes: number, messages = 1): void {
  flow.messages += messages
  flow.bytes += bytes
}
