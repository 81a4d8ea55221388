/** Performs the core's effects through the ports, and feeds their outcomes back as events. */

import type { CommandResult, Effect, OwnState } from '../core/effect.ts'
import type { Event } from '../core/event.ts'
import { unreachable } from '../core/invariant.ts'
import type { Prefix } from '../core/ip/prefix.ts'
import type { ContainerQuestion } from '../core/ipam/container.ts'
import type { HostFirewall } from '../core/routing/host-firewall.ts'
import type { NeighbourQuestion, RouteChange } from '../core/routing/route.ts'
import type { Containers } from '../ports/containers.ts'
import type { Discovery } from '../ports/discovery.ts'
import type { Firewall } from '../ports/firewall.ts'
import type { Kernel } from '../ports/kernel.ts'
import type { LeaseStore } from '../ports/lease-store.ts'
import type { Store } from '../ports/store.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { Transport } from '../ports/transport.ts'

export interface RunnerOptions {
  readonly kernel: Kernel
  readonly store: Store
  readonly leases: LeaseStore
  readonly containers: Containers
  readonly firewall: Firewall
  readonly transport: Transport
  /** Absent: nobody is looked for on the LAN. */
  readonly discovery?: Discovery
  readonly telemetry: Telemetry
  readonly deliver: (event: Event) => void
  readonly reply: (id: number, result: CommandResult) => void
  readonly stop: (exitCode: number) => void
  /** Called when a write of routes begins; what it returns, when it has ended. */
  readonly timeApply?: (() => () => void) | undefined
}

export class EffectRunner {
  readonly #options: RunnerOptions
  /** Kernel work is done one after the other: a dump shows all that was written before it was asked for. */
  #kernelWork: Promise<void> | undefined
  /** The incarnation that the last durable write of this process holds. */
  #durableIncarnation: number | undefined

  constructor(options: RunnerOptions) {
    this.#options = options
  }

  /**
   * One durable write for the whole batch comes first, so that nothing is answered, granted or written to the kernel
   * that a crash could forget. Gossip alone need not wait for it, once the incarnation is durable that it is published
   * under: a restarted agent has a higher one, so that no crash makes two records of one version. Rejects when the write
   * fails: the process must end. What is told to people comes last: neither the kernel nor a peer waits for a log.
   */
  readonly perform = async (effects: readonly Effect[]): Promise<void> => {
    const own = lastOwn(effects)
    let isPublished = false
    if (own) {
      isPublished = own.incarnation === this.#durableIncarnation
      if (isPublished) this.#publishAll(effects)
      await this.#options.store.persistOwn(own)
      this.#durableIncarnation = own.incarnation
    }
    for (const effect of effects) {
      if (isForPeople(effect) || (isPublished && effect.type === 'publish')) continue
      this.#perform(effect)
    }
    for (const effect of effects) if (isForPeople(effect)) this.#perform(effect)
  }

