/**
 * Takes the place of libp2p's identify. That asks every peer over two streams of its own which protocols it speaks,
 * and everybody here speaks the same; it costs a third of a connection's set-up, and tells strangers about us.
 */

import { type Libp2pEvents, serviceCapabilities, type TypedEventTarget } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'

interface Components {
  readonly events: TypedEventTarget<Libp2pEvents>
  readonly registrar: Registrar
}

/** `protocol` is what every peer is taken to speak as soon as it is connected; one that does not refuses the stream. */
export const introduction =
  (protocol: string) =>
  ({ events, registrar }: Components) => {
    events.addEventListener('connection:open', ({ detail: connection }) => {
      for (const topology of registrar.getTopologies(protocol))
        topology.onConnect?.(connection.remotePeer, connection)
    })
    // libp2p tells only of peers that got as far as a stream.
    events.addEventListener('peer:disconnect', ({ detail: peer }) => {
      for (const topology of registrar.getTopologies(protocol)) topology.onDisconnect?.(peer)
    })
    // gossipsub starts with no service that lacks this.
    return { [serviceCapabilities]: ['@libp2p/identify'] }
  }
