/** What is played with a swarm: each scenario is a story with its own expectations, on top of what the checkers watch. */

import type { Pool } from '../../src/core/ip/pool.ts'
import type { KernelRoute } from '../../src/core/routing/route.ts'
import { words } from '../insider/words.ts'
import { addressOf, prefixOf } from '../literal.ts'
import { changes } from './changes.ts'
import { endurance } from './endurance.ts'
import { failures } from './failures.ts'
import type { Host } from './host.ts'
import { onlyFirst, ownedBy, type Scenario, wide } from './scenario.ts'
import type { Swarm } from './swarm.ts'

/** A pool with fewer subnets than there are hosts: the greatest power of two below their number. */
const narrow = (nodes: number): Pool => {
  const bits = Math.ceil(Math.log2(nodes)) - 1
  return { prefix: prefixOf(`172.16.0.0/${22 - bits}`), subnetLength: 22 }
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'cold-start',
    promise: 'all start at once and end with distinct subnets',
    nodesMin: 1,
    seeds: onlyFirst,
    pool: wide,
    play: coldStart,
  },
  {
    name: 'join-two-halves',
    promise: 'two halves that never met, with the same subnets confirmed, are joined',
    nodesMin: 4,
    seeds: (nodes) => [0, nodes >> 1],
    pool: wide,
    play: joinTwoHalves,
  },
  {
    name: 'partition-and-heal',
    promise: 'both sides of a partition go on, take newcomers, and agree again',
    nodesMin: 6,
    seeds: () => [0, 1],
    pool: wide,
    play: partitionAndHeal,
  },
  {
    name: 'crash-restart',
    promise: 'agents killed at any moment come back with their subnet, and no route flaps',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: wide,
    play: crashRestart,
  },
  {
    name: 'leave-and-rejoin',
    promise: 'a leave frees the subnet for the next who joins',
    nodesMin: 4,
    seeds: onlyFirst,
    pool: wide,
    play: leaveAndRejoin,
  },
  {
    name: 'full-pool',
    promise: 'who finds no subnet says so and takes the first that frees',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: narrow,
    play: fullPool,
  },
  {
    name: 'aliens',
    promise: 'alien routes stay as they are, and are claimed by nobody',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: wide,
    play: aliens,
  },
  {
    name: 'evict',
    promise: 'what an evicted node held is freed, and never returns to it',
    nodesMin: 4,
    seeds: onlyFirst,
    pool: wide,
    play: evict,
  },
  {
    name: 'insider',
    promise: 'a member that says whatever it wants takes nothing from anybody',
    nodesMin: 5,
    seeds: onlyFirst,
    pool: wide,
    timing: { tenureMs: 20_000 },
    play: insider,
  },
  {
    name: 'kernel-faults',
    promise: 'writes that fail, drift, flapping links and lost notifications are repaired',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: wide,
    // A write that failed is tried again at a resync.
    timing: { resyncMs: 20_000 },
    play: kernelFaults,
  },
  ...failures,
  ...changes,
  ...endurance,
]

function coldStart(swarm: Swarm): void {
  swarm.start(swarm.hosts, 500)
  swarm.settle('cold start')
  swarm.stayQuiet('cold start')
}

function joinTwoHalves(swarm: Swarm): void {
  const middle = swarm.hosts.length >> 1
  const halves = [swarm.hosts.slice(0, middle), swarm.hosts.slice(middle)]
  swarm.partition(halves)
  swarm.start(swarm.hosts, 500)
  swarm.settle('apart', 180_000)
  const [first, second] = [swarm.host(0), swarm.host(middle)].map((host) => swarm.subnetOf(host))
  swarm.expect(
    halves.every((half) => subnetsOf(swarm, half).has('172.16.0.0/22')),
    `both halves have 172.16.0.0/22, their first hosts have ${first} and ${second}`,
  )
  swarm.heal()
  swarm.settle('joined')
  swarm.stayQuiet('joined')
}

function partitionAndHeal(swarm: Swarm): void {
  const [a, b, newcomerA, newcomerB, ...others] = swarm.hosts
  if (!a || !b || !newcomerA || !newcomerB) return
  swarm.start([a, b, ...others], 500)
  swarm.settle('before')
  const shuffled = swarm.world.random.shuffled(others)
  const middle = swarm.world.random.below(shuffled.length + 1)
  swarm.partition([
    [a, newcomerA, ...shuffled.slice(0, middle)],
    [b, newcomerB, ...shuffled.slice(middle)],
  ])
  swarm.start([newcomerA, newcomerB], 2_000)
  swarm.settle('split')
  swarm.expect(
    swarm.subnetOf(newcomerA) === swarm.subnetOf(newcomerB),
    'the newcomers of both sides have one subnet',
  )
  swarm.heal()
  swarm.settle('healed')
  swarm.stayQuiet('healed')
}