  #publishAll(effects: readonly Effect[]): void {
    for (const effect of effects) if (effect.type === 'publish') this.#perform(effect)
  }

  #perform(effect: Effect): void {
    const { kernel, transport, telemetry, deliver, reply, stop } = this.#options
    switch (effect.type) {
      case 'persist-own':
        return
      case 'persist-known':
        return this.#remember(effect.known)
      case 'persist-leases':
        return this.#persistLeases(effect)
      case 'look-for-containers':
        return this.#lookForContainers(effect.questions)
      case 'probe-addresses':
        return this.#probe(effect.questions)
      case 'publish':
        return transport.publish(effect.entry)
      case 'verdict':
        return transport.judge(effect.id, effect.verdict)
      case 'send':
        return transport.send(effect.peer, effect.message)
      case 'disconnect':
        return transport.disconnect(effect.peer)
      case 'probe-peer':
        return transport.probe(effect.peer, effect.addresses)
      case 'digest':
        return transport.digest(effect.root)
      case 'connect':
        return transport.connect(effect.peers)
      case 'discover':
        return this.#options.discovery?.follow(effect)
      case 'seek':
        return transport.seek(effect.neighbours)
      case 'apply-routes':
        return this.#apply(effect.changes)
      case 'dump-kernel':
        return this.#inKernel(
          async () => deliver({ type: 'kernel-dumped', dump: await kernel.dump() }),
          (reason) => deliver({ type: 'kernel-unreadable', reason }),
        )
      case 'look-up-next-hops': {
        const { questions } = effect
        return this.#inKernel(
          async () => {
            const answers = await kernel.lookUpNextHops(questions)
            deliver({ type: 'next-hops-looked-up', answers })
          },
          // Not an overrun: its dump would ask again at once, and so for ever.
          (reason) => deliver({ type: 'kernel-unreadable', reason }),
        )
      }
      case 'look-up-usage': {
        const { questions } = effect
        return this.#inKernel(
          async () => {
            const answers = await kernel.lookUpUsage(questions)
            deliver({ type: 'usage-looked-up', answers })
          },
          (reason) => deliver({ type: 'kernel-unreadable', reason }),
        )
      }
      case 'locate-uplink':
        return this.#locate(effect.subnets)
      case 'configure-bridge':
        return this.#inKernel(
          async () => {
            const error = await kernel.configureBridge(effect)
            deliver({ type: 'bridge-configured', error })
          },
          (error) => deliver({ type: 'bridge-configured', error }),
        )
      case 'check-forwarding':
        return this.#inKernel(
          async () => {
            const answer = await kernel.checkForwarding(effect.families, effect.links)
            deliver({ type: 'forwarding-checked', answer })
          },
          (error) => deliver({ type: 'forwarding-checked', answer: { restored: [], error } }),
        )
      case 'configure-firewall':
        return this.#configureFirewall(effect.wanted)
      case 'reply':
        return reply(effect.id, effect.result)
      case 'note':
        return telemetry.note(effect.note)
      case 'stop':
        return stop(effect.exitCode)
      default:
        return unreachable(effect)
    }
  }

  #apply(changes: readonly RouteChange[]): void {
    const { kernel, deliver } = this.#options
    this.#inKernel(
      async () => {
        const end = this.#options.timeApply?.()
        const results = await kernel.apply(changes)
        end?.()
        deliver({ type: 'routes-applied', results })
      },
      (error) => {
        const results = changes.map((change) => ({ change, outcome: 'failed' as const, error }))
        deliver({ type: 'routes-applied', results })
      },
    )
  }

  /** Its programs take their time: the kernel's routes do not wait for them. */
  #configureFirewall(wanted: HostFirewall): void {
    const { firewall, deliver } = this.#options
    void firewall
      .configure(wanted)
      .then((answer) => deliver({ type: 'firewall-configured', answer }))
  }

  /** Resolving a seed's name may take seconds: it must not hold up the kernel's work. */
  #locate(subnets: readonly Prefix[]): void {
    const { kernel, deliver } = this.#options
    kernel.locateUplink(subnets).then(
      (uplink) => deliver({ type: 'uplink-located', uplink }),
      (error: unknown) => {
        deliver({ type: 'uplink-located', uplink: { ifindex: 0, name: '', nextHops: [] } })
        deliver({ type: 'kernel-overrun', reason: reasonOf(error) })
      },
    )
  }

  #persistLeases({ changes, anew }: Extract<Effect, { type: 'persist-leases' }>): void {
    const { leases, deliver } = this.#options
    const written = anew ? leases.replace(changes) : leases.commit(changes)
    written.then(
      () => deliver({ type: 'leases-persisted', error: '' }),
      (error: unknown) => deliver({ type: 'leases-persisted', error: reasonOf(error) }),
    )
  }

  #lookForContainers(questions: readonly ContainerQuestion[]): void {
    const { containers, deliver } = this.#options
    containers.look(questions).then(
      (answers) => deliver({ type: 'containers-looked-for', answers }),
      // Nothing is known, and nothing is freed.
      () => deliver({ type: 'containers-looked-for', answers: [] }),
    )
  }

  /** Takes seconds: the kernel's other work goes on meanwhile. */
  #probe(questions: readonly NeighbourQuestion[]): void {
    const { kernel, deliver } = this.#options
    kernel.probeNeighbours(questions).then(
      (silent) => deliver({ type: 'addresses-probed', silent }),
      () => deliver({ type: 'addresses-probed', silent: [] }),
    )
  }

  #remember(known: Extract<Effect, { type: 'persist-known' }>['known']): void {
    const { store, deliver } = this.#options
    const report = (active: boolean, reason: string) =>
      deliver({
        type: 'trouble-reported',
        trouble: { code: 'store-unwritable', subject: 'known nodes', reason, active },
      })
    store.persistKnown(known).then(
      () => report(false, ''),
      (error: unknown) => report(true, reasonOf(error)),
    )
  }

  #inKernel(work: () => Promise<void>, failed: (reason: string) => void): void {
    const before = this.#kernelWork
    const current: Promise<void> = (before === undefined ? work() : before.then(work))
      .catch((error: unknown) => failed(reasonOf(error)))
      .finally(() => {
        if (this.#kernelWork === current) this.#kernelWork = undefined
      })
    this.#kernelWork = current
  }
}

/** An end is told of before it comes. */
const isForPeople = ({ type }: Effect): boolean => type === 'note' || type === 'stop'

function lastOwn(effects: readonly Effect[]): OwnState | undefined {
  for (let index = effects.length - 1; index >= 0; index -= 1) {
    const effect = effects[index]
    if (effect?.type === 'persist-own') return effect.own
  }
  return undefined
}

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
