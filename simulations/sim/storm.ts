/** Random faults that overlap, all drawn before anything starts; then everything is mended, and must be right again. */

import type { Millis } from '../../src/core/rng.ts'
import { words } from '../insider/words.ts'
import { prefixOf } from '../literal.ts'
import type { Host } from './host.ts'
import { Random } from './random.ts'
import { onlyFirst, ownedBy, type Scenario, wide } from './scenario.ts'
import type { Swarm } from './swarm.ts'

/** Drawn for any number of hosts: a fault that is left out moves no other. */
export interface DrawnFault {
  readonly name: keyof typeof faults
  readonly atMs: Millis
  readonly forMs: Millis
  /** In [0, 1): which host, and how many of them. */
  readonly which: number
  readonly share: number
}

const stormMs = 60_000
const faultMsMax = 30_000
/** After the last fault is mended. */
const mendedMs = 60_000
/** What is said of a node that was ended is taken back within this. */
const endedMs = 180_000

/** What it does to hosts, and what mends it. Hosts to which it cannot be done are passed over. */
type Fault = (swarm: Swarm, hosts: readonly Host[]) => () => void

const nothing = () => undefined
const clogMs = 700
const slowKernelMs = 2_000
const clockStepMs = 3_600_000

const restartsMs = [0, 10_000, 20_000, 30_000]
/** Until an insider is connected to most. */
const connectedMs = 2_000
/**
 * What gains a member nothing, whatever else happens. Any may evict who is absent, have a subnet that its holder had for
 * less than the tenure, and be left addresses that no container has.
 */
const unlawful = Object.entries(words).flatMap(([name, say]) =>
  /^(eviction|backdated|fenced|addresses)/.test(name) ? [] : [say],
)

const faults = {
  crash: (swarm, hosts) => {
    const hit = hosts.filter((host) => host.isRunning)
    for (const host of hit) swarm.crash(host)
    return () => start(swarm, hit)
  },
  'power-off': (swarm, hosts) => {
    for (const host of hosts) if (host.isRunning) swarm.powerOff(host)
    return () => {
      for (const host of hosts) if (swarm.network.isDark(host.config.self)) swarm.powerOn(host)
    }
  },
  freeze: (_swarm, hosts) => {
    const hit = hosts.filter((host) => host.isRunning)
    for (const host of hit) host.freeze()
    return () => {
      for (const host of hit) host.thaw()
    }
  },
  partition: (swarm, hosts) => {
    swarm.partition([swarm.hosts.filter((host) => !hosts.includes(host)), hosts])
    return () => swarm.heal()
  },
  // What a host alone in its part of the network said is heard by nobody once its state is gone.
  'set-up-anew': (swarm, [host]) => {
    const { network } = swarm
    const isMet = host && !network.isDark(host.config.self) && swarm.isHeard(host)
    if (host?.isRunning && isMet) swarm.setUpAnew(host)
    return nothing
  },
  // What they say is lost, and what is said to them is not.
  'one-way': (swarm, hosts) => {
    const ids = (some: readonly Host[]) => some.map(({ config }) => config.self)
    const others = swarm.hosts.filter((host) => !hosts.includes(host))
    swarm.network.mute(ids(hosts), ids(others))
    return () => swarm.network.unmute()
  },
  clog: (swarm, hosts) => {
    for (const { config } of hosts) swarm.network.clog(config.self, clogMs)
    return () => {
      for (const { config } of hosts) swarm.network.clog(config.self, 0)
    }
  },
  'slow-kernel': (_swarm, hosts) => {
    for (const host of hosts) host.kernelDelayMs = slowKernelMs
    return () => {
      for (const host of hosts) host.kernelDelayMs = 0
    }
  },
  // Not of the seed, whom those that are set up anew must find.
  readdress: (swarm, hosts) => {
    const [seed] = swarm.hosts
    for (const host of hosts) if (host !== seed && host.isRunning) swarm.readdress(host)
    return nothing
  },
  'clock-step': (swarm, hosts) => {
    const hit = hosts.filter((host) => host.isRunning)
    for (const [index, host] of hit.entries()) {
      host.setClock(index % 2 === 0 ? clockStepMs : -clockStepMs)
      swarm.crash(host)
    }
    start(swarm, hit)
    return () => {
      for (const host of hit) host.setClock(0)
    }
  },
  'mass-restart': (swarm) => {
    const hit = swarm.running
    for (const host of hit) swarm.crash(host)
    swarm.forgetUnstored()
    start(swarm, hit)
    return nothing
  },
  // Each the next time that it is started.
  'crash-at-write': (swarm, hosts) => {
    const hit = hosts.filter((host) => host.isRunning)
    for (const [index, host] of hit.entries()) {
      swarm.crash(host)
      host.crashAt = { write: 1 + (index % 3), moment: index % 2 === 0 ? 'before' : 'after' }
    }
    start(swarm, hit)
    return () => {
      for (const host of hit) host.crashAt = undefined
      start(swarm, hit)
    }
  },
  aliens: (swarm, hosts) => {
    const planted = hosts.flatMap((host, index) => {
      const prefix = prefixOf(`172.16.${4 * (index % 64)}.0/22`)
      // Like `ip route add`: where a route has its key, none is added.
      if (host.kernel.routes.some((route) => route.prefix.text === prefix.text)) return []
      const route = { prefix, metric: 0, target: { type: 'unreachable' } as const }
      swarm.plant(host, route)
      return [{ host, route }]
    })
    return () => {
      for (const { host, route } of planted) swarm.unplant(host, route)
    }
  },
  containers: (swarm, hosts) => {
    for (const host of hosts) swarm.tryAllocate(host)
    return nothing
  },
  'link-flap': (_swarm, hosts) => {
    for (const host of hosts) host.kernel.setLink('eth0', 'down')
    return () => {
      for (const host of hosts) host.kernel.setLink('eth0', 'up')
    }
  },
  drift: (_swarm, hosts) => {
    for (const host of hosts) for (const route of ownedBy(host)) host.kernel.removeRoute(route)
    return nothing
  },
  overrun: (_swarm, hosts) => {
    for (const host of hosts) host.kernel.overrun('simulated')
    return nothing
  },
  'failing-writes': (_swarm, hosts) => {
    for (const host of hosts) host.kernel.failWrites(3)
    return nothing
  },
  // To the later version, or back.
  upgrade: (swarm, hosts) => {
    const hit = hosts.filter((host) => host.isRunning)
    for (const host of hit) {
      swarm.crash(host)
      host.isUpgraded = !host.isUpgraded
    }
    start(swarm, hit)
    return nothing
  },
  // Of the two either one may end, the host even after its copy is gone; it is started again, as containers are.
  'copied-identity': (swarm, [host]) => {
    if (!host?.isRunning) return nothing
    const copy = swarm.copy(host)
    return () => {
      if (copy.isRunning) swarm.crash(copy)
      for (const laterMs of restartsMs) swarm.world.after(laterMs, () => start(swarm, [host]))
    }
  },
  insider: (swarm, hosts) => {
    const { world } = swarm
    const [say] = world.random.sample(unlawful, 1)
    const member = swarm.insider()
    world.after(connectedMs, () => {
      if (say)
        member.say(
          say,
          hosts.flatMap((host) => swarm.wordOf(host) ?? []),
        )
    })
    return () => member.end()
  },
} as const satisfies Record<string, Fault>

