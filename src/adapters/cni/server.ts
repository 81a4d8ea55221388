/** Answers the CNI plugin on a unix socket, after what it could not tell an earlier agent. */

import { createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../../ports/clock.ts'
import type { Operator } from '../../ports/operator.ts'
import { Caller } from './caller.ts'
import { Desk } from './desk.ts'
import { hostClock } from './host-clock.ts'

export interface CniServer {
  /** Answers what is under way, at most for a moment, and removes the socket. */
  close(): Promise<void>
}

export interface CniOptions {
  readonly operator: Operator
  readonly clock: Clock
  /** The clock that leases are stamped by. */
  readonly wallMs: () => number
  /** Where the plugin puts a DEL that no agent answers. */
  readonly directory: string
  /** Listens on the socket, which root alone may use. */
  readonly listen: (server: Server) => Promise<void>
  /** Why DELs wait in the directory; empty: they do not. */
  readonly report: (reason: string) => void
}

/** Rejects where it cannot listen. */
export async function serveCni(options: CniOptions): Promise<CniServer> {
  const { operator, clock, directory } = options
  const desk = new Desk({ operator, now: hostClock(options.wallMs), directory })
  const callers = new Set<Caller>()
  let told = ''
  const report = (reason: string) => {
    if (reason !== told) options.report(reason)
    told = reason
  }
  const server = createServer((socket: Socket) => {
    const caller = new Caller(socket)
    callers.add(caller)
    socket.once('close', () => callers.delete(caller))
    void serve(caller)
  })
  const serve = async (caller: Caller): Promise<void> => {
    try {
      const body = await caller.call(clock)
      if (body) await desk.serve(body, caller)
    } catch (thrown) {
      // Only an ADD finds out: without its DELs before it, it is not done.
      report(String(thrown))
    }
    caller.end()
  }

  let cancel = () => {}
  const sweep = async (): Promise<void> => {
    try {
      await desk.sweep()
      report('')
    } catch (thrown) {
      report(String(thrown))
    }
    cancel = clock.schedule(clock.now() + sweepMs, () => void sweep())
  }

  // Whoever is above it is refused, which the plugin takes for no agent.
  server.maxConnections = connectionsMax
  await sweep()
  await options.listen(server)
  // Once it listens, a failed accept concerns one caller alone.
  server.on('error', () => {})

  return {
    close: async () => {
      cancel()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      const end = clock.schedule(clock.now() + graceMs, () => {
        for (const caller of callers) caller.end()
      })
      await closed
      end()
    },
  }
}

const connectionsMax = 1_024
const graceMs = 500
const sweepMs = 30_000
