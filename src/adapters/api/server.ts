/** Serves the APIs: all of them on the unix socket, Stellar's on TCP too where that is asked for. */

import { createServer, type Server as Listener, type Socket } from 'node:net'
import grpc from '@grpc/grpc-js'
import type { Address } from '../../core/ip/address.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Inspection } from '../../ports/inspection.ts'
import type { Operator } from '../../ports/operator.ts'
import type { Remote } from '../../ports/remote.ts'
import { answer } from './answer.ts'
import { type ExplainResponse, operatorService, serviceNames } from './definition.ts'
import { explainAddress } from './explain.ts'
import { answerForwarded, askHostBy, askLeaseBy, forwardBy } from './forward.ts'
import { giveToGroup, groupId } from './group.ts'
import { operatorHandlers, type SelfKnowledge } from './handlers.ts'
import { healthHandlers } from './health.ts'
import { LastingCalls } from './lasting.ts'
import health from './proto/health.json' with { type: 'json' }
import network from './proto/network.json' with { type: 'json' }
import reflection from './proto/reflection.json' with { type: 'json' }
import { readingOnly } from './reading.ts'
import { reflectionHandlers } from './reflection.ts'
import { loadService, type Service } from './service.ts'
import { listenOnSocket } from './socket.ts'
import { StellarNetwork } from './stellar.ts'
import { listenOnTcp, type TcpEndpoint } from './tcp.ts'

export { SocketError } from './socket.ts'

export interface ApiServer {
  /** As the call of that name has it. */
  explain(address: Address): Promise<ExplainResponse>
  /** Answers what is under way, at most for a moment, ends the rest and removes the socket. */
  close(): Promise<void>
}

export interface ApiOptions extends SelfKnowledge {
  readonly socket: string
  /** Who may use the socket besides its owner; undefined: the group that the agent runs as. */
  readonly group?: string
  /** Who may read, by a socket of its own beside the other; undefined: there is none. */
  readonly readGroup?: string
  /** Here Stellar's service alone is served, besides health and reflection. */
  readonly tcp?: TcpEndpoint
  readonly operator: Operator
  readonly remote: Remote
  readonly inspection: Inspection
  readonly clock: Clock
}

type Offer = readonly [name: string, service: Service, handlers: grpc.UntypedServiceImplementation]

/** Rejects with a SocketError: `already-running` where another agent answers on the socket. */
export async function serveApi(options: ApiOptions): Promise<ApiServer> {
  const { operator, remote, clock } = options
  const lasting = new LastingCalls()
  const services = {
    operator: operatorService(),
    network: loadService(network, serviceNames.network),
  }
  const { inspection } = options
  answerForwarded(remote, services, { operator, inspection, clock })
  const askLease = askLeaseBy(remote, services.operator)
  const askHost = askHostBy(remote, services.operator)
  const stellar = new StellarNetwork(operator, forwardBy(remote, services.network))
  const { inabilities, settings, recent } = options
  const offerOperator = (calls: LastingCalls): Offer => [
    serviceNames.operator,
    services.operator,
    operatorHandlers(
      { operator, clock, askLease, askHost, inspection, inabilities, settings, recent },
      calls,
    ),
  ]
  const offers = {
    operator: offerOperator(lasting),
    network: [serviceNames.network, services.network, unaryHandlers(services.network, stellar)],
  } as const
  const groups = {
    write: options.group === undefined ? undefined : groupId(options.group, '--socket-group'),
    read:
      options.readGroup === undefined
        ? undefined
        : groupId(options.readGroup, '--socket-read-group'),
  }
  const unix = serverOf([offers.operator, offers.network], lasting)
  const insecure = grpc.ServerCredentials.createInsecure()
  const doors = [new DoorToServer(unix, insecure, clock)]
  await listenOnSocket(doors[0]?.listener as Listener, options.socket)
  // Readers that wait or watch take no place of those who may do more.
  const readersLasting = new LastingCalls()
  try {
    if (groups.write !== undefined) giveToGroup(options.socket, groups.write)
    if (groups.read !== undefined) {
      const [name, service, handlers] = offerOperator(readersLasting)
      const readers = serverOf([[name, service, readingOnly(handlers)]], readersLasting)
      const door = new DoorToServer(readers, insecure, clock)
      doors.push(door)
      const path = readSocketOf(options.socket)
      await listenOnSocket(door.listener, path)
      giveToGroup(path, groups.read)
    }
    if (options.tcp) {
      const { credentials, listen } = listenOnTcp(options.tcp)
      const door = new DoorToServer(serverOf([offers.network], lasting), credentials, clock)
      doors.push(door)
      await listen(door.listener)
    }
  } catch (thrown) {
    await Promise.all(doors.map((door) => door.close()))
    throw thrown
  }
  return {
    explain: (address) => explainAddress(operator, address, { askLease, inspection }),
    close: async () => {
      lasting.release()
      readersLasting.release()
      await Promise.all(doors.map((door) => door.close()))
    },
  }
}

/** `starling-read.sock` beside `starling.sock`. */
export const readSocketOf = (socket: string): string => socket.replace(/(\.sock)?$/, '-read.sock')

/** Health and reflection come with whatever is offered. */
function serverOf(offers: readonly Offer[], lasting: LastingCalls): grpc.Server {
  const names = [...offers.map(([name]) => name), serviceNames.health, serviceNames.reflection]
  const standard: readonly Offer[] = [
    [
      serviceNames.health,
      loadService(health, serviceNames.health),
      healthHandlers(names, lasting.start),
    ],
    [
      serviceNames.reflection,
      loadService(reflection, serviceNames.reflection),
      reflectionHandlers(names, lasting.start),
    ],
  ]
  const server = new grpc.Server({
    'grpc.max_receive_message_length': 65_536,
    // Counts calls for a service that nobody is offered.
    'grpc.enable_channelz': 0,
  })
  for (const [, { definition }, handlers] of [...offers, ...standard]) {
    server.addService(definition, handlers)
  }
  return server
}

/** Each call of the service by the method of its name. */
function unaryHandlers(
  service: Service,
  network: StellarNetwork,
): grpc.UntypedServiceImplementation {
  const methods = network as unknown as Record<string, (request: object) => Promise<object>>
  return Object.fromEntries(
    Object.keys(service.definition).map((name) => [
      name,
      answer<object, object>(({ request }) =>
        (methods[name] as (typeof methods)[string]).call(network, request),
      ),
    ]),
  )
}

/** Listens by itself, as grpc would bind a socket with a mode of its own and without a bound on connections. */
class DoorToServer {
  readonly listener: Listener
  readonly #server: grpc.Server
  readonly #drain: () => void
  readonly #connections = new Set<Socket>()
  readonly #clock: Clock

  constructor(server: grpc.Server, credentials: grpc.ServerCredentials, clock: Clock) {
    const injector = server.createConnectionInjector(credentials)
    this.#server = server
    this.#clock = clock
    this.#drain = () => injector.drain(graceMs)
    this.listener = createServer((connection) => {
      this.#connections.add(connection)
      connection.once('close', () => this.#connections.delete(connection))
      injector.injectConnection(connection)
    })
    // Further connections wait in the kernel's backlog, which is bounded.
    this.listener.maxConnections = connectionsMax
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.listener.close(() => resolve()))
    this.#drain()
    const cancel = this.#clock.schedule(this.#clock.now() + graceMs, () => {
      for (const connection of this.#connections) connection.destroy()
    })
    await closed
    cancel()
    this.#server.forceShutdown()
  }
}

const connectionsMax = 256
const graceMs = 500
