/** Hosts of a lab to which things happen, watched by the checkers and by containers that talk to each other. */

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError } from '../../src/adapters/api/client.ts'
import { check, expectedRoutes, routeText } from './checkers.ts'
import type { Container } from './container.ts'
import type { LabHost } from './host.ts'
import { ip, LabError, type ShownRoute } from './iproute.ts'
import type { Absent, Observed } from './observed.ts'
import { RouteMonitor } from './route-monitor.ts'
import type { Screen } from './screen.ts'
import type { Lab } from './topology.ts'

/** Hosts that are not looked at. */
export interface Away {
  readonly gone?: readonly LabHost[]
  readonly silent?: readonly LabHost[]
}

interface ShownLink {
  readonly addr_info?: readonly { readonly local: string }[]
}

/** A displaced node is evicted after its time, and its eviction waits a minute for an answer. */
const settledWithinMs = 120_000
/** Between two looks at all kernels, and at all agents. */
const kernelsMs = 100
const agentsMs = 500
/** So many agents are asked at once, each by two processes. */
const atOnce = 4
/** Of echoes. */
const intervalMs = 20

export class Stage {
  readonly hosts: readonly LabHost[]
  readonly screen: Screen | undefined
  readonly #options: readonly string[]
  readonly #seen = new Map<LabHost, Observed>()
  #containers: readonly [Container, Container] | undefined

  private constructor(
    hosts: readonly LabHost[],
    options: readonly string[],
    screen: Screen | undefined,
  ) {
    this.hosts = hosts
    this.#options = options
    this.screen = screen
  }

  /** So many hosts with agents, the first one everybody's seed, once all of them have settled. Four at the least. */
  static async set(lab: Lab, count: number, screen?: Screen): Promise<Stage> {
    const hosts: LabHost[] = []
    for (let index = 0; index < count; index += 1) hosts.push(await lab.addHost())
    const options = ['--seed', hosts[0]?.address ?? '', '--displaced-after', '1s']
    const stage = new Stage(hosts, [...options, '--tenure-ms', '1s'], screen)
    for (const host of hosts) await stage.start(host)
    await stage.settle('start')
    stage.#containers = [await stage.#container(0), await stage.#container(1)]
    return stage
  }

  /** Nothing happens to the agent of this one, nor to its line. */
  get seed(): LabHost {
    return this.#at(0)
  }

  /** To whom things happen: none of the first two, whose containers talk to each other. */
  get victim(): LabHost {
    return this.#at(this.hosts.length - 1)
  }

  except(...hosts: readonly LabHost[]): LabHost[] {
    return this.hosts.filter((host) => !hosts.includes(host))
  }

