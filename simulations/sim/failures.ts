/** Stories of hosts that die, freeze, are set up anew and come back. */

import { addressOf } from '../literal.ts'
import type { Host } from './host.ts'
import { onlyFirst, ownedBy, type Scenario, wide } from './scenario.ts'
import type { Swarm } from './swarm.ts'

/** Virtual time in which every kernel must follow what happened to a host. */
const soonMs = 10_000
/** The same of one host without power, in a cluster of any size. */
const oneMs = 5_000
/** The same of up to half of the hosts at once, where no host is connected to all others. */
const manyMs = 60_000

export const failures: readonly Scenario[] = [
  {
    name: 'hosts-die',
    promise:
      'routes to hosts without power are unreachable within seconds, and lead there again once they are back',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: wide,
    play: hostsDie,
  },
  {
    name: 'freeze',
    promise: 'agents that stand still for a minute cost no route, and miss nobody themselves',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: wide,
    play: freeze,
  },
  {
    name: 'set-up-anew',
    promise: 'a host that is set up anew, again and again, leaves one subnet taken',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: wide,
    timing: { displacedMs: 5_000, tenureMs: 10_000 },
    play: setUpAnew,
  },
  {
    name: 'set-up-anew-without-address',
    promise: 'hosts that are set up anew after they had lost their address are found, the seed too',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: wide,
    timing: { displacedMs: 5_000, tenureMs: 10_000 },
    play: setUpAnewWithoutAddress,
  },
  {
    name: 'gone-for-long',
    promise:
      'the subnet of a host that is gone for long is free, and its former holder takes another one',
    nodesMin: 5,
    seeds: onlyFirst,
    pool: wide,
    timing: { reclaimMs: 60_000, tenureMs: 20_000 },
    play: goneForLong,
  },
  {
    name: 'leases-outlive-a-partition',
    promise: 'containers keep the addresses that they had on both sides of a partition',
    nodesMin: 4,
    seeds: (nodes) => [0, nodes >> 1],
    pool: wide,
    play: leasesOutlive,
  },
]

const minority = (swarm: Swarm): Host[] => {
  const most = Math.max(1, (swarm.hosts.length - 1) >> 1)
  return swarm.world.random.sample(swarm.hosts, swarm.world.random.below(most) + 1)
}

function hostsDie(swarm: Swarm): void {
  swarm.start(swarm.hosts, 500)
  swarm.settle('before')
  swarm.rest(10_000)
  const [one] = swarm.world.random.sample(swarm.hosts, 1)
  if (!one) return
  swarm.powerOff(one)
  swarm.settle('one without power', oneMs)
  swarm.powerOn(one)
  swarm.settle('its power again', soonMs)
  swarm.rest(30_000)
  const dead = minority(swarm)
  const held = dead.map((host) => swarm.subnetOf(host))
  for (const host of dead) swarm.powerOff(host)
  swarm.settle('without power', swarm.hosts.length > 32 ? manyMs : soonMs)
  swarm.stayQuiet('without power')
  for (const host of dead) swarm.powerOn(host)
  swarm.settle('power again', soonMs)
  swarm.stayQuiet('power again')
  swarm.expect(
    held.join() === dead.map((host) => swarm.subnetOf(host)).join(),
    'all have what they had',
  )
}

function freeze(swarm: Swarm): void {
  swarm.start(swarm.hosts, 500)
  swarm.settle('before')
  swarm.world.runFor(10_000)
  const writes = () => swarm.hosts.map(({ kernel }) => kernel.writes).join(' ')
  const before = writes()
  const frozen = minority(swarm)
  for (const host of frozen) host.freeze()
  swarm.world.runFor(60_000)
  for (const host of frozen) host.thaw()
  swarm.settle('thawed', soonMs)
  swarm.stayQuiet('thawed')
  swarm.expect(writes() === before, `no route flaps: kernel writes ${before}, then ${writes()}`)
}

function setUpAnew(swarm: Swarm): void {
  swarm.start(swarm.hosts, 500)
  swarm.settle('before')
  let host = swarm.host(swarm.hosts.length - 1)
  for (let round = 1; round <= 3; round += 1) {
    host = swarm.setUpAnew(host)
    swarm.settle(`set up anew, time ${round}`, 60_000)
    // Its former self is evicted, and with it the last route to what it had.
    const isOne = () =>
      swarm.running.every((each) => ownedBy(each).length === swarm.running.length - 1)
    swarm.world.runUntil(isOne, { withinMs: 120_000, everyMs: 500 })
    swarm.expect(isOne(), `one subnet for each host, after ${round} times`)
  }
  swarm.settle('after')
  swarm.stayQuiet('after')
}

