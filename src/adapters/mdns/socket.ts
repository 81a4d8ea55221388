/** A socket of multicast DNS on one link: what others say there, and what is said to them. */

import { createSocket, type Socket } from 'node:dgram'
import { isOnLink, type Place } from './link.ts'

export interface MulticastSocket {
  /** Resolves once it is gone, or failed. */
  send(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

const port = 5353
const groups = { 4: '224.0.0.251', 6: 'ff02::fb' } as const
/** An unfragmented Ethernet frame: nothing that is meant for agents is longer. */
const packetBytesMax = 1_500

/** `failed` is called when it cannot be had, or is lost; nothing is heard of it afterwards. */
export function openSocket(
  place: Place,
  {
    heard,
    failed,
  }: {
    /** `its-port`: of multicast DNS, which every responder sends from. */
    readonly heard: (bytes: Uint8Array, sender: string, from: 'its-port' | 'another-port') => void
    readonly failed: (reason: string) => void
  },
): MulticastSocket {
  const { family, interface: at, link, source } = place
  const group = groups[family]
  let open = true
  const closed = Promise.withResolvers<void>()
  // Shared with whatever else speaks multicast DNS on this host: each gets every packet to the group.
  const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', reuseAddr: true })
  // The kernel would send from the link-local address, once it has tested that.
  const speaker = source === undefined ? undefined : createSocket({ type: 'udp6', reuseAddr: true })
  const ready = Promise.withResolvers<void>()
  const close = (): Promise<void> => {
    if (open) {
      socket.close(closed.resolve)
      speaker?.close()
      ready.resolve()
    }
    open = false
    return closed.promise
  }
  const fail = (thrown: unknown): void => {
    if (!open) return
    void close()
    failed(thrown instanceof Error ? thrown.message : String(thrown))
  }
  socket.on('error', fail)
  socket.on('message', (bytes, sender) => {
    if (!open || bytes.length > packetBytesMax || !isOnLink(place, sender.address)) return
    heard(bytes, sender.address, sender.port === port ? 'its-port' : 'another-port')
  })
  // To the group alone: nobody beyond the link can send to that.
  const address = family === 4 ? group : `${group}%${link}`
  socket.bind({ address, port }, () => {
    try {
      socket.addMembership(group, at)
      prepare(socket, at)
      if (!speaker) ready.resolve()
    } catch (thrown) {
      fail(thrown)
    }
  })
  speaker?.on('error', fail)
  speaker?.bind({ address: source, port }, () => {
    try {
      prepare(speaker, at)
      // It hears nobody: no packet comes from a group.
      speaker.connect(port, address, (error?: Error) => (error ? fail(error) : ready.resolve()))
    } catch (thrown) {
      fail(thrown)
    }
  })
  return {
    async send(bytes) {
      await ready.promise
      if (!open) return
      await new Promise<void>((resolve) => {
        const sent = (error: Error | null) => {
          if (error) fail(error)
          resolve()
        }
        if (speaker) speaker.send(bytes, sent)
        else socket.send(bytes, port, group, sent)
      })
    },
    close,
  }
}

function prepare(socket: Socket, at: string): void {
  socket.setMulticastInterface(at)
  socket.setMulticastTTL(255)
  // Another agent may run on this host.
  socket.setMulticastLoopback(true)
}
