/** Stories of hosts that change: restarted all at once, upgraded one by one, moved, copied, killed at every write. */

import { prefixOf } from '../literal.ts'
import type { Host } from './host.ts'
import { onlyFirst, ownedBy, type Scenario, wide } from './scenario.ts'
import type { Swarm } from './swarm.ts'

/** As long as a twin may take to find out that it is one. */
const twinMs = 120_000

export const changes: readonly Scenario[] = [
  {
    name: 'mass-restart',
    promise: 'agents that are all killed at once come back with their subnets, and no route flaps',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: wide,
    play: massRestart,
  },
  {
    name: 'rolling-upgrade',
    promise: 'agents of a later version and of this one agree while hosts are upgraded one by one',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: wide,
    play: rollingUpgrade,
  },
  {
    name: 'address-changes',
    promise: 'hosts whose addresses change keep their subnets, and all routes follow them',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: wide,
    play: addressChanges,
  },
  {
    name: 'one-way',
    promise: 'hosts that are heard and do not hear, or hear and are not heard, are heard again',
    nodesMin: 4,
    seeds: onlyFirst,
    pool: wide,
    play: oneWay,
  },
  {
    name: 'crash-at-every-write',
    promise:
      'agents that die before or after any of their first writes come back with what they had',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: wide,
    play: crashAtEveryWrite,
  },
  {
    name: 'small-subnets',
    promise: 'what containers were told that they have nobody else gets, whenever agents die',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: () => ({ prefix: prefixOf('172.16.0.0/22'), subnetLength: 27 }),
    play: smallSubnets,
  },
  {
    name: 'copied-identity',
    promise: 'of a host and its copy one goes on, with the subnet that it had',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: wide,
    play: copiedIdentity,
  },
]

const writesOf = (swarm: Swarm): string => swarm.hosts.map(({ kernel }) => kernel.writes).join(' ')

const subnetsOf = (swarm: Swarm): string =>
  swarm.hosts.map((host) => swarm.subnetOf(host)).join(' ')

/** What it has now, to be compared with later. */
function remembered(swarm: Swarm) {
  const [writes, subnets] = [writesOf(swarm), subnetsOf(swarm)]
  return {
    expectSubnets: () =>
      swarm.expect(subnetsOf(swarm) === subnets, `${subnets} are kept, not ${subnetsOf(swarm)}`),
    expectNoFlap: () =>
      swarm.expect(
        writesOf(swarm) === writes,
        `no route flaps: ${writes}, then ${writesOf(swarm)}`,
      ),
  }
}

function massRestart(swarm: Swarm): void {
  const { random } = swarm.world
  swarm.start(swarm.hosts, 500)
  swarm.settle('before')
  swarm.world.runFor(10_000)
  // What is stored of a host that was missed until now is the first to be out of date.
  const missed = random.sample(swarm.hosts, 1)
  const others = swarm.hosts.filter((host) => !missed.includes(host))
  const ids = (hosts: readonly Host[]) => hosts.map(({ config }) => config.self)
  swarm.network.mute(ids(missed), ids(others))
  swarm.world.runFor(20_000)
  swarm.network.unmute()
  swarm.settle('it is heard again', 30_000)
  // What is written once routes were turned is on disks by then.
  swarm.world.runFor(250)
  const before = remembered(swarm)
  for (const host of swarm.hosts) swarm.crash(host)
  swarm.world.runFor(random.between(0, 5_000))
  swarm.start(swarm.hosts, 500)
  swarm.settle('all restarted')
  swarm.stayQuiet('all restarted')
  before.expectNoFlap()
  before.expectSubnets()
}

function rollingUpgrade(swarm: Swarm): void {
  swarm.start(swarm.hosts, 500)
  swarm.settle('before')
  const before = remembered(swarm)
  const hosts = swarm.world.random.shuffled(swarm.hosts)
  for (const [index, host] of hosts.entries()) {
    swarm.crash(host)
    host.isUpgraded = true
    swarm.start([host], 0)
    swarm.world.runFor(swarm.world.random.between(500, 2_500))
    if (index === hosts.length >> 1) swarm.settle('half of them')
  }
  swarm.settle('all of them')
  swarm.stayQuiet('all of them')
  before.expectNoFlap()
  before.expectSubnets()
}

