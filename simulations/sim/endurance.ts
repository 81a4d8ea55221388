/** Stories that last: whatever comes and goes, nothing grows; and on a poor line nobody is taken for dead. */

import { NoteCounts } from './note-counts.ts'
import { onlyFirst, type Scenario, wide } from './scenario.ts'
import type { Swarm } from './swarm.ts'

const retentionMs = 60_000
/** Of each time that the story is told. */
const comings = 40
const calmMs = 300_000

export const endurance: readonly Scenario[] = [
  {
    name: 'come-and-go',
    promise: 'after many joins and leaves of ever new nodes nothing is left but the survivors',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: wide,
    timing: { tombstoneMs: retentionMs },
    play: comeAndGo,
  },
  {
    name: 'poor-line',
    promise: 'where signs of life are lost like datagrams nobody is taken for dead',
    nodesMin: 3,
    seeds: onlyFirst,
    pool: wide,
    play: poorLine,
  },
  {
    name: 'forgotten',
    promise:
      'a host that is back after every word of its end was forgotten takes nothing from anybody',
    nodesMin: 5,
    seeds: onlyFirst,
    pool: wide,
    timing: { reclaimMs: 60_000, tenureMs: 20_000, tombstoneMs: retentionMs },
    play: forgotten,
  },
]

function comeAndGo(swarm: Swarm, times: number): void {
  const survivors = swarm.hosts.slice(0, -1)
  swarm.start(survivors, 500)
  swarm.settle('survivors')
  const most = { tombstones: 0, known: 0, bytes: 0 }
  let guest = swarm.host(swarm.hosts.length - 1)
  for (let round = 0; round < comings * times; round += 1) {
    if (round > 0) guest = swarm.replace(guest)
    swarm.start([guest], 0)
    const has = () => swarm.subnetOf(guest) !== undefined
    swarm.world.runUntil(has, { withinMs: 30_000, everyMs: 50 })
    swarm.expect(has(), `a guest has a subnet in round ${round}`, guest.name)
    swarm.leave(guest)
    const sizes = survivors.map((host) => swarm.sizeOf(host))
    most.tombstones = Math.max(most.tombstones, ...sizes.map(({ tombstones }) => tombstones))
    most.known = Math.max(most.known, ...sizes.map(({ known }) => known))
    most.bytes = Math.max(most.bytes, ...sizes.map(({ bytes }) => bytes))
  }
  swarm.remark(
    `${comings * times} came and went; a survivor knew ${most.known} nodes and remembered ${most.tombstones} at the most, and stored ${most.bytes} bytes`,
  )
  swarm.world.runFor(3 * retentionMs)
  swarm.settle('all are gone')
  swarm.stayQuiet('all are gone')
  for (const host of survivors) {
    const { known, tombstones, fences, bytes } = swarm.sizeOf(host)
    swarm.remark(
      `${host.name}: ${known} nodes, ${tombstones} tombstones, ${fences} fences, ${bytes} bytes`,
    )
    swarm.expect(
      known === survivors.length && tombstones === 0,
      'only survivors are known',
      host.name,
    )
    // Of each subnet that was ever freed, and guests take one after the other.
    swarm.expect(fences <= comings, `${fences} fences`, host.name)
  }
}

function poorLine(swarm: Swarm, times: number): void {
  swarm.start(swarm.hosts, 500)
  swarm.settle('before')
  swarm.world.runFor(10_000)
  const counts = new NoteCounts(['node-down', 'missed-by-others'])
  swarm.onNote = (note) => counts.count(note)
  swarm.network.strain = { lossRate: 0.01, until: swarm.world.now + calmMs * times }
  swarm.world.runFor(calmMs * times)
  swarm.network.strain = undefined
  const { overdue, silent } = swarm.network.strained
  swarm.remark(
    `${(calmMs * times) / 3_600_000} h: ${overdue} times a sign of life was overdue, ${silent} dials got no answer, ${counts.of('node-down')} times a node was taken to be down`,
  )
  swarm.expect(counts.of('node-down') === 0, 'nobody is taken to be down')
  swarm.settle('after')
}

function forgotten(swarm: Swarm): void {
  const [newcomer, ...others] = [...swarm.hosts].reverse()
  const [gone] = others
  if (!newcomer || !gone) return
  swarm.start(others, 500)
  swarm.settle('before')
  swarm.allocate(gone, 5)
  const held = swarm.subnetOf(gone)
  swarm.powerOff(gone)
  swarm.world.runFor(120_000)
  swarm.settle('reclaimed')
  swarm.start([newcomer], 0)
  swarm.settle('newcomer')
  swarm.expect(swarm.subnetOf(newcomer) === held, `the newcomer takes ${held}`, newcomer.name)
  swarm.world.runFor(retentionMs * 2)
  const remembered = swarm.running.map((host) => swarm.sizeOf(host).tombstones)
  swarm.expect(
    remembered.every((count) => count === 0),
    `tombstones are forgotten: ${remembered}`,
  )
  swarm.powerOn(gone)
  swarm.settle('back')
  swarm.expect(swarm.subnetOf(newcomer) === held, `the newcomer keeps ${held}`, newcomer.name)
  swarm.stayQuiet('back')
}
