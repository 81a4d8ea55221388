/** A LAN without a network: whatever one socket sends to the group, all on it hear. */

import type { Place } from '../../../src/adapters/mdns/link.ts'
import type { openSocket } from '../../../src/adapters/mdns/socket.ts'
import { prefixOf } from '../../core/specimens.ts'

type Listener = Parameters<typeof openSocket>[1]

export class Lan {
  readonly #sockets = new Map<Listener, string>()
  /** Every packet, oldest first. */
  readonly packets: { readonly from: string; readonly bytes: Uint8Array }[] = []
  /** Why no socket can be had; empty: it can. */
  refuses = ''

  /** The socket of a host that has this address. */
  at = (address: string): typeof openSocket => {
    return (_place, listener) => {
      if (this.refuses !== '') queueMicrotask(() => listener.failed(this.refuses))
      else this.#sockets.set(listener, address)
      return {
        send: async (bytes) => {
          if (this.#sockets.has(listener)) this.say(address, bytes)
        },
        close: async () => {
          this.#sockets.delete(listener)
        },
      }
    }
  }

  say(from: string, bytes: Uint8Array, port: 'its-port' | 'another-port' = 'its-port'): void {
    this.packets.push({ from, bytes })
    for (const listener of [...this.#sockets.keys()]) listener.heard(bytes, from, port)
  }

  get listening(): number {
    return this.#sockets.size
  }
}

export const placeWith =
  (address: string) =>
  (link: string): Place => ({
    link,
    family: 4,
    interface: address,
    networks: [prefixOf('10.0.1.0/24')],
  })
