/** A whole agent among 10,000 routes, without a network: told to read its kernel again while all is as it should be. */

import { setTimeout as pause } from 'node:timers/promises'
import { now, Observer } from '../simulations/lab/observer.ts'
import { addressOf, prefixOf } from '../simulations/literal.ts'
import { netlinkKernel } from '../src/adapters/netlink/kernel.ts'
import { Agent } from '../src/core/agent.ts'
import { type CoreConfig, defaultLimits, defaultTiming } from '../src/core/config.ts'
import type { Kernel } from '../src/ports/kernel.ts'
import { AgentOperator } from '../src/runtime/agent-operator.ts'
import { EffectRunner } from '../src/runtime/effect-runner.ts'
import { EventLoop } from '../src/runtime/event-loop.ts'
import { systemClock } from '../src/runtime/system-clock.ts'
import type { Reconcile } from './fib-writer.ts'
import { cluster, pools, recordOf, unsigned } from './records.ts'

/** As many as a record holds. */
const extrasPerRecord = 64
const settlingMs = 200

interface Counted {
  readonly kernel: Kernel
  dumps: number
  writes: number
}

export async function reconcile({
  routes,
  rounds,
  gateway,
}: {
  readonly routes: number
  readonly rounds: number
  readonly gateway: string
}): Promise<Reconcile> {
  const counted = count(
    netlinkKernel({
      node: 'bench',
      scope: { table: 254, protocol: 83, interest: pools.map(({ prefix }) => prefix) },
      uplink: {
        interface: 'b0',
        nextHops: [],
        bridge: '',
        seedAddresses: () => Promise.resolve([]),
      },
    }),
  )
  const { loop, operator } = agentOn(counted.kernel, entriesOf(routes, gateway))
  await counted.kernel.start((event) => loop.push(event))
  const observer = await Observer.start(['-'])
  try {
    loop.push({ type: 'started' })
    await installed(operator, routes)
    // A bulk of writes is followed by reads, and the observer tells of it later.
    for (let warmUp = 0; warmUp < 3; warmUp += 1) await operator.command({ type: 'resync' })
    await pause(settlingMs)
    counted.dumps = 0
    counted.writes = 0
    let seen = 0
    observer?.listen(() => {
      seen += 1
    })
    const ms: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      const startedAt = now()
      const answer = await operator.command({ type: 'resync' })
      ms.push(now() - startedAt)
      if (!answer.ok) throw new Error(answer.message)
    }
    return { ms, dumps: counted.dumps, writes: counted.writes, seen: observer ? seen : undefined }
  } finally {
    loop.close()
    await observer?.stop()
    await counted.kernel.stop()
  }
}

function count(kernel: Kernel): Counted {
  const counted: Counted = {
    dumps: 0,
    writes: 0,
    kernel: {
      start: (deliver) => kernel.start(deliver),
      dump: () => {
        counted.dumps += 1
        return kernel.dump()
      },
      apply: (changes) => {
        counted.writes += changes.length
        return kernel.apply(changes)
      },
      lookUpNextHops: (questions) => kernel.lookUpNextHops(questions),
      lookUpUsage: (questions) => kernel.lookUpUsage(questions),
      locateUplink: (subnets) => kernel.locateUplink(subnets),
      configureBridge: (bridge) => kernel.configureBridge(bridge),
      checkForwarding: (families, links) => kernel.checkForwarding(families, links),
      probeNeighbours: (questions) => kernel.probeNeighbours(questions),
      stop: () => kernel.stop(),
    },
  }
  return counted
}

function agentOn(kernel: Kernel, entries: ReturnType<typeof entriesOf>) {
  const agent = new Agent(
    config,
    {
      own: { entry: undefined, incarnation: 0, announced: [], gateways: [] },
      known: entries.map((entry) => ({ entry, remainMs: Number.POSITIVE_INFINITY })),
      leases: { leases: [], resting: [] },
    },
    Math.random,
    systemClock.now(),
  )
  const operator = new AgentOperator({
    view: () => agent.view(),
    watch: () => () => undefined,
    push: (event) => loop.push(event),
  })
  const runner = new EffectRunner({
    kernel,
    store: {
      load: () => Promise.reject(new Error('nothing is stored')),
      persistOwn: () => Promise.resolve(),
      persistKnown: () => Promise.resolve(),
    },
    containers: { look: () => Promise.resolve([]) },
    leases: { commit: () => Promise.resolve(), replace: () => Promise.resolve() },
    firewall: {
      configure: () => Promise.resolve({ restored: [], failed: [] }),
      watch: () => undefined,
      stop: () => Promise.resolve(),
    },
    transport: {
      start: () => Promise.resolve(),
      publish: () => undefined,
      judge: () => undefined,
      send: () => undefined,
      probe: () => undefined,
      digest: () => undefined,
      connect: () => undefined,
      seek: () => undefined,
      disconnect: () => undefined,
      stop: () => Promise.resolve(),
    },
    telemetry: { note: () => undefined },
    deliver: (event) => loop.push(event),
    reply: operator.reply,
    stop: () => undefined,
  })
  const loop = new EventLoop({
    machine: agent,
    clock: systemClock,
    perform: runner.perform,
    failed: (error) => {
      throw error
    },
  })
  return { loop, operator }
}

const config: CoreConfig = {
  self: recordOf(4_000).origin,
  name: 'bench',
  cluster,
  software: 'bench',
  seal: (body) => ({ body, envelope: new Uint8Array(), hash: '0'.repeat(64) }),
  wallOffsetMs: Date.now() - systemClock.now(),
  pools,
  accept: [prefixOf('10.64.0.0/10')],
  announce: [],
  reserve: [],
  bootId: 'boot',
  bridge: '',
  metric: { 4: 0, 6: 1_024 },
  port: 7871,
  seeded: false,
  timing: defaultTiming,
  limits: defaultLimits,
}

function entriesOf(routes: number, gateway: string) {
  const nextHops = [addressOf(gateway)]
  const records = Math.ceil(routes / extrasPerRecord)
  return Array.from({ length: records }, (_, index) => {
    const first = index * extrasPerRecord
    const size = Math.min(extrasPerRecord, routes - first)
    const extras = Array.from({ length: size }, (_, at) => {
      const number = first + at
      return prefixOf(`10.64.${number >> 8}.${number & 255}/32`)
    })
    return unsigned(recordOf(index, { nextHops, claims: [], extras }))
  })
}

/** Asked for with pauses: each asking looks at every route. */
async function installed(operator: AgentOperator, routes: number): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const present = operator.view().routes.filter(({ state }) => state === 'installed').length
    if (present === routes) return
    await pause(50)
  }
  throw new Error(`not all of ${routes} routes were installed`)
}
