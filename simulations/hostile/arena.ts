/** A lab of honest hosts and one attacker: what holds after an attack is what held before it. */

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeToken, operatorText, tokenText } from '../../src/wire/paper.ts'
import { keyPairFromSeed } from '../../src/wire/signature.ts'
import type { LabHost, LogLine } from '../lab/host.ts'
import { ip, type ShownRoute } from '../lab/iproute.ts'
import { RouteMonitor } from '../lab/route-monitor.ts'
import { Lab } from '../lab/topology.ts'
import type { Aftermath, Case } from './cases.ts'
import { doneLine, type Facts, hitLine } from './facts.ts'

export interface Outcome {
  /** What did not hold, in words; empty: all did. */
  readonly faults: readonly string[]
  /** Undefined: it was held up for longer than the arena waits. */
  readonly attackMs: number | undefined
  /** MiB of the agent that grew most. */
  readonly residentMb: { readonly before: number; readonly after: number }
}

/** A /32 beyond the hosts' LAN, which leads to the attacker: a stranger's address. */
const strangerAddress = '203.0.113.9'
const program = new URL('attack.ts', import.meta.url).pathname
const key = '5a'.repeat(32)
const port = 7_871
const honestHosts = 3
const growthMbMax = 80
/** An attack that is held up so long has been defended against. */
const attackMsMax = 90_000
/** What an agent was told before it answers it has read, and each is asked next. */
const settleMs = 1_000
/** Between two questions, each of which is a process. */
const pauseMs = 100
const tenureMs = 3_000
/** Others may say what they saw, for the tenure, and are heard. */
const decidedMs = tenureMs + 2_000
const joinMsMax = 30_000
/** Who joins after an attack hears all that the attacker said, on a machine that others use as well. */
const newcomerMsMax = 90_000

/** Sets up the lab, attacks and looks for one case after the other, and removes the lab. An outcome for each, in order. */
export async function attackAgents(wanted: readonly [Case, ...Case[]]): Promise<Outcome[]> {
  const lab = new Lab({ name: `starling-hostile-${wanted[0].name}`.slice(0, 40) })
  const arena = new Arena(lab, wanted)
  try {
    await lab.up()
    return await arena.run()
  } finally {
    arena.end()
    await lab.down()
  }
}

interface Before {
  readonly subnets: ReadonlyMap<LabHost, string>
  readonly residentMb: ReadonlyMap<LabHost, number>
}

class Arena implements Aftermath {
  readonly #lab: Lab
  readonly #cases: readonly Case[]
  #case: Case
  readonly #honest: LabHost[] = []
  #attacker: ChildProcess | undefined
  #attackerHost: LabHost | undefined
  readonly #newcomers: LabHost[] = []
  readonly #operator = keyPairFromSeed(randomBytes(32))
  hits = 0
  cpuSeconds = 0

  constructor(lab: Lab, cases: readonly [Case, ...Case[]]) {
    this.#lab = lab
    this.#cases = cases
    this.#case = cases[0]
  }

