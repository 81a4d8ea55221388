/** TCP connections that never become a handshake: silent ones, and ones that dribble. */

import { connect, createServer, type Server, type Socket } from 'node:net'

export interface SocketPlace {
  readonly host: string
  readonly port: number
  /** Which of the attacker's addresses they come from. */
  readonly localAddress: string
}

/** Opened as fast as the kernel takes them; whoever is refused or thrown out is opened again where `again`. */
export function openSockets(
  place: SocketPlace,
  count: number,
  {
    again = false,
    opened = () => undefined,
  }: {
    again?: boolean
    opened?: (socket: Socket) => void
  } = {},
): Promise<void> {
  let waiting = count
  const { promise, resolve } = Promise.withResolvers<void>()
  const open = (first: boolean): void => {
    const socket = connect(place)
    let settled = !first
    const settle = () => {
      if (settled) return
      settled = true
      waiting -= 1
      if (waiting === 0) resolve()
    }
    socket.once('connect', () => {
      settle()
      opened(socket)
    })
    // A victim that refuses is what an attack has to expect.
    socket.on('error', () => undefined)
    socket.once('close', () => {
      settle()
      if (again) setTimeout(() => open(false), 5)
    })
  }
  for (let index = 0; index < count; index += 1) open(true)
  return promise
}

/** One byte now and then: always about to say something. */
export function dribble(socket: Socket, everyMs = 500): void {
  const timer = setInterval(() => socket.write(Buffer.of(0)), everyMs)
  socket.once('close', () => clearInterval(timer))
}

/** A port that answers TCP and says nothing. */
export async function silentPort(host: string, port: number): Promise<Server> {
  const server = createServer(() => undefined)
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
  return server
}
