/** Claims that say of themselves that they were first: whoever saw otherwise for long is believed. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NodeId } from '../../../src/core/claim/record.ts'
import { recordLimits } from '../../../src/core/claim/record.ts'
import { clockSetMs } from '../../../src/core/claim/resolve.ts'
import { claimOf, nodeOf, nodesInOrder, prefixOf, recordOf, type Specimen } from '../specimens.ts'
import { type Host, Table } from './harness.ts'

const minute = 60_000
/** Long enough for a contest to be decided: a minute, and what it takes until all have said what they saw. */
const decidedMs = 75_000

const earliest = { used: true, confirmedAtMs: clockSetMs + 1 }

/** Hosts that joined one after the other and have held their subnets for `heldMs`. */
function cluster(table: Table, nodes: readonly Specimen[], heldMs: number): Host[] {
  const hosts: Host[] = []
  for (const node of nodes) {
    const host = table.running(node, { seeded: hosts.length > 0 })
    for (const other of hosts) table.connect(host, other)
    hosts.push(host)
    table.pass(2_000)
  }
  table.pass(heldMs)
  return hosts
}

const stranger = nodeOf(900)
const strangers = (count: number): Specimen[] =>
  Array.from({ length: count }, (_, index) => nodeOf(901 + index))

/** Takes the subnet of `victim` by its own word. */
const thief = (node: Specimen, victim: Host) =>
  node.seal(
    recordOf(node, {
      claims: [claimOf(victim.claims[0] ?? '', earliest)],
      witnessed: [{ prefix: prefixOf(victim.claims[0] ?? ''), holder: node.id }],
    }),
  )

const subnetAt = (index: number): string => `172.${20 + (index >> 6)}.${(index & 63) * 4}.0/22`

const winnerOf = (host: Host, prefix: string): NodeId | undefined =>
  host.agent
    .view()
    .claims.find(({ claim, standing }) => claim.prefix.text === prefix && standing === 'winner')
    ?.origin

const stateOf = (hosts: readonly Host[]) =>
  hosts.map(({ claims, routes, writes }) => ({ claims, routes, writes: writes.length }))

const problemsOf = (host: Host): string[] => host.agent.view().problems.map(({ code }) => code)

