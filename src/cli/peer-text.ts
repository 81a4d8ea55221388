/** How a node stands, in words. */

import type { PeerMessage } from '../adapters/api/definition.ts'
import { durationText } from './layout.ts'

export const isMissed = ({ self, liveness }: PeerMessage): boolean => !self && liveness !== 'alive'

/** `host down 12 s (h2, h5)` */
export function missedText({ liveness, since, missedBy }: PeerMessage): string {
  const forMs = Math.max(0, Date.now() - Date.parse(since))
  const by = missedBy.slice(0, 2).join(', ') + (missedBy.length > 2 ? ', ...' : '')
  return `${livenessWords.get(liveness) ?? liveness} ${durationText(forMs)} (${by})`
}

const livenessWords: ReadonlyMap<string, string> = new Map([
  ['agent-down', 'agent down'],
  ['host-down', 'host down'],
])

/** `/ip4/10.0.1.71/tcp/7871` as people write it. */
export function addressText(multiaddr: string): string {
  const [, kind, host, port] = /^\/(ip4|ip6)\/([^/]+)\/tcp\/([0-9]+)/.exec(multiaddr) ?? []
  if (host === undefined) return multiaddr
  return kind === 'ip6' ? `[${host}]:${port}` : `${host}:${port}`
}
