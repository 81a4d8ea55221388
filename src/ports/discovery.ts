/** Who else may be on the LAN. An adapter asks and listens; what it hears is a hint of whom to dial, and nothing more. */

import type { Event } from '../core/event.ts'
import type { Address } from '../core/ip/address.ts'

export type DiscoveryEvent = Extract<Event, { type: 'neighbours-heard' | 'trouble-reported' }>

export interface Discovery {
  /**
   * Delivers all neighbours whenever one comes or goes. Obligations: each was heard on the link that is followed, from
   * an address on that link; they are bounded in number; malformed input never throws; a flood is not read.
   */
  start(deliver: (event: DiscoveryEvent) => void): void
  /** Asks and answers there from here on, and nowhere else. An empty link: nowhere. The same again changes nothing. */
  follow(uplink: { readonly link: string; readonly nextHops: readonly Address[] }): void
  /** Tells the others that this node is not there any more. */
  stop(): Promise<void>
}