describe('a claim that says that it was first', () => {
  it('takes nothing from a holder that was routed to for a minute', () => {
    const table = new Table()
    const hosts = cluster(table, nodesInOrder(4), minute)
    const [victim] = hosts as [Host]
    const before = stateOf(hosts)
    for (const host of hosts) host.hear(thief(stranger, victim))
    for (let looks = 0; looks < 10; looks += 1) {
      table.pass(minute / 2)
      assert.deepEqual(stateOf(hosts), before, `after ${(looks + 1) * 30} s`)
    }
    const [note] = hosts[1]?.notes('claim-contested') ?? []
    assert.equal(note?.rival, stranger.id)
    assert.equal(note?.holder, victim.node.id)
    assert.ok(problemsOf(hosts[2] as Host).includes('claim-contested'))
  })

  it('takes nothing either from a holder whose agent is away', () => {
    const table = new Table()
    const hosts = cluster(table, nodesInOrder(4), minute)
    const [victim, ...others] = hosts as [Host, ...Host[]]
    for (const other of others) table.cut(victim, other)
    for (const host of others) host.hear(thief(stranger, victim))
    table.pass(2 * minute)
    const subnet = victim.claims
    victim.restart({ seeded: true })
    for (const other of others) table.connect(victim, other)
    table.pass(5_000)
    for (const host of hosts) host.hear(thief(stranger, victim))
    table.pass(3 * minute)
    assert.deepEqual(victim.claims, subnet)
    for (const host of hosts) assert.equal(winnerOf(host, subnet[0] ?? ''), victim.node.id)
  })

  it('takes nothing though others say that they saw it, as long as those are fewer than the hosts', () => {
    const table = new Table()
    const hosts = cluster(table, nodesInOrder(5), minute)
    const [victim] = hosts as [Host]
    const before = stateOf(hosts)
    const prefix = prefixOf(victim.claims[0] ?? '')
    const friends = strangers(3).map((node) =>
      node.seal(recordOf(node, { witnessed: [{ prefix, holder: stranger.id }] })),
    )
    for (const host of hosts) host.hear(...friends, thief(stranger, victim))
    table.pass(5 * minute)
    // Each of them may be a host: the routes are those of the hosts alone.
    assert.deepEqual(stateOf(hosts), before)
  })

  it('takes nothing after all agents were restarted, one after the other', () => {
    const table = new Table()
    const hosts = cluster(table, nodesInOrder(3), minute)
    const [victim] = hosts as [Host]
    const held = victim.claims
    for (const host of hosts) {
      host.restart({ seeded: true })
      for (const other of hosts) if (other !== host) table.connect(host, other)
      table.pass(1_000)
    }
    for (const host of hosts) host.hear(thief(stranger, victim))
    table.pass(3 * minute)
    assert.deepEqual(victim.claims, held)
  })

  it('costs each host few records, however often it changes its mind', () => {
    const table = new Table()
    const hosts = cluster(table, nodesInOrder(4), minute)
    const published = () => hosts.reduce((sum, host) => sum + host.of('publish').length, 0)
    const before = published()
    for (let seqno = 1; seqno <= 120; seqno += 1) {
      const victim = hosts[seqno % hosts.length] as Host
      const { body } = thief(stranger, victim)
      const entry = stranger.seal({ ...body, version: { incarnation: 1, seqno } })
      for (const host of hosts) host.hear(entry)
      table.pass(500)
    }
    const each = (published() - before) / hosts.length
    assert.ok(each <= 8, `${each} records of each host in a minute`)
  })

  it('is told of no more, and witnessed no more, once it is taken back', () => {
    const table = new Table()
    const hosts = cluster(table, nodesInOrder(3), minute)
    const [victim] = hosts as [Host]
    const entry = thief(stranger, victim)
    for (const host of hosts) host.hear(entry)
    table.pass(minute)
    const gone = stranger.seal({ ...entry.body, claims: [], version: { incarnation: 1, seqno: 2 } })
    for (const host of hosts) host.hear(gone)
    table.pass(minute)
    for (const host of hosts) {
      assert.ok(!problemsOf(host).includes('claim-contested'))
      assert.deepEqual(host.agent.view().own.witnessed, [])
    }
    const counted = hosts.map((host) => host.of('publish').length)
    table.pass(5 * minute)
    assert.deepEqual(
      hosts.map((host) => host.of('publish').length),
      counted,
    )
  })

  it('takes a subnet that nobody had seen held for long', () => {
    const table = new Table()
    const hosts = cluster(table, nodesInOrder(3), 0)
    const newest = hosts.at(-1) as Host
    const held = newest.claims[0] ?? ''
    for (const host of hosts) host.hear(thief(stranger, newest))
    table.pass(3_000)
    assert.equal(winnerOf(newest, held), stranger.id)
    assert.notEqual(newest.claims[0], held)
  })

  it('of more subnets than a record has room for takes none of those left over either', () => {
    const table = new Table()
    const [one, two] = cluster(table, nodesInOrder(2), 0) as [Host, Host]
    const count = recordLimits.witnessed + 8
    const subnets = Array.from({ length: count }, (_, index) => subnetAt(index))
    const holders = Array.from({ length: count }, (_, index) => nodeOf(1_000 + index))
    const thieves = Array.from({ length: count }, (_, index) => nodeOf(2_000 + index))
    const told = (nodes: readonly Specimen[], more: object) =>
      nodes.map((node, index) =>
        node.seal(recordOf(node, { claims: [claimOf(subnets[index] ?? '', more)] })),
      )
    for (const host of [one, two]) host.hear(...told(holders, {}))
    table.pass(2 * minute)
    for (const host of [one, two]) host.hear(...told(thieves, earliest))
    table.pass(5 * minute)
    for (const host of [one, two]) {
      assert.equal(host.agent.view().own.witnessed.length, recordLimits.witnessed)
      subnets.forEach((subnet, index) => {
        assert.equal(winnerOf(host, subnet), holders[index]?.id, subnet)
      })
    }
  })
})

