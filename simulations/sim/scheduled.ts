/** A schedule of chaos in the simulator: the same faults to hosts of the same numbers, and each time the same outcome. */

import type { Millis } from '../../src/core/rng.ts'
import { type FaultName, kindOf } from '../chaos/plan/catalogue.ts'
import { isApart } from '../chaos/plan/ring.ts'
import type { Fault, Round, Schedule } from '../chaos/plan/schedule.ts'
import { prefixOf } from '../literal.ts'
import type { Host } from './host.ts'
import { onlyFirst, ownedBy, type Scenario, wide } from './scenario.ts'
import type { Swarm } from './swarm.ts'

export const scheduled = (schedule: Schedule, file: string): Scenario => ({
  name: 'schedule',
  chosenBy: `--schedule ${file}`,
  promise: 'what containers went through is all right again, here as well',
  nodesMin: 3,
  seeds: onlyFirst,
  pool: wide,
  // As the containers have them.
  timing: { displacedMs: 3_000, tenureMs: 3_000 },
  play: (swarm) => play(swarm, schedule),
})

interface Victims {
  readonly swarm: Swarm
  readonly fault: Fault
  readonly hosts: readonly Host[]
}

/** Mends it. */
type Mend = () => void
/** Undefined: it cannot be done now. */
type Play = (victims: Victims) => Mend | undefined

const rightMs = 30_000
const starvedMs = 500
const turnMs = 1_000
const nothing: Mend = () => undefined
const crash: Play = ({ swarm, hosts }) => {
  const hit = hosts.filter((host) => host.isRunning)
  for (const host of hit) swarm.crash(host)
  return () => start(swarm, hit)
}

const crashAtOnce: Play = (victims) => {
  crash(victims)?.()
  return nothing
}

const cut: Play = ({ swarm, hosts }) => {
  if (swarm.hosts.some(({ config }) => swarm.network.groupOf(config.self) !== 0)) return undefined
  swarm.partition([swarm.hosts.filter((host) => !hosts.includes(host)), hosts])
  return () => swarm.heal()
}

const mute =
  (isBothWays: boolean): Play =>
  ({ swarm, hosts: [host, other] }) => {
    if (!host) return undefined
    const peers = other ? [other] : swarm.hosts.filter((each) => each !== host)
    const ids = (some: readonly Host[]) => some.map(({ config }) => config.self)
    swarm.network.mute(ids([host]), ids(peers))
    if (isBothWays) swarm.network.mute(ids(peers), ids([host]))
    return () => swarm.network.unmute()
  }

const drift: Play = ({ hosts }) => {
  for (const host of hosts) for (const route of ownedBy(host)) host.kernel.removeRoute(route)
  return nothing
}

