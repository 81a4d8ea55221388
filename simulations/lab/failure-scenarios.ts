/** What happens to real hosts, and what must hold meanwhile and afterwards; named as in the simulator where it has the same. */

import { setTimeout as sleep } from 'node:timers/promises'
import { ip, LabError } from './iproute.ts'
import type { Stage } from './stage.ts'

export interface FailureScenario {
  readonly name: string
  readonly promise: string
  /** `patienceMs`: how long a frozen agent stands still at the least. */
  play(stage: Stage, patienceMs: number): Promise<void>
}

/** In this order: each finds the hosts as the one before left them, which is as they were. */
export const failureScenarios: readonly FailureScenario[] = [
  {
    name: 'crash-restart',
    promise: 'an agent killed by kill -9 costs no route, and is missed until it is back',
    play: crashRestart,
  },
  {
    name: 'freeze',
    promise: 'an agent that stands still costs no route, and judges nobody when it goes on',
    play: freeze,
  },
  {
    name: 'link-down',
    promise: 'a host whose link goes down is unreachable, and comes back to all its routes',
    play: linkDown,
  },
  {
    name: 'hosts-die',
    promise: 'hosts that fall silent with their carrier up are unreachable until they are back',
    play: hostsDie,
  },
  {
    name: 'partition-and-heal',
    promise: 'two halves of a switch miss each other, and take it back when they meet',
    play: partitionAndHeal,
  },
  {
    name: 'one-way',
    promise: 'a host that nobody hears, though it hears all, is unreachable until it is heard',
    play: oneWay,
  },
  {
    name: 'mass-restart',
    promise: 'all agents are killed at once, and not one route changes until they are back',
    play: massRestart,
  },
  {
    name: 'address-changes',
    promise: 'a host with another address keeps its subnet, and all routes follow it',
    play: addressChanges,
  },
  {
    name: 'set-up-anew',
    promise: 'a host recreated without its state twice leaves one subnet taken',
    play: setUpAnew,
  },
]

async function crashRestart(stage: Stage): Promise<void> {
  const { victim, seed } = stage
  await stage.unchanged(async () => {
    await victim.stopAgent('SIGKILL')
    await stage.shows(seed, ['peers'], new RegExp(`^${victim.name} +agent down`))
    await stage.shows(
      seed,
      ['status'],
      /the agent of h\d+ does not answer, but its host does.*found by h\d+, h\d/,
    )
    await stage.shows(seed, ['status'], / connected, 1 agent down/)
    await stage.settle('without the agent', { silent: [victim] })
    await stage.start(victim)
    await stage.settle('the agent is back')
  })
}

async function freeze(stage: Stage, patienceMs: number): Promise<void> {
  const { victim, seed } = stage
  await stage.unchanged(async () => {
    process.kill(victim.agentPid ?? 0, 'SIGSTOP')
    await sleep(patienceMs)
    await stage.shows(seed, ['peers'], new RegExp(`^${victim.name} +agent down`))
    await stage.settle('while it stands still', { silent: [victim] })
    process.kill(victim.agentPid ?? 0, 'SIGCONT')
    await stage.shows(seed, ['peers'], new RegExp(`^${victim.name} +connected`))
    await stage.settle('it goes on')
  })
}

async function linkDown(stage: Stage): Promise<void> {
  const { victim } = stage
  await ip(`-n ${victim.namespace} link set eth0 down`)
  await stage.settle('without the link', { gone: [victim] })
  await ip(`-n ${victim.namespace} link set eth0 up`)
  await stage.settle('the link is back')
}

async function hostsDie(stage: Stage): Promise<void> {
  const { seed } = stage
  const victims = stage.hosts.slice(-Math.max(1, Math.floor(stage.hosts.length / 5)))
  const [first] = victims
  for (const victim of victims) await victim.cutOff()
  await stage.settle('without them', { gone: victims })
  await stage.shows(seed, ['peers'], new RegExp(`^${first?.name} +host down \\d+ s \\(h\\d+, h\\d`))
  const shown = `/22 +${first?.name} +unreachable +unreachable +in kernel`
  await stage.shows(seed, ['routes'], new RegExp(shown))
  for (const victim of victims) {
    await stage.settle(`${victim.name}, alone`, { gone: stage.except(victim) })
  }
  for (const victim of victims) await victim.reconnect()
  await stage.settle('they are back')
}

async function partitionAndHeal(stage: Stage): Promise<void> {
  const { seed, hosts } = stage
  const half = Math.ceil(hosts.length / 2)
  const [here, there] = [hosts.slice(0, half), hosts.slice(half)]
  await ip(`-n ${seed.switch} link add br1 type bridge`)
  await ip(`-n ${seed.switch} link set br1 up`)
  for (const host of there) await host.reconnect('br1')
  await stage.settleApart('apart', [here, there])
  for (const host of there) await host.reconnect()
  await ip(`-n ${seed.switch} link del br1`)
  await stage.settle('they meet')
}

async function oneWay(stage: Stage): Promise<void> {
  const { victim } = stage
  // What it sends is lost on the switch, ARP too; what is sent to it arrives.
  await ip(
    `netns exec ${victim.switch} nft add table bridge deaf ; add chain bridge deaf ways { type filter hook forward priority 0 ; } ; add rule bridge deaf ways iifname ${victim.port} drop`,
  )
  await stage.settle('nobody hears it', { gone: [victim] })
  await ip(`netns exec ${victim.switch} nft delete table bridge deaf`)
  await stage.settle('it is heard')
}

async function massRestart(stage: Stage): Promise<void> {
  await stage.unchanged(async () => {
    await Promise.all(stage.hosts.map((host) => host.stopAgent('SIGKILL')))
    for (const host of stage.hosts) await stage.start(host)
    await stage.settle('all are back')
  })
}

async function addressChanges(stage: Stage): Promise<void> {
  const { victim } = stage
  const subnet = stage.subnetOf(victim)
  await stage.readdress(victim, '10.0.1.250')
  await stage.settle('it is elsewhere')
  await stage.readdress(victim, victim.address)
  await stage.settle('it is where it was')
  expect(`the subnet of ${victim.name}`, stage.subnetOf(victim), subnet)
}

async function setUpAnew(stage: Stage): Promise<void> {
  const { victim, seed, hosts } = stage
  for (let round = 1; round <= 2; round += 1) {
    const after = seed.lines.length
    await stage.recreate(victim)
    await seed.note('node-evicted', { after, timeoutMs: 90_000 })
    await stage.settle(`set up anew, ${round === 1 ? 'once' : 'twice'}`)
  }
  expect('claims', (await seed.ask('Claims')).claims.length, hosts.length)
}

function expect(what: string, found: unknown, wanted: unknown): void {
  if (found === wanted) return
  throw new LabError('not-seen', `${what}: expected ${String(wanted)}, saw ${String(found)}`)
}