  async start(host: LabHost): Promise<void> {
    await host.startAgent(this.#options)
  }

  /** The host has another address of its LAN from here on. */
  async readdress(host: LabHost, address: string): Promise<void> {
    const seen = this.#last(host)
    const change = (verb: string, which: string) =>
      ip(`-n ${host.namespace} addr ${verb} ${which}/16 dev eth0`)
    await change('add', address)
    await change('del', seen.address)
    // Where the kernel takes it for a secondary one, it went with the first.
    await change('add', address).catch(() => undefined)
    this.#seen.set(host, { ...seen, address })
  }

  /** With the same name and address, and nothing of what it had stored. */
  async recreate(host: LabHost): Promise<void> {
    await host.stopAgent('SIGKILL')
    await rm(join(host.directory, 'state'), { recursive: true })
    this.#seen.delete(host)
    await this.start(host)
  }

  /** Resolves once the checkers are content with every host that is not away. Rejects with a LabError where they are not. */
  async settle(what: string, away: Away = {}): Promise<void> {
    const from = performance.now()
    const hosts = this.except(...(away.gone ?? []), ...(away.silent ?? []))
    const absent = {
      gone: (away.gone ?? []).map((host) => this.#last(host)),
      silent: (away.silent ?? []).map((host) => this.#last(host)),
    }
    let rightAfterMs: number | undefined
    for (;;) {
      // A kernel is cheap to ask, an agent is not.
      const isRight = await this.#areKernelsRight(hosts, absent)
      if (isRight) rightAfterMs ??= performance.now() - from
      const wrong = isRight ? await this.#look(hosts, absent) : ['the kernels are not complete']
      if (wrong.length === 0) break
      if (performance.now() - from > settledWithinMs) throw unsettled(what, wrong)
      await sleep(isRight ? agentsMs : kernelsMs)
    }
    const seconds = ((rightAfterMs ?? 0) / 1_000).toFixed(1)
    this.screen?.good(`${what}: all ${hosts.length} kernels right within ${seconds} s`)
  }

  /** What both parts of the network are once neither reaches the other. */
  async settleApart(what: string, parts: readonly [LabHost[], LabHost[]]): Promise<void> {
    const [one, other] = parts
    await this.settle(`${what}, one side`, { gone: other })
    await this.settle(`${what}, the other side`, { gone: one })
  }

  /** Echoes between two containers, on hosts to which nothing happens, lose nothing meanwhile. */
  async undisturbed(story: () => Promise<void>): Promise<void> {
    const [here, there] = this.#containers ?? []
    if (!here || !there) throw new LabError('not-seen', 'the stage is not set')
    const stop = await here.stream(there, intervalMs)
    await story()
    const { sent, received } = await stop()
    if (sent === 0 || received < sent) {
      throw new LabError('not-seen', `${received} of ${sent} echoes arrived`)
    }
    this.screen?.good(`${received} of ${sent} echoes between unaffected hosts arrived`)
  }

  /** No kernel's routes change meanwhile. */
  async unchanged(story: () => Promise<void>): Promise<void> {
    const monitors = await Promise.all(this.hosts.map((host) => RouteMonitor.start(host.namespace)))
    await story()
    const changes = (await Promise.all(monitors.map((monitor) => monitor.stop()))).flat()
    if (changes.length > 0) throw new LabError('not-seen', `routes changed: ${changes.join('; ')}`)
    this.screen?.good(`ip monitor route: no change on ${monitors.length} hosts`)
  }

  /** Asks an agent until what it prints fits. */
  async shows(host: LabHost, words: readonly string[], fits: RegExp): Promise<void> {
    const from = performance.now()
    for (;;) {
      const { stdout } = await host.cli(...words)
      const found = stdout.split('\n').find((line) => fits.test(line))
      if (found !== undefined) return this.screen?.event(host.name, found.trim())
      if (performance.now() - from > settledWithinMs) {
        const asked = `starling ${words.join(' ')}`
        throw new LabError('not-seen', `${asked} on ${host.name} never shows ${fits}:\n${stdout}`)
      }
    }
  }

  /** As it was seen last. */
  subnetOf(host: LabHost): string {
    return this.#last(host).status.claims[0]?.prefix ?? ''
  }

  #at(index: number): LabHost {
    const host = this.hosts[index]
    if (!host) throw new LabError('not-seen', 'a stage has four hosts at the least')
    return host
  }

  #last(host: LabHost): Observed {
    const seen = this.#seen.get(host)
    if (!seen) throw new LabError('not-seen', `${host.name} was not seen yet`)
    return seen
  }

  async #container(index: number): Promise<Container> {
    const host = this.#at(index)
    const [network = '', length = ''] = this.subnetOf(host).split('/')
    const base = network.slice(0, network.lastIndexOf('.'))
    return host.addContainer(`${base}.77/${length}`, `${base}.1`)
  }

  async #areKernelsRight(hosts: readonly LabHost[], absent: Absent): Promise<boolean> {
    const last = hosts.flatMap((host) => this.#seen.get(host) ?? [])
    if (last.length < hosts.length) return true
    const kernels = await Promise.all(hosts.map((host) => host.routes()))
    return last.every((host, index) => {
      const found = new Set(kernels[index]?.map(routeText))
      return expectedRoutes(host, last, absent).every((route) => found.has(route))
    })
  }

  /** What is wrong, in words. */
  async #look(hosts: readonly LabHost[], absent: Absent): Promise<string[]> {
    const observed: Observed[] = []
    for (let at = 0; at < hosts.length; at += atOnce) {
      const some = hosts.slice(at, at + atOnce)
      const looks = await Promise.all(some.map(observe))
      for (const [index, seen] of looks.entries()) {
        if (typeof seen === 'string') return [`${some[index]?.name}: ${seen}`]
        observed.push(seen)
      }
    }
    const wrong = check(observed, absent)
    for (const [index, host] of hosts.entries()) {
      const seen = observed[index]
      if (seen) this.#seen.set(host, seen)
    }
    return wrong.map(({ checker, host, what }) => `${checker}: ${host}: ${what}`)
  }
}

/** What is seen of a host, or why it is not. */
async function observe(host: LabHost): Promise<Observed | string> {
  try {
    const [status, { routes }] = await Promise.all([host.ask('Status'), host.ask('Routes')])
    const kernel: ShownRoute[] = await host.routes()
    return { name: host.name, address: await addressOf(host), status, kernel, told: routes }
  } catch (error) {
    if (error instanceof ApiError) return error.message
    throw error
  }
}

/** Of its uplink, now. */
async function addressOf(host: LabHost): Promise<string> {
  const shown = await ip(`-j -4 -n ${host.namespace} address show dev eth0`)
  const links = JSON.parse(shown) as ShownLink[]
  return links.flatMap(({ addr_info }) => addr_info ?? [])[0]?.local ?? ''
}

const unsettled = (what: string, wrong: readonly string[]): LabError =>
  new LabError(
    'not-seen',
    `${what}: not settled within ${settledWithinMs / 1_000} s:\n  ${wrong.join('\n  ')}`,
  )