export function drawFaults(seed: number): DrawnFault[] {
  const random = new Random(seed).fork()
  const names = Object.keys(faults) as (keyof typeof faults)[]
  const count = 1 + random.below(12)
  return Array.from({ length: count }, () => ({
    name: names[random.below(names.length)] ?? 'crash',
    atMs: random.between(0, stormMs),
    forMs: random.between(100, faultMsMax),
    which: random.next(),
    share: random.next() ** 2,
  })).sort((a, b) => a.atMs - b.atMs)
}

/** `only`: places of the faults that are played; undefined: all. */
export const storm = (seed: number, only?: ReadonlySet<number>): Scenario => ({
  name: 'storm',
  promise: 'whatever happens together, all is right once it is over',
  nodesMin: 3,
  seeds: onlyFirst,
  pool: wide,
  ...(only && { chosenBy: `--scenario storm --only ${[...only].join()}` }),
  timing: {
    displacedMs: 5_000,
    tenureMs: 10_000,
    resyncMs: 20_000,
    // Of hosts that are off for long in some storms every word is forgotten before they are back.
    ...(seed % 3 === 0 && { tenureMs: 3_000, reclaimMs: 6_000, tombstoneMs: 18_000 }),
  },
  play: (swarm) =>
    play(
      swarm,
      drawFaults(seed).filter((_, place) => only === undefined || only.has(place)),
    ),
})

function play(swarm: Swarm, drawn: readonly DrawnFault[]): void {
  const { world } = swarm
  swarm.start(swarm.hosts, 500)
  swarm.settle('before')
  world.runFor(5_000)
  const from = world.now
  const mends: { readonly at: Millis; readonly mend: () => void }[] = []
  for (const fault of drawn) {
    mendDue(swarm, mends, from + fault.atMs)
    world.trace.add(`${world.now} ${faultText(fault)}`)
    swarm.mark(fault.name)
    const mend = faults[fault.name](swarm, hostsOf(swarm, fault))
    mends.push({ at: world.now + fault.forMs, mend })
  }
  mendDue(swarm, mends, Number.POSITIVE_INFINITY)
  swarm.settle('after the storm', mendedMs)
  // Those that were replaced are evicted, and what was found of them is said no more.
  world.runFor(endedMs)
  swarm.settle('calm', mendedMs)
  swarm.stayQuiet('calm')
}

/** Runs on until then, and mends on the way what is due. */
function mendDue(
  { world }: Swarm,
  mends: { readonly at: Millis; readonly mend: () => void }[],
  until: Millis,
): void {
  for (;;) {
    mends.sort((a, b) => a.at - b.at)
    const [next] = mends
    if (!next || next.at > until) break
    mends.shift()
    world.runFor(Math.max(0, next.at - world.now))
    next.mend()
  }
  if (Number.isFinite(until)) world.runFor(Math.max(0, until - world.now))
}

export const faultText = ({ name, atMs, forMs }: DrawnFault): string =>
  `${name} at ${(atMs / 1_000).toFixed(1)} s for ${(forMs / 1_000).toFixed(1)} s`

function hostsOf({ hosts }: Swarm, { which, share }: DrawnFault): Host[] {
  const count = Math.max(1, Math.floor(share * hosts.length * 0.8))
  const first = Math.floor(which * hosts.length)
  return Array.from({ length: count }, (_, step) => hosts[(first + step) % hosts.length]).filter(
    (host) => host !== undefined,
  )
}

function start(swarm: Swarm, hosts: readonly Host[]): void {
  swarm.start(
    hosts.filter((host) => swarm.hosts.includes(host) && !host.isRunning),
    0,
  )
}