function addressChanges(swarm: Swarm): void {
  swarm.start(swarm.hosts, 500)
  swarm.settle('before')
  swarm.world.runFor(10_000)
  const before = remembered(swarm)
  const [, ...others] = swarm.hosts
  for (const host of others) {
    swarm.readdress(host)
    swarm.world.runFor(swarm.world.random.between(0, 1_000))
  }
  swarm.settle('moved one by one')
  for (const host of others) swarm.readdress(host)
  swarm.settle('moved all at once')
  // What was said of those that moved is taken back.
  swarm.world.runFor(20_000)
  swarm.stayQuiet('moved all at once')
  before.expectSubnets()
}

function oneWay(swarm: Swarm): void {
  const { random } = swarm.world
  swarm.start(swarm.hosts, 500)
  swarm.settle('before')
  swarm.world.runFor(10_000)
  const before = remembered(swarm)
  const ids = (hosts: readonly Host[]) => hosts.map(({ config }) => config.self)
  for (const direction of ['unheard', 'unhearing'] as const) {
    const some = random.sample(swarm.hosts, 1 + random.below(swarm.hosts.length >> 1))
    const rest = swarm.hosts.filter((host) => !some.includes(host))
    const [from, to] = direction === 'unheard' ? [some, rest] : [rest, some]
    swarm.network.mute(ids(from), ids(to))
    swarm.world.runFor(30_000)
    swarm.network.unmute()
    swarm.settle(`heard again after being ${direction}`, 30_000)
  }
  swarm.stayQuiet('heard again')
  before.expectSubnets()
}

function crashAtEveryWrite(swarm: Swarm): void {
  const [first, ...others] = swarm.hosts
  if (!first) return
  for (const [index, host] of swarm.hosts.entries()) {
    host.crashAt = { write: 1 + (index >> 1), moment: index % 2 === 0 ? 'before' : 'after' }
  }
  for (let round = 0; round < 6; round += 1) {
    swarm.start(
      swarm.hosts.filter((host) => !host.isRunning),
      500,
    )
    swarm.world.runFor(4_000)
    for (const host of swarm.running) swarm.tryAllocate(host)
    swarm.world.runFor(1_000)
  }
  for (const host of swarm.hosts) host.crashAt = undefined
  swarm.start(
    swarm.hosts.filter((host) => !host.isRunning),
    500,
  )
  swarm.settle('all run')
  const before = remembered(swarm)
  for (let write = 1; write <= 4; write += 1) {
    for (const moment of ['before', 'after'] as const) {
      for (const host of others) {
        swarm.crash(host)
        host.crashAt = { write, moment }
      }
      swarm.start(others, 500)
      swarm.world.runFor(4_000)
      for (const host of others) {
        host.crashAt = undefined
        if (!host.isRunning) swarm.start([host], 100)
      }
      swarm.settle(`dead ${moment} write ${write}`)
    }
  }
  swarm.stayQuiet('after all')
  before.expectSubnets()
}

/** So few addresses that each would be granted twice soon. */
function smallSubnets(swarm: Swarm): void {
  const { random } = swarm.world
  swarm.start(swarm.hosts, 500)
  swarm.settle('before')
  for (let round = 0; round < 8; round += 1) {
    for (const host of swarm.running) swarm.tryAllocate(host)
    swarm.world.runFor(random.between(0, 6))
    const victims = random.sample(swarm.running, 2)
    for (const host of victims) swarm.crash(host)
    swarm.start(victims, 100)
    swarm.world.runFor(2_000)
  }
  swarm.settle('after')
}

function copiedIdentity(swarm: Swarm): void {
  const original = swarm.host(swarm.hosts.length - 1)
  swarm.start(swarm.hosts, 500)
  swarm.settle('before')
  swarm.world.runFor(10_000)
  const before = remembered(swarm)
  const routes = ownedBy(original).length
  const copy = swarm.copy(original)
  swarm.world.runUntil(() => !copy.isRunning, { withinMs: twinMs, everyMs: 100 })
  swarm.expect(copy.exitCode === 1, `the copy ends with 1, not ${copy.exitCode}`, copy.name)
  swarm.expect(original.isRunning, 'the original goes on', original.name)
  swarm.settle('the copy is gone', 60_000)
  swarm.stayQuiet('the copy is gone')
  before.expectSubnets()
  swarm.expect(ownedBy(original).length === routes, 'it has all of its routes', original.name)
}
