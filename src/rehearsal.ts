/** The agent's core on what is really there, with ports that tell what they would do, and do nothing. */

import { randomBytes } from 'node:crypto'
import { rehearsedFirewall } from './adapters/firewall/rehearsal.ts'
import { listeningTransport } from './adapters/libp2p/listener.ts'
import { libp2pTransport } from './adapters/libp2p/transport.ts'
import { rehearsedKernel } from './adapters/netlink/rehearsal.ts'
import { Agent } from './core/agent.ts'
import type { Snapshot } from './core/effect.ts'
import type { Event, Neighbour } from './core/event.ts'
import type { AgentView } from './core/view.ts'
import {
  type CoreParts,
  coreConfig,
  firewallName,
  markerIn,
  netlinkOptions,
  transportOptions,
} from './core-parts.ts'
import { noTraffic } from './ports/traffic.ts'
import { EffectRunner } from './runtime/effect-runner.ts'
import { EventLoop } from './runtime/event-loop.ts'
import { systemClock } from './runtime/system-clock.ts'
import { keyPairFromSeed } from './wire/signature.ts'

export interface Rehearsed {
  readonly view: AgentView
  readonly heard: 'peers' | 'nobody' | 'not-asked'
  /** In the order in which they would be run. */
  readonly commands: readonly string[]
}

/** How often it is looked whether it has come to rest, and for how long nothing must have been added then. */
const lookMs = 50
const calmMs = 700
/** After joining: whoever has no subnet by then gets none. */
const patienceMs = 6_000

/** `isRunning`: an agent of this host can be asked, too. */
export async function rehearse(
  parts: CoreParts & { readonly isRunning: boolean },
  stop: AbortSignal,
): Promise<Rehearsed> {
  const { config, keys, snapshot, admission, isRunning } = parts
  const asks = admission.mode !== 'signed'
  const commands = new Map<string, string>()
  let changedAt = systemClock.now()
  let inSyncAt: number | undefined
  let metPeer = false
  let failure: unknown
  let ended = false
  const record = (key: string, command: string): void => {
    if (commands.get(key) === command) return
    commands.set(key, command)
    changedAt = systemClock.now()
  }

  const core = coreConfig(parts)
  const agent = new Agent(
    asks ? core : { ...core, seeded: false, discovers: false },
    snapshot,
    Math.random,
    systemClock.now(),
  )
  const kernel = rehearsedKernel(netlinkOptions(config, keys.id), (line) => record(line, line))
  const firewall = rehearsedFirewall({
    name: firewallName(config),
    marker: markerIn(config.stateDir),
    record,
  })
  const options = transportOptions(parts, agent, noTraffic())
  const transport = listeningTransport(
    libp2pTransport({
      ...options,
      // Of this run alone: whom it meets knows nobody by it.
      keys: keyPairFromSeed(randomBytes(32)),
      credentials: { required: false, own: () => undefined, refusal: () => '' },
      dialsOnly: true,
      listen: isRunning ? [] : options.listen,
      seeds: asks ? options.seeds : [],
    }),
    keys.id,
  )
  const discovery =
    asks && config.discovers
      ? (await import('./adapters/mdns/discovery.ts')).mdnsDiscovery({
          ...options,
          port: undefined,
        })
      : undefined
  const deliver = (event: Event): void => loop.push(event)
  const runner = new EffectRunner({
    kernel,
    firewall,
    transport,
    ...(discovery && { discovery }),
    store: {
      load: async () => snapshot,
      persistOwn: async () => {},
      persistKnown: async () => {},
    },
    leases: { commit: async () => {}, replace: async () => {} },
    containers: { look: async () => [] },
    telemetry: {
      note: (note) => {
        if (note.code !== 'in-sync') return
        inSyncAt = systemClock.now()
        metPeer = note.by === 'peer'
      },
    },
    deliver,
    reply: () => undefined,
    stop: () => {
      ended = true
    },
  })
  const loop = new EventLoop({
    machine: agent,
    clock: systemClock,
    perform: runner.perform,
    failed: (error) => {
      failure = error
    },
  })

  const isOver = (): boolean => {
    const now = systemClock.now()
    const { convergence, problems } = agent.view()
    if (ended || failure !== undefined || stop.aborted) return true
    // It would wait for as long as it takes.
    if (inSyncAt === undefined) return problems.some(({ code }) => code === 'join-held')
    if (now - inSyncAt >= patienceMs) return true
    return convergence.claimed && convergence.kernelEqual && now - changedAt >= calmMs
  }
  try {
    await kernel.start(deliver)
    await transport.start(deliver)
    if (asks && config.seeds.length === 0) transport.seek(remembered(snapshot))
    discovery?.start(deliver)
    deliver({ type: 'started' })
    await until(isOver)
  } finally {
    loop.close()
    await Promise.allSettled([discovery?.stop(), transport.stop(), kernel.stop()])
  }
  if (failure !== undefined) throw failure
  const heard = !asks ? 'not-asked' : metPeer ? 'peers' : 'nobody'
  return { view: agent.view(), heard, commands: [...commands.values()] }
}

/** As many as are enough to find one that lives. */
const rememberedMax = 16

/** An agent without seeds dials whom it knew: records say where they are, and only dialNetworks are dialled for them. */
function remembered({ known }: Snapshot): Neighbour[] {
  const addresses = known.flatMap(({ entry: { body } }) =>
    body.kind === 'record' ? body.addresses : [],
  )
  return addresses.slice(0, rememberedMax).flatMap((text) => {
    const [, address, port] = /^\/ip[46]\/([^/]+)\/tcp\/([0-9]{1,5})$/.exec(text) ?? []
    return address === undefined ? [] : { address, port: Number(port) }
  })
}

function until(holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (holds()) resolve()
      else systemClock.schedule(systemClock.now() + lookMs, look)
    }
    look()
  })
}
