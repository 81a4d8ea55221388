/** How agents talk. An adapter owns connections, dialling and decoding; it knows nothing of claims. */

import type { Entry, NodeId } from '../core/claim/record.ts'
import type { Verdict, WantedPeer } from '../core/effect.ts'
import type { Event, Neighbour } from '../core/event.ts'
import type { SyncMessage } from '../core/gossip/message.ts'

export type TransportEvent = Extract<
  Event,
  {
    type:
      | 'peer-connected'
      | 'peer-disconnected'
      | 'peer-overdue'
      | 'peer-probed'
      | 'seeds-are-self'
      | 'peer-refused'
      | 'gossip-received'
      | 'sync-received'
      | 'digest-heard'
      | 'trouble-reported'
  }
>

export interface Transport {
  /**
   * Listens, dials the seeds for ever, and delivers. Rejects only when it cannot listen.
   * Obligations: each peer has one `peer-connected` before anything from it and one `peer-disconnected` after;
   * entries are delivered only after their signature was checked; malformed input never throws and is rejected
   * without reaching the core; everything it queues is bounded.
   */
  start(deliver: (event: TransportEvent) => void): Promise<void>
  /** Best effort, at once, to all; a failure is silent, anti-entropy repairs it. */
  publish(entry: Entry): void
  /** The core's judgement of the gossip with this id: only accepted gossip is forwarded. */
  judge(id: number, verdict: Verdict): void
  /** In order per peer, best effort; dropped when the peer is gone or its queue is full. */
  send(peer: NodeId, message: SyncMessage): void
  /** The digest of all that this node has, which its signs of life say from here on. */
  digest(root: string): void
  /** The whole list. Peers on it are redialled for ever (backoff up to 10 s) by the lower of the two ids. */
  connect(peers: readonly WantedPeer[]): void
  /** The whole list. They are dialled as seeds are, where `dialNetworks` allows it, until they are connected. */
  seek(neighbours: readonly Neighbour[]): void
  /**
   * Dials it afresh, connected or not, and answers with `peer-probed`: within a second or two where nothing answers, and
   * sooner where `watchMs` is lower. What does not answer is disconnected before.
   */
  probe(peer: NodeId, addresses: readonly string[]): void
  /** Its connections end at once; it may come again, and is judged anew. */
  disconnect(peer: NodeId): void
  stop(): Promise<void>
}
