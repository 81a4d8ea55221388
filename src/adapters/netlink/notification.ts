/** The monitor's frames in the core's words. */

import type { KernelChange } from '../../core/routing/route.ts'
import { readAddress } from './address-message.ts'
import { readLink } from './link-message.ts'
import { type Message, walkMessages } from './message.ts'
import { type RouteFacts, readRoute } from './route-message.ts'
import { linkOf, type Words } from './words.ts'

export interface Notification {
  readonly change: KernelChange
  /** Number of the latest own write before it. */
  readonly seq: number
}

interface Vocabulary {
  readonly words: Words
  readonly isOwned: (facts: RouteFacts) => boolean
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

function changeOf(message: Message, { words, isOwned }: Vocabulary): KernelChange | undefined {
  const facts = readRoute(message)
  if (facts) {
    const route = words.route(facts, isOwned(facts))
    return { type: facts.removed ? 'route-removed' : 'route-added', route }
  }
  const link = readLink(message)
  if (link) {
    const { ifindex, name } = link
    return link.removed
      ? { type: 'link-removed', ifindex, name }
      : { type: 'link-changed', link: linkOf(link) }
  }
  const address = readAddress(message)
  if (!address) return undefined
  const type = address.removed ? 'address-removed' : 'address-added'
  return { type, address: words.hostAddress(address) }
}