describe('two clusters that never met', () => {
  function joined(sizes: readonly [number, number], heldMs: number) {
    const table = new Table()
    const nodes = nodesInOrder(sizes[0] + sizes[1])
    const halves = [nodes.slice(0, sizes[0]), nodes.slice(sizes[0])].map((half) =>
      cluster(table, half, heldMs),
    ) as [Host[], Host[]]
    const contested = halves[1].map(({ claims }) => claims[0] ?? '')
    table.pass(minute)
    table.connectAll()
    table.pass(decidedMs)
    const hosts = halves.flat()
    const winners = hosts.map((host) => contested.map((prefix) => winnerOf(host, prefix)))
    for (const each of winners) assert.deepEqual(each, winners[0])
    const all = hosts.map(({ claims }) => claims[0])
    assert.equal(new Set(all).size, hosts.length, `distinct subnets: ${all.join(' ')}`)
    assert.equal(new Set(hosts.map((host) => host.agent.view().root)).size, 1)
    for (const host of hosts) {
      assert.equal(host.routes.length, hosts.length - 1)
      assert.ok(host.agent.view().convergence.converged)
      assert.deepEqual(host.agent.view().own.witnessed, [])
    }
    return { halves, contested, winners: winners[0] ?? [] }
  }

  it('keep the subnets of the larger one, though the smaller one is the older', () => {
    const { halves, winners } = joined([2, 3], minute)
    const larger = new Set(halves[1].map(({ node }) => node.id))
    assert.ok(winners.every((winner) => winner && larger.has(winner)))
  })

  it('keep the subnets of the older one where both are of one size', () => {
    const { halves, winners } = joined([3, 3], minute)
    const older = new Set(halves[0].map(({ node }) => node.id))
    assert.ok(winners.every((winner) => winner && older.has(winner)))
  })

  it('agree within seconds where neither has stood for long', () => {
    const table = new Table()
    const nodes = nodesInOrder(4)
    const one = cluster(table, nodes.slice(0, 2), 0)
    const two = cluster(table, nodes.slice(2), 0)
    table.connectAll()
    table.pass(5_000)
    assert.equal(new Set([...one, ...two].map(({ claims }) => claims[0])).size, 4)
  })
})

describe('the two sides of a partition', () => {
  it('that took in newcomers agree within seconds on the one that most of the others saw', () => {
    const table = new Table()
    const hosts = cluster(table, nodesInOrder(7), minute)
    const sides: [Host[], Host[]] = [hosts.slice(0, 2), hosts.slice(2)]
    for (const a of sides[0]) for (const b of sides[1]) table.cut(a, b)
    // The newcomer of the smaller side is the older.
    const [ofFew, ofMany] = sides.map((side, index) => {
      const newcomer = table.running(nodeOf(50 + index), { seeded: true })
      for (const host of side) table.connect(newcomer, host)
      table.pass(2_000)
      side.push(newcomer)
      return newcomer
    }) as [Host, Host]
    table.pass(2 * minute)
    const [subnet = ''] = ofMany.claims
    assert.deepEqual(ofFew.claims, [subnet])
    table.connectAll()
    table.pass(4_000)
    for (const host of sides.flat()) assert.equal(winnerOf(host, subnet), ofMany.node.id)
    assert.deepEqual(ofMany.claims, [subnet])
    assert.notDeepEqual(ofFew.claims, [subnet])
  })
})
