/** Serves the operator API on a unix socket. */

import { createServer, type Socket } from 'node:net'
import grpc from '@grpc/grpc-js'
import type { Clock } from '../../ports/clock.ts'
import type { Operator } from '../../ports/operator.ts'
import { operatorService } from './definition.ts'
import { createHandlers } from './handlers.ts'
import { listenOnSocket } from './socket.ts'

export { SocketError } from './socket.ts'

export interface ApiServer {
  /** Answers what is under way, at most for a moment, ends the rest and removes the socket. */
  close(): Promise<void>
}

/** Rejects with a SocketError: `already-running` where another agent answers on the socket. */
export async function serveApi(options: {
  readonly socket: string
  readonly operator: Operator
  readonly clock: Clock
}): Promise<ApiServer> {
  const handlers = createHandlers(options.operator, options.clock)
  const server = new grpc.Server({ 'grpc.max_receive_message_length': 65_536 })
  server.addService(operatorService(), handlers.service)
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure())

  const connections = new Set<Socket>()
  // The socket is bound here and not by grpc, which would bind it with a mode of its own.
  const listener = createServer((connection) => {
    connections.add(connection)
    connection.once('close', () => connections.delete(connection))
    injector.injectConnection(connection)
  })
  // Further connections wait in the kernel's backlog, which is bounded.
  listener.maxConnections = connectionsMax
  await listenOnSocket(listener, options.socket)
  // Once it listens, a failed accept concerns one caller alone.
  listener.on('error', () => {})

  return {
    close: async () => {
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()))
      handlers.release()
      injector.drain(graceMs)
      const cancel = options.clock.schedule(options.clock.now() + graceMs, () => {
        for (const connection of connections) connection.destroy()
      })
      await closed
      cancel()
      server.forceShutdown()
    },
  }
}

const connectionsMax = 256
const graceMs = 500
