/** The daemon: builds the adapters, joins them to the core by one loop, and ends them again. */

import { randomBytes } from 'node:crypto'
import { createServer, isIPv6 } from 'node:net'
import { dirname, join } from 'node:path'
import { type ApiServer, serveApi } from './adapters/api/server.ts'
import { clearSocket, listenOnSocket } from './adapters/api/socket.ts'
import { type CniDoor, openCniDoor } from './adapters/cni/door.ts'
import { type KeptNetwork, keepNetwork } from './adapters/cni/kept-network.ts'
import { type DockerDoor, openDockerDoor } from './adapters/docker/door.ts'
import { mayStand, programFirewall } from './adapters/firewall/firewall.ts'
import { judgeForwarded } from './adapters/firewall/forwarded.ts'
import { readInabilities } from './adapters/host/abilities.ts'
import { readBootId } from './adapters/host/boot.ts'
import { hostContainers } from './adapters/host/containers.ts'
import { libp2pTransport } from './adapters/libp2p/transport.ts'
import type { mdnsDiscovery } from './adapters/mdns/discovery.ts'
import { inspectKernel, type KernelInspection } from './adapters/netlink/inspection.ts'
import { netlinkKernel } from './adapters/netlink/kernel.ts'
import { hasNetAdmin } from './adapters/netlink/privilege.ts'
import { openAdmission } from './adapters/store/admission.ts'
import { openIdentity } from './adapters/store/identity.ts'
import { type OpenedLeases, openLeases } from './adapters/store/leases.ts'
import { openStore } from './adapters/store/store.ts'
import { type FanOut, fanOut } from './adapters/telemetry/fan-out.ts'
import { type History, rememberNotes } from './adapters/telemetry/history.ts'
import { type Log, logTelemetry } from './adapters/telemetry/log.ts'
import type { WebListener } from './adapters/web/listener.ts'
import { cniSocketBeside, unusualCniSocket } from './config/socket-path.ts'
import { type EffectiveSetting, writtenSetting } from './config.ts'
import { Agent } from './core/agent.ts'
import type { OwnState } from './core/effect.ts'
import {
  type CoreParts,
  coreConfig,
  firewallName,
  markerIn,
  netlinkOptions,
  transportOptions,
  wallOffsetMs,
} from './core-parts.ts'
import type { Discovery } from './ports/discovery.ts'
import { addDuration, noDurations } from './ports/durations.ts'
import type { Firewall } from './ports/firewall.ts'
import type { Kernel } from './ports/kernel.ts'
import type { Remote } from './ports/remote.ts'
import type { Store } from './ports/store.ts'
import { noTraffic } from './ports/traffic.ts'
import type { Transport } from './ports/transport.ts'
import { AgentOperator } from './runtime/agent-operator.ts'
import { EffectRunner } from './runtime/effect-runner.ts'
import { EventLoop } from './runtime/event-loop.ts'
import { systemClock } from './runtime/system-clock.ts'
import { version } from './version.ts'

/** Runs until `stop`, a leave or a failure. Resolves with the exit code; every failure has been said in one line. */
export async function runAgent(
  { config, settings }: Pick<DaemonParts, 'config' | 'settings'>,
  stop: AbortSignal,
): Promise<number> {
  const log = logTelemetry({ ...config.log, clock: systemClock })
  try {
    if (!hasNetAdmin()) {
      log.error('no CAP_NET_ADMIN: run as root or give the container the capability NET_ADMIN')
      return 1
    }
    // Another agent must not find its state touched by one that is about to be refused.
    await clearSocket(config.socket)
    let isNew = false
    const keys = await openIdentity(config.stateDir, () => {
      isNew = true
      return randomBytes(32)
    })
    const lock = createServer()
    await listenOnSocket(lock, join(config.stateDir, 'lock'), '--state-dir')
    if (isNew) log.info(`new node ${keys.id}: there was no identity in ${config.stateDir}`)
    const store = await openStore(config.stateDir, keys.id)
    const stored = await store.load()
    const leases = await openLeases(config.stateDir, keys.id, hasGranted(stored.own))
    const snapshot = { ...stored, leases: leases.stored }
    const admission = await openAdmission({ config, keys, stored: stored.own })
    if (typeof admission === 'string') {
      log.error(admission)
      return 2
    }
    const exitCode = await new Daemon({
      admission,
      config,
      settings,
      keys,
      store,
      leases,
      snapshot,
      bootId: await readBootId(),
      discover: config.discovers
        ? (await import('./adapters/mdns/discovery.ts')).mdnsDiscovery
        : undefined,
      log,
    }).run(stop)
    await leases.close()
    lock.close()
    return exitCode
  } catch (error) {
    log.error(error instanceof Error ? error.message : String(error), codeOf(error))
    return 1
  } finally {
    log.close()
  }
}