/** Without those that the simulator has nothing of. */
const plays: Readonly<Partial<Record<FaultName, Play>>> = {
  'kill-agent': crashAtOnce,
  'kill-reader': ({ hosts }) => {
    for (const host of hosts) host.kernel.overrun('simulated')
    return nothing
  },
  'kill-at-sync': ({ swarm, fault, hosts }) => {
    const hit = hosts.filter((host) => host.isRunning)
    const write = 1 + Math.floor(fault.share * 4)
    for (const host of hit) {
      swarm.crash(host)
      host.crashAt = { write, moment: 'after' }
    }
    start(swarm, hit)
    return () => {
      for (const host of hit) host.crashAt = undefined
      start(swarm, hit)
    }
  },
  'stop-agent': crash,
  'freeze-agent': ({ hosts }) => {
    const hit = hosts.filter((host) => host.isRunning)
    for (const host of hit) host.freeze()
    return () => {
      for (const host of hit) host.thaw()
    }
  },
  'starve-agent': ({ hosts }) => {
    for (const host of hosts) host.kernelDelayMs = starvedMs
    return () => {
      for (const host of hosts) host.kernelDelayMs = 0
    }
  },
  'kill-all-agents': (victims) => {
    const hit = victims.swarm.running
    for (const host of hit) victims.swarm.crash(host)
    victims.swarm.forgetUnstored()
    start(victims.swarm, hit)
    return nothing
  },
  'restart-in-turn': ({ swarm, hosts }) => {
    for (const host of hosts) {
      if (host.isRunning) swarm.crash(host)
      start(swarm, [host])
      swarm.world.runFor(turnMs)
    }
    return nothing
  },
  'recreate-agent': crashAtOnce,
  'change-settings': crashAtOnce,
  'little-memory': crashAtOnce,
  'no-names': crashAtOnce,
  'old-name': crashAtOnce,
  'set-up-anew': ({ swarm, hosts: [host] }) => {
    if (!host?.isRunning || !swarm.isHeard(host)) return undefined
    swarm.setUpAnew(host)
    return nothing
  },
  'power-off': ({ swarm, hosts }) => {
    for (const host of hosts) if (host.isRunning) swarm.powerOff(host)
    return () => {
      for (const host of hosts) if (swarm.network.isDark(host.config.self)) swarm.powerOn(host)
    }
  },
  'replace-host': ({ swarm, hosts: [host] }) => {
    if (!host?.isRunning || !swarm.isHeard(host)) return undefined
    swarm.powerOff(host)
    return () => {
      swarm.powerOn(host)
      swarm.setUpAnew(host)
    }
  },
  'cut-off': cut,
  'cut-minority': cut,
  'cut-halves': cut,
  'cut-pair': mute(true),
  'wrong-neighbour': mute(true),
  'one-way': mute(false),
  'cut-ring': ({ swarm, fault, hosts }) => {
    const ids = (some: readonly Host[]) => some.map(({ config }) => config.self)
    for (const [at, host] of hosts.entries()) {
      const far = hosts.filter((_, other) =>
        isApart(fault.hosts, fault.hosts[at] ?? 0, fault.hosts[other] ?? 0),
      )
      swarm.network.mute(ids([host]), ids(far))
    }
    return () => swarm.network.unmute()
  },
  flap: (victims) => {
    let mend = cut(victims)
    if (!mend) return undefined
    let isOver = false
    const turn = () => {
      if (isOver) return
      if (mend) mend()
      mend = mend ? undefined : cut(victims)
      victims.swarm.world.after(turnMs, turn)
    }
    victims.swarm.world.after(turnMs, turn)
    return () => {
      isOver = true
      mend?.()
    }
  },
  'carrier-lost': ({ hosts }) => {
    for (const host of hosts) host.kernel.setLink('eth0', 'down')
    return () => {
      for (const host of hosts) host.kernel.setLink('eth0', 'up')
    }
  },
  'delete-routes': drift,
  'flush-routes': drift,
  'replace-routes': ({ swarm, hosts: [host] }) => {
    if (!host) return undefined
    const planted = ownedBy(host).map(({ prefix, metric }) => {
      const route = { prefix, metric, target: { type: 'unreachable' } as const }
      swarm.plant(host, route)
      return route
    })
    return () => {
      for (const route of planted) swarm.unplant(host, route)
    }
  },
  'announce-storm': ({ swarm, hosts: [host] }) => {
    if (!host?.isRunning) return undefined
    const prefix = prefixOf('10.200.0.0/24')
    swarm.command(host, { type: 'announce', prefix })
    return () => {
      if (host.isRunning) swarm.command(host, { type: 'withdraw', prefix })
    }
  },
}

function play(swarm: Swarm, { rounds }: Schedule): void {
  swarm.start(swarm.hosts, 500)
  swarm.settle('before')
  swarm.world.runFor(5_000)
  const absentees = new Set<FaultName>()
  for (const round of rounds) {
    playRound(swarm, round, absentees)
    const boundMs = Math.max(rightMs, ...round.faults.map(({ name }) => kindOf(name).rightWithinMs))
    swarm.settle(`round ${round.number}`, boundMs)
    swarm.rest(5_000)
  }
  if (absentees.size > 0) swarm.remark(`left out: ${[...absentees].join(', ')}`)
}

/** Faults begin and end at their times; what cannot be done now is left out. */
function playRound(swarm: Swarm, { faults, forMs }: Round, absentees: Set<FaultName>): void {
  const { world } = swarm
  const from = world.now
  const due: { readonly at: Millis; readonly act: () => void }[] = faults.map((fault) => ({
    at: from + fault.atMs,
    act: () => {
      const hosts = fault.hosts.flatMap((number) => swarm.hosts[number] ?? [])
      const mend = plays[fault.name]?.({ swarm, fault, hosts })
      swarm.mark(fault.name)
      if (mend) due.push({ at: from + fault.atMs + fault.forMs, act: mend })
      else absentees.add(fault.name)
    },
  }))
  while (due.length > 0) {
    due.sort((a, b) => a.at - b.at)
    const next = due.shift()
    if (!next) break
    world.runFor(Math.max(0, next.at - world.now))
    next.act()
  }
  world.runFor(Math.max(0, from + forMs - world.now))
}

function start(swarm: Swarm, hosts: readonly Host[]): void {
  swarm.start(
    hosts.filter((host) => swarm.hosts.includes(host) && !host.isRunning),
    0,
  )
}
