/** Keeps the door for CNI open: what keeps it shut is told, and tried again. */

import { createServer, type Server, type Socket } from 'node:net'
import type { Trouble } from '../../core/event.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Containers } from '../../ports/containers.ts'
import type { Operator } from '../../ports/operator.ts'
import { Caller } from './caller.ts'
import { Desk } from './desk.ts'
import { hostClock } from './host-clock.ts'
import { troubleTold } from './told.ts'

export interface CniDoor {
  /** Answers what is under way, at most for a moment, and removes the socket. */
  close(): Promise<void>
}

/** Resolves when it was tried for the first time. `listen` binds a server to the plugin's socket, which is root's alone. */
export async function openCniDoor(options: {
  readonly listen: (server: Server) => Promise<void>
  /** Directory where the plugin puts a DEL that no agent answers. */
  readonly queue: string
  readonly operator: Operator
  readonly containers: Containers
  readonly clock: Clock
  readonly bootId: string
  /** The clock that leases are stamped by. */
  readonly wallMs: () => number
  readonly tell: (trouble: Trouble) => void
}): Promise<CniDoor> {
  const { listen, queue, operator, containers, clock, tell } = options
  const now = hostClock(options.bootId, options.wallMs)
  const desk = new Desk({ operator, containers, now, directory: queue })
  const callers = new Set<Caller>()
  const trouble = troubleTold(tell, { code: 'door-shut', subject: 'CNI' })

  const serve = async (caller: Caller): Promise<void> => {
    try {
      const body = await caller.call(clock)
      if (body) await desk.serve(body, caller)
    } catch (thrown) {
      trouble(thrown)
    }
    caller.end()
  }
  const server = createServer((socket: Socket) => {
    const caller = new Caller(socket)
    callers.add(caller)
    socket.once('close', () => callers.delete(caller))
    void serve(caller)
  })
  // Whoever is above it is refused, which the plugin takes for no agent.
  server.maxConnections = callersMax

  let cancel = (): void => {}
  let isClosing = false
  const attend = async (): Promise<void> => {
    try {
      // Before it listens: what could not be told to an earlier agent comes first.
      await desk.sweep()
      if (!server.listening) await listen(server)
      trouble(undefined)
    } catch (thrown) {
      trouble(thrown)
    }
    if (isClosing) return
    cancel = clock.schedule(clock.now() + attendMs, () => {
      attempt = attend()
    })
  }
  // Once it listens, a failed accept concerns one caller alone.
  server.on('error', () => {})
  let attempt = attend()
  await attempt

  return {
    close: async () => {
      isClosing = true
      cancel()
      const end = clock.schedule(clock.now() + graceMs, () => {
        for (const caller of callers) caller.end()
      })
      await attempt
      await new Promise<void>((resolve) => server.close(() => resolve()))
      end()
    },
  }
}

const callersMax = 1_024
const graceMs = 500
const attendMs = 30_000
