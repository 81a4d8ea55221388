/** The monitor's frames in the core's words. */

import type { KernelChange } from '../../core/routing/route.ts'
import { readAddress } from './address-message.ts'
import type { BridgePorts } from './bridge-ports.ts'
import { readLink } from './link-message.ts'
import { type Message, walkMessages } from './message.ts'
import { readRoute } from './route-message.ts'
import { messageType } from './rtnetlink.ts'
import type { ScopeFilter } from './scope.ts'
import { linkOf, type Words } from './words.ts'

export interface Notification {
  readonly change: KernelChange
  /** Number of the latest own write before it. */
  readonly seq: number
}

interface Vocabulary {
  readonly words: Words
  readonly filter: ScopeFilter
  /** Of the agent's addresses. */
  readonly protocol: number
  readonly ports: BridgePorts
}

export function readNotifications(packed: Uint8Array, vocabulary: Vocabulary): Notification[] {
  const data = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength)
  const found: Notification[] = []
  let at = 0
  while (at + 8 <= data.length) {
    const seq = data.readUInt32LE(at)
    const end = at + 4 + ((data.readUInt32LE(at + 4) + 3) & ~3)
    walkMessages(data.subarray(at + 4, end), (message) => {
      const change = changeOf(message, vocabulary)
      if (change) found.push({ change, seq })
    })
    at = end
  }
  return found
}

function changeOf(
  message: Message,
  { words, filter, protocol, ports }: Vocabulary,
): KernelChange | undefined {
  const facts = readRoute(message)
  if (facts) {
    // The monitor does not know the rules, and passes on what is in any table.
    if (!filter.admits(facts)) return { type: 'foreign-routes-changed', count: 1 }
    const route = words.route(facts, filter.isOwned(facts), filter.otherTable(facts))
    return { type: facts.removed ? 'route-removed' : 'route-added', route }
  }
  const bare = bareChanges.get(message.type)
  if (bare) return bare
  const link = readLink(message)
  if (link) {
    ports.observe(link)
    const { ifindex, name } = link
    return link.removed
      ? { type: 'link-removed', ifindex, name }
      : { type: 'link-changed', link: linkOf(link) }
  }
  const address = readAddress(message)
  if (!address) return undefined
  const type = address.removed ? 'address-removed' : 'address-added'
  return { type, address: words.hostAddress(address, protocol) }
}

/** Of which it matters only that they came. */
const bareChanges: ReadonlyMap<number, KernelChange> = new Map([
  [messageType.newRule, { type: 'rules-changed' }],
  [messageType.delRule, { type: 'rules-changed' }],
  [messageType.newNexthop, { type: 'nexthop-objects-changed' }],
  [messageType.delNexthop, { type: 'nexthop-objects-changed' }],
  [messageType.newNetconf, { type: 'forwarding-changed' }],
  [messageType.delNetconf, { type: 'forwarding-changed' }],
])