interface DaemonParts extends CoreParts {
  readonly settings: readonly EffectiveSetting[]
  readonly store: Store
  readonly leases: OpenedLeases
  /** Undefined where this node neither looks for others nor is found; its code is loaded where it is asked for alone. */
  readonly discover: typeof mdnsDiscovery | undefined
  readonly log: Log
}

class Daemon {
  readonly #parts: DaemonParts
  readonly #history: History = rememberNotes(Date.now)
  readonly #telemetry: FanOut
  readonly #kernel: Kernel
  readonly #inspection: KernelInspection
  readonly #firewall: Firewall
  readonly #transport: Transport & Remote
  readonly #discovery: Discovery | undefined
  readonly #loop: EventLoop
  readonly #operator: AgentOperator
  readonly #traffic = noTraffic()
  readonly #applied = noDurations([0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500])
  #end: (exitCode: number) => void = () => undefined

  constructor(parts: DaemonParts) {
    this.#parts = parts
    const { config, keys, store, leases, snapshot, log } = parts
    this.#telemetry = fanOut([log, this.#history], (thrown) =>
      log.warn(`a watcher failed: ${String(thrown)}`),
    )
    const netlink = netlinkOptions(config, keys.id)
    this.#inspection = inspectKernel(netlink.scope)
    this.#kernel = netlinkKernel(netlink)
    this.#firewall = programFirewall({
      name: firewallName(config),
      marker: markerIn(config.stateDir),
      clock: systemClock,
    })
    const agent = new Agent(coreConfig(parts), snapshot, Math.random, systemClock.now())
    const options = transportOptions(parts, agent, this.#traffic)
    this.#transport = libp2pTransport(options)
    this.#discovery = parts.discover?.(options)
    const deliver = (event: Parameters<EventLoop['push']>[0]) => this.#loop.push(event)
    this.#operator = new AgentOperator({
      view: () => agent.view(),
      watch: this.#telemetry.watch,
      push: deliver,
    })
    leases.report((trouble) => deliver({ type: 'trouble-reported', trouble }))
    const runner = new EffectRunner({
      kernel: this.#kernel,
      store,
      leases: leases.store,
      containers: hostContainers,
      firewall: this.#firewall,
      transport: this.#transport,
      ...(this.#discovery && { discovery: this.#discovery }),
      telemetry: this.#telemetry,
      deliver,
      reply: this.#operator.reply,
      stop: (exitCode) => this.#end(exitCode),
      timeApply: () => {
        const from = systemClock.now()
        return () => addDuration(this.#applied, systemClock.now() - from)
      },
    })
    this.#loop = new EventLoop({
      machine: agent,
      clock: systemClock,
      perform: runner.perform,
      failed: (error) => {
        log.error(error instanceof Error ? error.message : String(error), codeOf(error))
        this.#end(1)
      },
    })
  }

  async run(stop: AbortSignal): Promise<number> {
    const { config } = this.#parts
    const ended = new Promise<number>((resolve) => {
      this.#end = resolve
    })
    // First, for it tells whether another agent runs here: nothing is touched before that is known.
    const api = await serveApi({
      socket: config.socket,
      ...config.socketGroups,
      ...(config.grpc && { tcp: config.grpc }),
      operator: this.#operator,
      remote: this.#transport,
      inspection: { ...this.#inspection, firewall: judgeForwarded },
      inabilities: readInabilities,
      settings: this.#parts.settings.map(writtenSetting),
      recent: this.#history.last,
      clock: systemClock,
    })
    const stopListening = this.#listenTo(stop)
    let metrics: WebListener | undefined
    let docker: DockerDoor | undefined
    let cni: CniDoor | undefined
    let network: KeptNetwork | undefined
    let page: WebListener | undefined
    try {
      page = await this.#servePage(api)
      const deliver = (event: Parameters<EventLoop['push']>[0]) => this.#loop.push(event)
      metrics = await this.#serveMetrics()
      await this.#kernel.start(deliver)
      await this.#transport.start(deliver)
      this.#discovery?.start(deliver)
      await this.#watchFirewall()
      this.#loop.push({ type: 'started' })
      docker = await this.#serveDocker()
      cni = await this.#serveCni()
      network = this.#keepNetwork()
      return await ended
    } finally {
      stopListening()
      await this.#stop([network, page, api, docker, cni, metrics])
    }
  }

  /** Loaded only where it is asked for. */
  async #serveMetrics(): Promise<WebListener | undefined> {
    const { metrics: endpoint } = this.#parts.config
    if (!endpoint) return undefined
    const { serveMetrics } = await import('./adapters/web/metrics.ts')
    return serveMetrics({
      endpoint,
      operator: this.#operator,
      traffic: this.#traffic,
      applied: this.#applied,
      software: version,
      busyMs: () => this.#loop.busyMs,
      clock: systemClock,
    })
  }

  /** Its code is loaded where it is asked for alone. */
  async #servePage({ explain }: ApiServer): Promise<WebListener | undefined> {
    const { config, log } = this.#parts
    if (!config.ui) return undefined
    const [{ openPage }, { followBoard }] = await Promise.all([
      import('./adapters/web/page.ts'),
      import('./adapters/api/board.ts'),
    ])
    const page = await openPage({
      ...(await followBoard({
        operator: this.#operator,
        inabilities: readInabilities,
        clock: systemClock,
      })),
      endpoint: config.ui,
      watch: this.#telemetry.watch,
      recent: this.#history.last,
      explainAddress: explain,
      clock: systemClock,
      wallMs: Date.now,
      failed: (thrown) => log.warn(`the page failed: ${String(thrown)}`),
    })
    const { host, port, tls } = config.ui
    log.info(
      `the page is at ${tls ? 'https' : 'http'}://${isIPv6(host) ? `[${host}]` : host}:${port}/`,
    )
    return page
  }

  /** What is switched off is swept, where a former run may have left it. */
  async #watchFirewall(): Promise<void> {
    const { config, log } = this.#parts
    if (config.firewall) {
      return this.#firewall.watch(() => this.#loop.push({ type: 'firewall-changed' }))
    }
    if (!(await mayStand(markerIn(config.stateDir)))) return
    const { failed } = await this.#firewall.configure({ masquerade: undefined, opening: undefined })
    for (const { part, error } of failed)
      log.warn(`cannot remove what a former run left (${part}): ${error}`)
  }

  /** The agent goes on where the socket cannot be had. */
  async #serveDocker(): Promise<DockerDoor | undefined> {
    const { dockerPlugin } = this.#parts.config
    if (dockerPlugin === undefined) return undefined
    return openDockerDoor({
      listen: (server) => listenOnSocket(server, dockerPlugin, '--docker-plugin'),
      operator: this.#operator,
      clock: systemClock,
      tell: (trouble) => this.#loop.push({ type: 'trouble-reported', trouble }),
    })
  }

  /** Beside the API's socket are that of the plugin and what it could not tell. */
  async #serveCni(): Promise<CniDoor> {
    const directory = dirname(this.#parts.config.socket)
    return openCniDoor({
      listen: (server) =>
        listenOnSocket(server, cniSocketBeside(this.#parts.config.socket), '--socket', 0o600),
      queue: join(directory, 'del'),
      operator: this.#operator,
      containers: hostContainers,
      clock: systemClock,
      bootId: this.#parts.bootId,
      wallMs: () => systemClock.now() + wallOffsetMs,
      tell: (trouble) => this.#loop.push({ type: 'trouble-reported', trouble }),
    })
  }

  #keepNetwork(): KeptNetwork | undefined {
    const { cni, socket } = this.#parts.config
    return (
      cni &&
      keepNetwork({
        network: 'starling',
        places: { ...cni, cniSocket: unusualCniSocket(socket) },
        operator: this.#operator,
        clock: systemClock,
        tell: (trouble) => this.#loop.push({ type: 'trouble-reported', trouble }),
      })
    )
  }

  /** Routes and claim stay in place: a restart is not an outage. */
  async #stop(
    doors: readonly (ApiServer | DockerDoor | CniDoor | KeptNetwork | WebListener | undefined)[],
  ): Promise<void> {
    this.#loop.close()
    this.#operator.close()
    const closed = doors.map((door) => door?.close())
    const ended = [
      this.#discovery?.stop(),
      ...[this.#transport, this.#kernel, this.#inspection, this.#firewall].map((part) =>
        part.stop(),
      ),
    ]
    await Promise.allSettled([...closed, ...ended])
  }

  #listenTo(stop: AbortSignal): () => void {
    const { log } = this.#parts
    const end = () => {
      log.info(`${stop.reason}: stopping; routes and claim stay in place`)
      this.#end(0)
    }
    const resync = () => {
      // Its outcome is told by notes.
      void this.#operator.command({ type: 'resync' })
    }
    if (stop.aborted) end()
    stop.addEventListener('abort', end)
    process.on('SIGHUP', resync)
    return () => {
      stop.removeEventListener('abort', end)
      process.off('SIGHUP', resync)
    }
  }
}

/** Addresses of its claims were granted: their leases must be there. */
const hasGranted = ({ entry }: OwnState): boolean =>
  entry?.body.kind === 'record' && entry.body.claims.some(({ used }) => used)

const codeOf = (error: unknown): { code?: string } =>
  error instanceof Error && 'code' in error ? { code: String(error.code) } : {}