  async run(): Promise<Outcome[]> {
    const before = await this.#prepare()
    const outcomes: Outcome[] = []
    for (const one of this.#cases) {
      this.#case = one
      this.hits = 0
      outcomes.push(await this.#play(before, one === this.#cases.at(-1)))
      this.end()
    }
    return outcomes
  }

  /** `isLast`: only then it is always looked whether a newcomer finds a place, and whether an agent comes back. */
  async #play({ subnets }: Pick<Before, 'subnets'>, isLast: boolean): Promise<Outcome> {
    const before = { subnets, residentMb: this.#resident() }
    const monitors = await Promise.all(
      this.#honest.map(({ namespace }) => RouteMonitor.start(namespace)),
    )
    const absent = this.#case.absent ? this.#honest.at(-1) : undefined
    await absent?.stopAgent()
    const cpuBefore = this.#honest.map(cpuSecondsOf)
    const attackMs = await this.#attack()
    await sleep(this.#case.established ? decidedMs : settleMs)
    this.cpuSeconds = Math.max(
      ...this.#honest.map((host, index) => cpuSecondsOf(host) - (cpuBefore[index] ?? 0)),
    )
    const after = absent?.lines.length ?? 0
    await absent?.startAgent(this.#options)
    await absent?.note('in-sync', { after, timeoutMs: joinMsMax })
    const residentMb = this.#growth(before)
    const faults = [
      ...this.#memory(residentMb),
      ...(isLast || this.#case.joined ? await this.#newcomer(before) : []),
      ...(await this.#standing(before)),
      // A look may have hosts leave, which takes their routes.
      ...(await this.#flaps(monitors, before)),
      ...((await this.#case.look?.(this)) ?? []),
      ...(isLast && this.#case.mends === 'core' ? await this.#restart(before) : []),
    ]
    return { faults, attackMs, residentMb }
  }

  async claimsAlone(): Promise<readonly string[]> {
    const host = await this.#lab.addHost('lone')
    const seed = this.#attackerHost?.address ?? ''
    const key = this.#keyOptions
    await host.startAgent(['--seed', seed, '--join-timeout-ms', '4s', ...key])
    // When the time to join is over, it says which of both it does.
    const decided = ({ code }: LogLine) => code === 'join-held' || code === 'claim-confirmed'
    await host.seen('it waits, or claims', decided, { timeoutMs: joinMsMax })
    await sleep(settleMs)
    const [subnet] = await subnetsOf(host)
    return subnet ? [`a host whose seed is silent took ${subnet} alone`] : []
  }

  async leaves(): Promise<readonly string[]> {
    const host = this.#newcomers.at(-1)
    const { exitCode, stderr } = (await host?.cli('leave', '--force')) ?? {}
    return exitCode === 0 ? [] : [`a host cannot leave: ${stderr}`]
  }

  async leavesAndReturns(): Promise<readonly string[]> {
    const host = this.#honest.at(-1)
    if (!host) return []
    const { exitCode, stderr } = await host.cli('leave', '--force')
    if (exitCode !== 0) return [`${host.name} cannot leave: ${stderr}`]
    await host.agentEnded()
    const after = host.lines.length
    await host.startAgent(this.#options)
    const back = await until(joinMsMax, async () => (await subnetsOf(host)).length > 0)
    const last = host.lines.slice(after).at(-1)?.msg ?? ''
    return back ? [] : [`${host.name} does not come back after a leave: ${last}`]
  }

  async unprintable(): Promise<readonly string[]> {
    const [host] = this.#honest
    const printed = await Promise.all(
      ['peers', 'status', 'claims', 'routes'].map(async (verb) => [verb, await host?.cli(verb)]),
    )
    return printed.flatMap(([verb, result]) => {
      const text = typeof result === 'object' ? result.stdout : ''
      return /[^\P{C}\n]/u.test(text) ? [`starling ${verb} prints what a terminal obeys`] : []
    })
  }

  async routeCount(): Promise<number> {
    const counts = await Promise.all(this.#honest.map(async (host) => (await host.routes()).length))
    return Math.max(...counts)
  }

  end(): void {
    this.#attacker?.kill('SIGKILL')
  }

  get #isEstablished(): boolean {
    return this.#cases.some(({ established }) => established)
  }

  get #keyOptions(): readonly string[] {
    // A host that is kept from its seed must not find the others by itself.
    return this.#case.key === 'none' ? [] : ['--cluster-key', key, '--discover', 'off']
  }

  /** Each admits one node. */
  #token(): string {
    const grant = { cluster: 'starling', serial: 1, names: '*', notAfterMs: undefined }
    return tokenText(makeToken(grant, this.#operator, randomBytes(32)))
  }

  /** What a host needs to be a member where the operator says who is. */
  get #admission(): readonly string[] {
    if (!this.#case.signed) return []
    const operator = operatorText(this.#operator.publicKey)
    return ['--operator-key', operator, '--join-token', this.#token()]
  }

  get #options(): readonly string[] {
    const tenure = this.#isEstablished ? ['--tenure-ms', `${tenureMs}`] : []
    return [
      '--seed',
      this.#honest[0]?.address ?? '',
      ...tenure,
      ...this.#keyOptions,
      ...this.#admission,
    ]
  }

  async #prepare(): Promise<Pick<Before, 'subnets'>> {
    for (let index = 0; index < honestHosts; index += 1) {
      this.#honest.push(await this.#lab.addHost())
    }
    const attacker = await this.#lab.addHost('attacker')
    this.#attackerHost = attacker
    await ip(`-n ${attacker.namespace} addr add ${strangerAddress}/32 dev lo`)
    for (const host of this.#honest) {
      await ip(`-n ${host.namespace} route add ${strangerAddress} via ${attacker.address}`)
    }
    const subnets = new Map<LabHost, string>()
    await Promise.all(
      this.#honest.map(async (host) => {
        await host.startAgent(this.#options)
        await host.note('claim-confirmed', { timeoutMs: 60_000 })
        const { claims } = await host.ask('Status', { wait: true, timeoutMs: 30_000 }, 35_000)
        subnets.set(host, claims[0]?.prefix ?? '')
      }),
    )
    if (this.#isEstablished) await sleep(tenureMs)
    return { subnets }
  }

  #resident(): ReadonlyMap<LabHost, number> {
    return new Map(this.#honest.map((host) => [host, residentMbOf(host)]))
  }

  async #attack(): Promise<number | undefined> {
    const from = performance.now()
    const host = this.#attackerHost
    if (!host) throw new Error('there is no attacker')
    const facts: Facts = {
      attack: this.#case.attack ?? this.#case.name,
      cluster: 'starling',
      port,
      token: this.#case.signed && (this.#case.signed === 'member' ? this.#token() : ''),
      clusterKey: this.#case.key === 'stolen' ? key : undefined,
      addresses: [host.address, strangerAddress],
      victims: this.#honest.map(({ name, address }) => ({ name, address })),
    }
    const words = ['netns', 'exec', host.namespace, process.execPath, program]
    const attacker = spawn('ip', [...words, JSON.stringify(facts)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#attacker = attacker
    const { promise, resolve } = Promise.withResolvers<number>()
    const ended = () => resolve(Math.round(performance.now() - from))
    createInterface({ input: attacker.stdout }).on('line', (line) => {
      if (line === doneLine) ended()
      if (line === hitLine) this.hits += 1
    })
    attacker.once('exit', ended)
    return Promise.race([promise, sleep(attackMsMax, undefined, { ref: false })])
  }

  #growth({ residentMb }: Before): Outcome['residentMb'] {
    const grown = this.#honest.map((host) => ({
      before: residentMb.get(host) ?? 0,
      after: residentMbOf(host),
    }))
    grown.sort((a, b) => b.after - b.before - (a.after - a.before))
    return grown[0] ?? { before: 0, after: 0 }
  }

  #memory({ before, after }: Outcome['residentMb']): string[] {
    const most = this.#case.growthMbMax ?? growthMbMax
    return after - before > most ? [`an agent grew from ${before} to ${after} MiB`] : []
  }

  async #newcomer({ subnets }: Before): Promise<string[]> {
    const host = await this.#lab.addHost(`newcomer${this.#newcomers.length + 1}`)
    this.#newcomers.push(host)
    await host.startAgent(this.#options)
    const isConfirmed = host.note('claim-confirmed', { timeoutMs: newcomerMsMax }).then(
      () => true,
      () => false,
    )
    if (!(await isConfirmed)) return ['a newcomer gets no subnet']
    // An agent that is still busy with what it was told answers late.
    let subnet: string | undefined
    await until(newcomerMsMax, async () => {
      subnet = (await subnetsOf(host))[0]
      return subnet !== undefined
    })
    // Whatever the attacker made up, it hears of everybody before it claims.
    if ([...subnets.values()].includes(subnet ?? '')) return [`the newcomer takes ${subnet}`]
    const [first] = this.#honest
    const isRouted = async () => first !== undefined && (await routesBy(first)).has(subnet ?? '')
    const routed = await until(newcomerMsMax, isRouted)
    return routed ? [] : [`the newcomer's subnet ${subnet} gets no route`]
  }

  /** Subnets and routes of the honest, each as it was. */
  async #standing({ subnets }: Before): Promise<string[]> {
    const faults: string[] = []
    const look = async (host: LabHost) => {
      const subnet = subnets.get(host) ?? ''
      if (host.agentPid === undefined) faults.push(`the agent of ${host.name} ended`)
      const kept = await until(10_000, async () => (await subnetsOf(host)).includes(subnet))
      if (!kept) faults.push(`${host.name} lost ${subnet}`)
      const routes = await routesBy(host)
      for (const [other, theirs] of subnets) {
        if (other === host) continue
        const gateway = routes.get(theirs)?.gateway
        if (gateway !== other.address) {
          faults.push(`${host.name} reaches ${theirs} of ${other.name} by ${gateway ?? 'nothing'}`)
        }
      }
      for (const prefix of routes.keys()) {
        const within = [...subnets.values()].find((held) => isPart(prefix, held))
        if (within) faults.push(`${host.name} has a route to ${prefix}, a part of ${within}`)
      }
    }
    await Promise.all(this.#honest.map(look))
    return faults
  }

  /** Routes between the honest that went or changed, if only for a moment. */
  async #flaps(monitors: readonly RouteMonitor[], { subnets }: Before): Promise<string[]> {
    // Who is down may be evicted by anybody, and its route goes until it is back.
    const present = this.#case.absent ? this.#honest.slice(0, -1) : this.#honest
    const held = new Set(present.map((host) => subnets.get(host)))
    const lines = (await Promise.all(monitors.map((monitor) => monitor.stop()))).flat()
    const touched = lines.filter((line) => line.split(' ').some((word) => held.has(word)))
    return touched.length > 0
      ? [`routes between hosts changed: ${touched.slice(0, 3).join('; ')}`]
      : []
  }

  /** What an agent wrote it can read: one that stops and starts is what it was. */
  async #restart({ subnets }: Before): Promise<string[]> {
    const host = this.#honest[1]
    if (!host) return []
    await host.stopAgent()
    const after = host.lines.length
    await host.startAgent(this.#options)
    await host.note('in-sync', { after, timeoutMs: joinMsMax }).catch(() => undefined)
    const subnet = subnets.get(host) ?? ''
    const back = await until(joinMsMax, async () => (await subnetsOf(host)).includes(subnet))
    if (back) return []
    const last = host.lines.slice(after).at(-1)?.msg ?? ''
    return [`${host.name} does not come back with ${subnet} after a restart: ${last}`]
  }
}

async function until(timeoutMs: number, holds: () => Promise<boolean>): Promise<boolean> {
  const end = performance.now() + timeoutMs
  while (!(await holds())) {
    if (performance.now() > end) return false
    await sleep(pauseMs)
  }
  return true
}

/** Its own confirmed ones; none where its agent does not answer. */
async function subnetsOf(host: LabHost): Promise<string[]> {
  const { claims } = await host.ask('Claims').catch(() => ({ claims: [] }))
  return claims.filter(({ own, state }) => own && state === 'confirmed').map(({ prefix }) => prefix)
}

async function routesBy(host: LabHost): Promise<ReadonlyMap<string, ShownRoute>> {
  return new Map((await host.routes()).map((route) => [route.dst, route]))
}

function isPart(prefix: string, held: string): boolean {
  const [inner, outer] = [boundsOf(prefix), boundsOf(held)]
  return prefix !== held && inner.first >= outer.first && inner.last <= outer.last
}

function boundsOf(prefix: string): { first: number; last: number } {
  const [address = '', length = '32'] = prefix.split('/')
  const first = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0)
  return { first, last: first + 2 ** (32 - Number(length)) - 1 }
}

function residentMbOf({ agentPid }: LabHost): number {
  if (agentPid === undefined) return 0
  const status = readFileSync(`/proc/${agentPid}/status`, 'latin1')
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024)
}

/** User and system time, in ticks of 10 ms. */
function cpuSecondsOf({ agentPid }: LabHost): number {
  if (agentPid === undefined) return 0
  const fields = readFileSync(`/proc/${agentPid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}
