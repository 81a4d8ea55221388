/** A transport that hears a cluster and tells it nothing: neither records nor clocks, nor that anybody is there to stay. */

import type { Entry, NodeId } from '../../core/claim/record.ts'
import type { SyncMessage } from '../../core/gossip/message.ts'
import type { Transport, TransportEvent } from '../../ports/transport.ts'

/**
 * `self` is whom the core takes itself for. With its first own record it has heard enough, and the transport is stopped:
 * nobody is to hear of that one.
 */
export function listeningTransport(transport: Transport, self: NodeId): Transport {
  let isMute = false
  let root = ''
  return {
    ...transport,
    start: (deliver) =>
      transport.start((event) => {
        const heard = isMute ? undefined : heardBy({ self, root }, event)
        if (heard) deliver(heard)
      }),
    publish(entry) {
      // What others said is passed on by others.
      if (entry.body.origin !== self || isMute) return
      isMute = true
      void transport.stop()
    },
    send(peer, message) {
      const said = isMute ? undefined : sayable(message)
      if (said) transport.send(peer, said)
    },
    digest(latest) {
      root = latest
      if (!isMute) transport.digest(latest)
    },
    // Members that the seeds tell of are not dialled.
    connect: () => undefined,
    probe: () => undefined,
  }
}

/** Of no record set: nobody who is joining takes this question for the agreement that it waits for. */
const nobodysRoot = 'f'.repeat(16)

/** Questions, and what they are asked about. */
function sayable(message: SyncMessage): SyncMessage | undefined {
  if (message.type === 'summary') return message
  return message.type === 'probe' ? { type: 'probe', root: nobodysRoot } : undefined
}

function heardBy(
  own: { readonly self: NodeId; readonly root: string },
  event: TransportEvent,
): TransportEvent | undefined {
  if (event.type === 'gossip-received') return isTwin(own.self, event.entry) ? undefined : event
  if (event.type !== 'sync-received') return event
  const { message } = event
  if (message.type === 'buckets' && message.root === own.root) {
    return { ...event, message: { type: 'match', root: own.root } }
  }
  if (message.type !== 'delta') return event
  const carried = message.carried.filter(({ entry }) => !isTwin(own.self, entry))
  return { ...event, message: { ...message, carried } }
}

/** What this host's own agent says meanwhile is no word of a twin. */
const isTwin = (self: NodeId, { body }: Entry): boolean =>
  body.kind === 'record' && body.origin === self