function crashRestart(swarm: Swarm): void {
  const { random } = swarm.world
  swarm.start(swarm.hosts, 500)
  // In the middle of joining and claiming, at any point of a write.
  for (let round = 0; round < swarm.hosts.length; round += 1) {
    swarm.world.runFor(random.between(0, 3_000 / swarm.hosts.length))
    const victim = swarm.host(random.below(swarm.hosts.length))
    if (!victim.isRunning) continue
    swarm.crash(victim)
    swarm.start([victim], random.between(0, 2_000))
  }
  swarm.settle('crashes while starting')
  swarm.stayQuiet('crashes while starting')

  const victims = random.sample(swarm.hosts, Math.ceil(swarm.hosts.length / 3))
  const subnets = victims.map((victim) => swarm.subnetOf(victim))
  const writes = () => swarm.hosts.map(({ kernel }) => kernel.writes).join(' ')
  const before = writes()
  for (const victim of victims) swarm.crash(victim)
  swarm.world.runFor(8_000)
  swarm.start(victims, 500)
  swarm.settle('crashes when settled')
  swarm.stayQuiet('crashes when settled')
  swarm.expect(writes() === before, `no route flaps: kernel writes ${before}, then ${writes()}`)
  victims.forEach((victim, index) => {
    const subnet = swarm.subnetOf(victim)
    swarm.expect(subnet === subnets[index], `kept ${subnets[index]}, has ${subnet}`, victim.name)
  })
}

function leaveAndRejoin(swarm: Swarm): void {
  const [newcomer, ...others] = [...swarm.hosts].reverse()
  const leaver = others[others.length >> 1]
  if (!newcomer || !leaver) return
  swarm.start(others, 500)
  swarm.settle('before')
  const freed = swarm.subnetOf(leaver)
  swarm.leave(leaver)
  swarm.expect(ownedBy(leaver).length === 0, 'the leaver keeps no owned route', leaver.name)
  swarm.settle('left')
  swarm.stayQuiet('left')
  swarm.start([newcomer], 0)
  swarm.settle('newcomer')
  const taken = swarm.subnetOf(newcomer)
  swarm.expect(taken === freed, `the newcomer takes ${freed}, has ${taken}`, newcomer.name)
  swarm.start([leaver], 0)
  swarm.settle('rejoined')
  swarm.stayQuiet('rejoined')
}

function fullPool(swarm: Swarm): void {
  swarm.start(swarm.hosts, 500)
  swarm.settle('full')
  swarm.stayQuiet('full')
  const waiting = swarm.hosts.filter((host) => swarm.subnetOf(host) === undefined)
  for (const host of waiting) {
    const codes = host.agent?.view().problems.map(({ code }) => code) ?? []
    swarm.expect(codes.includes('pool-full'), `says ${codes.join(', ') || 'nothing'}`, host.name)
  }
  const leaver = swarm.hosts.find((host) => swarm.subnetOf(host) !== undefined)
  if (!leaver) return
  const freed = swarm.subnetOf(leaver)
  swarm.leave(leaver)
  swarm.settle('one freed')
  swarm.expect(subnetsOf(swarm, waiting).has(freed ?? ''), `one of those who waited has ${freed}`)
  swarm.stayQuiet('one freed')
}

function aliens(swarm: Swarm): void {
  const [first, second, third] = swarm.hosts
  if (!first || !second || !third) return
  const router = addressOf('192.168.255.254')
  const via = (text: string): Omit<KernelRoute, 'owned'> => ({
    prefix: prefixOf(text),
    metric: 0,
    target: { type: 'via', nextHop: router, ifindex: 2 },
  })
  // Broader than the pool: these exclude nothing.
  for (const host of swarm.hosts) swarm.plant(host, via('0.0.0.0/0'))
  swarm.plant(second, via('172.16.0.0/12'))
  // The lowest subnet is somebody's local network: nobody may claim it.
  swarm.plant(first, via('172.16.0.0/22'))
  swarm.plant(first, { ...via('172.17.0.0/16'), target: { type: 'other', ifindex: 2, text: '' } })
  swarm.start(swarm.hosts, 500)
  swarm.settle('claimed round the aliens')
  for (const host of swarm.hosts) {
    const subnet = swarm.subnetOf(host)
    swarm.expect(subnet !== '172.16.0.0/22', 'claims no local network of another', host.name)
  }
  swarm.stayQuiet('claimed round the aliens')

  // An alien comes to a prefix that is routed to already: it is left alone, and ours returns once it is gone.
  const subnet = swarm.subnetOf(third)
  if (!subnet) return
  swarm.plant(second, via(subnet))
  swarm.settle('alien in the way')
  swarm.stayQuiet('alien in the way')
  swarm.unplant(second, via(subnet))
  swarm.settle('alien gone')
  swarm.stayQuiet('alien gone')
}

