/** How a node stands, in words. */

import type { PeerMessage } from '../adapters/api/definition.ts'
import { livenessText } from '../words/node.ts'
import { durationText } from '../words/time.ts'

export const isMissed = ({ self, liveness }: PeerMessage): boolean => !self && liveness !== 'alive'

/** `host down 12 s (h2, h5)` */
export function missedText({ liveness, since, missedBy }: PeerMessage): string {
  const forMs = Math.max(0, Date.now() - Date.parse(since))
  const by = missedBy.slice(0, 2).join(', ') + (missedBy.length > 2 ? ', ...' : '')
  return `${livenessText(liveness)} ${durationText(forMs)} (${by})`
}
