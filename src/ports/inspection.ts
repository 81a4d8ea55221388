/** What this host would do with a packet, asked for people. It changes no route, rule or setting, and holds up no agent. */

import type { Address, Family } from '../core/ip/address.ts'
import type { FirewallVerdict, Look, Neighbour, Packet } from '../core/path/look.ts'

/** None rejects: what cannot be found out is unknown. */
export interface Inspection {
  lookUp(to: Address): Promise<Look>
  /** What the kernel says of a packet that comes in by a link: its error, or empty. Undefined: it does not say. */
  comeIn(packet: { from: Address; to: Address; ifindex: number }): Promise<string | undefined>
  /** Asks on the link where nobody has lately, which takes up to three seconds. */
  neighbour(address: Address, ifindex: number): Promise<Neighbour>
  forwarding(family: Family, link: string): Promise<'on' | 'off' | 'unknown'>
  firewall(packet: Packet): Promise<FirewallVerdict>
}