function evict(swarm: Swarm): void {
  const [newcomer, ...others] = [...swarm.hosts].reverse()
  const victim = others[0]
  const author = others[1]
  if (!newcomer || !victim || !author) return
  swarm.start(others, 500)
  swarm.settle('before')
  const held = swarm.subnetOf(victim)
  swarm.crash(victim)
  swarm.world.runFor(5_000)
  swarm.command(author, { type: 'evict', node: victim.name })
  swarm.settle('evicted')
  swarm.stayQuiet('evicted')
  swarm.start([newcomer], 0)
  swarm.settle('newcomer')
  const taken = swarm.subnetOf(newcomer)
  swarm.expect(taken === held, `the newcomer takes ${held}, has ${taken}`, newcomer.name)
  swarm.start([victim], 0)
  swarm.settle('back')
  swarm.expect(swarm.subnetOf(newcomer) === held, `the newcomer keeps ${held}`, newcomer.name)
  swarm.stayQuiet('back')
}

/** Each attack by words, in any order; before some of them a host goes down, and comes back after it. */
function insider(swarm: Swarm): void {
  const { random } = swarm.world
  const [newcomer, ...hosts] = [...swarm.hosts].reverse()
  if (!newcomer) return
  swarm.start(hosts, 500)
  swarm.settle('before')
  for (const host of hosts) swarm.allocate(host, 30)
  swarm.world.runFor(25_000)
  const member = swarm.insider()
  swarm.world.runFor(2_000)
  for (const [name, say] of random.shuffled(Object.entries(words))) {
    const victims = random.shuffled(hosts)
    const said = victims.flatMap((host) => swarm.wordOf(host) ?? [])
    const last = victims.at(-1)
    const absent = random.chance(0.5) ? last : undefined
    const had = last && swarm.subnetOf(last)
    if (absent) {
      swarm.crash(absent)
      swarm.world.runFor(5_000)
    }
    member.say(say, said)
    // Who is away for longer than the tenure may be evicted by any member.
    swarm.endure(name, absent ? 8_000 : 45_000)
    if (!absent) continue
    swarm.start([absent], 0)
    swarm.world.runFor(5_000)
    swarm.expect(swarm.subnetOf(absent) === had, `comes back to ${had} after ${name}`, absent.name)
    swarm.endure(`${name}, and a host back`, 45_000)
  }
  swarm.start([newcomer], 0)
  const roots = () => new Set(swarm.hosts.map(({ agent }) => agent?.view().root))
  swarm.world.runUntil(() => roots().size === 1, { withinMs: 60_000, everyMs: 500 })
  swarm.expect(roots().size === 1, 'a newcomer comes to the same map', newcomer.name)
}

function kernelFaults(swarm: Swarm): void {
  const { random } = swarm.world
  for (const host of swarm.hosts) host.kernel.failWrites(random.below(4))
  swarm.start(swarm.hosts, 500)
  swarm.settle('failing writes')
  swarm.stayQuiet('failing writes')
  for (const host of random.sample(swarm.hosts, 5)) {
    const [route, other] = ownedBy(host)
    if (route) host.kernel.removeRoute(route)
    if (other) host.kernel.putRoute({ ...other, target: { type: 'unreachable' } })
  }
  swarm.settle('drift', 2_000)
  for (const host of random.sample(swarm.hosts, 3)) {
    host.kernel.setLink('eth0', 'down')
    swarm.world.after(random.between(1, 3_000), () => host.kernel.setLink('eth0', 'up'))
  }
  swarm.world.runFor(4_000)
  swarm.settle('links up again', 10_000)
  for (const host of random.sample(swarm.hosts, 3)) {
    for (const route of ownedBy(host).slice(0, 2)) host.kernel.removeRoute(route)
    host.kernel.removeLink('starling0')
    host.kernel.overrun('simulated')
  }
  swarm.settle('lost notifications', 5_000)
  swarm.stayQuiet('lost notifications')
}

const subnetsOf = (swarm: Swarm, hosts: readonly Host[]): Set<string | undefined> =>
  new Set(hosts.map((host) => swarm.subnetOf(host)))