/** Found by storms: nobody could dial the former self, which was waited for, and to which the seed's redial was left. */
function setUpAnewWithoutAddress(swarm: Swarm): void {
  swarm.start(swarm.hosts, 500)
  swarm.settle('before')
  swarm.world.runFor(10_000)
  for (const host of [swarm.host(0), swarm.host(swarm.hosts.length - 1)]) {
    host.kernel.setLink('eth0', 'down')
    swarm.world.runFor(3_000)
    swarm.setUpAnew(host)
    swarm.settle(`${host.name} is set up anew`, 60_000)
  }
  swarm.world.runFor(180_000)
  swarm.stayQuiet('after')
}

function goneForLong(swarm: Swarm): void {
  const [newcomer, ...others] = [...swarm.hosts].reverse()
  const [gone] = others
  if (!newcomer || !gone) return
  swarm.start(others, 500)
  swarm.settle('before')
  const held = swarm.subnetOf(gone)
  swarm.powerOff(gone)
  swarm.settle('gone', soonMs)
  swarm.world.runFor(50_000)
  swarm.settle('still its own')
  swarm.world.runFor(60_000)
  swarm.settle('reclaimed')
  swarm.stayQuiet('reclaimed')
  swarm.start([newcomer], 0)
  swarm.settle('newcomer')
  const taken = swarm.subnetOf(newcomer)
  swarm.expect(taken === held, `the newcomer takes ${held}, has ${taken}`, newcomer.name)
  swarm.powerOn(gone)
  swarm.settle('back')
  swarm.expect(swarm.subnetOf(newcomer) === held, `the newcomer keeps ${held}`, newcomer.name)
  swarm.stayQuiet('back')
}

/** Two halves that never met, with the same subnets and containers in them. */
function leasesOutlive(swarm: Swarm): void {
  const { random } = swarm.world
  const middle = swarm.hosts.length >> 1
  swarm.partition([swarm.hosts.slice(0, middle), swarm.hosts.slice(middle)])
  swarm.start(swarm.hosts, 500)
  swarm.settle('apart', 180_000)
  for (const host of swarm.hosts) swarm.allocate(host, random.below(40))
  // One that both sides grant.
  const doubled = addressOf('172.16.3.254')
  const holders = swarm.hosts.filter((host) => swarm.subnetOf(host) === '172.16.0.0/22')
  for (const host of holders) swarm.allocateAt(host, doubled)
  swarm.heal()
  // Whoever is killed now has not stored what the others say, and grants addresses as soon as it is back.
  swarm.world.runFor(random.between(300, 2_500))
  const killed = random.sample(swarm.hosts, swarm.hosts.length >> 1)
  for (const host of killed) swarm.crash(host)
  swarm.start(killed, 200)
  swarm.world.runFor(400)
  for (const host of killed) swarm.tryAllocate(host)
  swarm.settle('joined')
  swarm.stayQuiet('joined')
  const lost = holders.filter(({ agent }) =>
    agent
      ?.view()
      .kept.some(({ lease, lostTo }) => lostTo !== '' && lease.address.text === doubled.text),
  )
  swarm.expect(
    holders.length === 2 && lost.length === 1,
    `${lost.length} of ${holders.length} say that ${doubled.text} is lost`,
  )
  for (const host of swarm.hosts) swarm.allocate(host, 5)
  swarm.settle('more containers')
  const victims = random.sample(swarm.hosts, 2)
  for (const host of victims) swarm.crash(host)
  swarm.start(victims, 500)
  swarm.settle('agents killed', soonMs)
  const dead = random.sample(swarm.hosts, 1)
  for (const host of dead) swarm.powerOff(host)
  swarm.settle('a host without power', soonMs)
  for (const host of dead) swarm.powerOn(host)
  swarm.settle('power again', soonMs)
  for (const host of swarm.hosts) {
    const old = host.agent?.view().kept.map(({ lease }) => lease) ?? []
    swarm.release(host, old)
    swarm.allocate(host, 3)
  }
  swarm.settle('the old containers are gone')
  const isOver = ({ agent }: Host) => agent?.view().own.kept.length === 0
  swarm.expect(swarm.hosts.every(isOver), 'nobody keeps anything')
  const owned = new Set(swarm.hosts.map((host) => ownedBy(host).length))
  swarm.expect(owned.size === 1 && owned.has(swarm.hosts.length - 1), 'one route for each subnet')
  swarm.stayQuiet('the old containers are gone')
}
