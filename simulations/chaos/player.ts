/** Plays a schedule on a site: rounds of faults, each mended, settled and watched for a while in which nothing may change. */

import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../lab/observer.ts'
import type { Screen } from '../lab/screen.ts'
import { NotNow } from './faults/fault.ts'
import { plays } from './faults/faults.ts'
import { kindOf } from './plan/catalogue.ts'
import type { Fault, Round, Schedule } from './plan/schedule.ts'
import type { Site } from './site.ts'

const quietMs = 5_000

export class Player {
  readonly #site: Site
  readonly #screen: Screen

  constructor(site: Site, screen: Screen) {
    this.#site = site
    this.#screen = screen
  }

  async play({ rounds }: Schedule): Promise<void> {
    for (const round of rounds) await this.#round(round)
  }

  async #round({ number, forMs, faults }: Round): Promise<void> {
    const { tell } = this.#site
    this.#screen.title(`round ${number}: ${faults.length} faults within ${seconds(forMs)}`)
    tell({ type: 'round', number, atMs: now() })
    await Promise.all(faults.map((fault) => this.#fault(fault)))
    const mendedAtMs = now()
    await this.#hangAgain(faults)
    const { rightAtMs, wrong } = await this.#site.settle()
    if (rightAtMs !== undefined) await this.#site.mesh.checkLeases(now())
    tell({ type: 'settled', round: number, mendedAtMs, rightAtMs, wrong })
    if (rightAtMs === undefined) return this.#screen.bad(`not right: ${wrong.join('; ')}`)
    this.#screen.good(
      `every kernel was right ${seconds(Math.max(0, rightAtMs - mendedAtMs))} after the last fault was mended`,
    )
    const before = this.#site.changes
    await sleep(quietMs)
    tell({ type: 'quiet', round: number, changes: this.#site.changes - before })
  }

  async #fault(fault: Fault): Promise<void> {
    const { tell, hosts } = this.#site
    const victims = fault.hosts.flatMap((number) => hosts[number] ?? [])
    const [host] = victims
    await sleep(fault.atMs)
    if (!host) return
    const whom =
      victims.length > 3 ? `${victims.length} hosts` : victims.map(({ name }) => name).join(' ')
    // What it cost is excused from when it was tried.
    const atMs = now()
    const kind = kindOf(fault.name)
    const forgetLeases = () => {
      if (kind.agents === 'lost') for (const each of victims) this.#site.mesh.forgetLeases(each)
    }
    try {
      forgetLeases()
      const mend = await plays[fault.name]({ site: this.#site, fault, hosts: victims, host })
      tell({ type: 'begun', fault: fault.id, atMs, bittenAtMs: now() })
      this.#screen.event(`#${fault.id}`, `${fault.name} ${whom}: ${kind.what}`)
      await sleep(Math.max(0, fault.forMs - (now() - atMs)))
      const sinceMs = now()
      const witness = await mend()
      forgetLeases()
      tell({ type: 'mended', fault: fault.id, sinceMs, atMs: now(), witness })
      this.#screen.event(`#${fault.id}`, `mended; ${witness.what}: ${witness.count}`)
    } catch (error) {
      if (!(error instanceof NotNow)) throw error
      tell({ type: 'skipped', fault: fault.id, why: error.message })
      this.#screen.event(`#${fault.id}`, `${fault.name} ${whom} skipped: ${error.message}`)
    }
  }

  /** Containers whose subnets, namespaces or bridges went come again, as a runtime makes them anew. */
  async #hangAgain(faults: readonly Fault[]): Promise<void> {
    const numbers = new Set(
      faults.filter(({ name }) => kindOf(name).takesContainer).flatMap((fault) => fault.hosts),
    )
    for (const number of numbers) {
      const host = this.#site.hosts[number]
      if (!host) continue
      await host.converged()
      await host.hang()
      this.#site.mesh.tellAll(host)
    }
  }
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
