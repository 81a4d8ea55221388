/** How nodes end: by leaving, by eviction, or because another one runs with their identity. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isRecord, versionLimits } from '../../../src/core/claim/record.ts'
import { tombstoneOf as endOf } from '../../../src/core/claim/tombstone.ts'
import type { CommandResult } from '../../../src/core/effect.ts'
import type { Command } from '../../../src/core/event.ts'
import { decodeEntry } from '../../../src/wire/codec.ts'
import {
  claimOf,
  nodeOf,
  nodesInOrder,
  prefixOf,
  recordOf,
  type Specimen,
  tombstoneOf,
} from '../specimens.ts'
import { type Host, type HostOptions, Table } from './harness.ts'

const [a, b, c, d] = nodesInOrder(4) as [Specimen, Specimen, Specimen, Specimen]

/** Hosts that know each other, the first with subnet 0, the second with subnet 1 and so on. */
function cluster(
  nodes: readonly Specimen[],
  options: HostOptions = {},
): { table: Table; hosts: Host[] } {
  const table = new Table()
  const hosts: Host[] = []
  for (const node of nodes) {
    hosts.push(table.running(node, { seeded: hosts.length > 0, ...options }))
    table.connectAll()
    table.pass(3_000)
  }
  assert.deepEqual(
    hosts.map(({ claims }) => claims),
    hosts.map((_, index) => [`172.16.${index * 4}.0/22`]),
  )
  return { table, hosts }
}

function asked(table: Table, host: Host, command: Command): CommandResult | undefined {
  const id = host.command(command)
  table.settle()
  return host.replies.get(id)
}

const codeOf = (result: CommandResult | undefined) =>
  result?.ok === false ? result.code : (result?.ok ?? 'no answer')

describe('a node that leaves', () => {
  it('frees its subnet at once, takes its routes along everywhere, and ends with 0', () => {
    const { table, hosts } = cluster([a, b, c])
    const [first, second, third] = hosts as [Host, Host, Host]
    assert.equal(codeOf(asked(table, second, { type: 'leave' })), true)
    assert.equal(second.exitCode, 0)
    assert.deepEqual(second.routes, [])
    assert.ok(!second.kernel.dump().addresses.some(({ address }) => address.text === '172.16.4.1'))
    for (const stayer of [first, third]) {
      assert.equal(stayer.routes.length, 1)
      assert.deepEqual(
        stayer.notes('node-left').map(({ name }) => name),
        [b.name],
      )
      const { tombstones, fences } = stayer.agent.view()
      assert.deepEqual([tombstones, fences], [1, 1])
    }
    const next = table.running(d, { seeded: true })
    table.connectAll()
    table.pass(3_000)
    assert.deepEqual(next.claims, ['172.16.4.0/22'])
    assert.equal(next.agent.view().own.claims[0]?.fence, 1)
  })

  it('may come back, as one that has nothing', () => {
    const { table, hosts } = cluster([a, b])
    const [first, second] = hosts as [Host, Host]
    asked(table, second, { type: 'leave' })
    table.pass(1_000)
    second.restart()
    table.connectAll()
    table.pass(3_000)
    assert.deepEqual(second.claims, ['172.16.4.0/22'])
    assert.equal(second.agent.view().own.claims[0]?.fence, 1)
    assert.deepEqual(first.routes, [`172.16.4.0/22 via ${b.nextHop.text}`])
    assert.equal(first.agent.view().tombstones, 0)
  })

  it('and came back agrees with the others after any number of restarts', () => {
    const { table, hosts } = cluster([a, b])
    const [first, second] = hosts as [Host, Host]
    asked(table, second, { type: 'leave' })
    for (let times = 0; times < 3; times += 1) {
      table.pass(1_000)
      second.restart()
      table.connectAll()
      table.pass(10_000)
      assert.equal(second.agent.view().root, first.agent.view().root, `restart ${times}`)
      assert.ok(second.agent.view().convergence.converged)
    }
  })

  it('answers whatever it is still asked', () => {
    const { table, hosts } = cluster([a, b])
    const [, second] = hosts as [Host, Host]
    const announced = second.command({ type: 'announce', prefix: prefixOf('192.168.1.0/24') })
    second.command({ type: 'announce', prefix: prefixOf('192.168.2.0/24') })
    const left = second.command({ type: 'leave' })
    second.disorder = { squash: true }
    const late = second.command({ type: 'resync' })
    table.settle()
    assert.equal(codeOf(second.replies.get(left)), true)
    assert.equal(codeOf(second.replies.get(late)), 'left')
    assert.notEqual(codeOf(second.replies.get(announced)), 'no answer')
    assert.equal(second.replies.size, 4)
  })

  it('does not wait for ever for a kernel that does not answer', () => {
    const { table, hosts } = cluster([a, b])
    const [, second] = hosts as [Host, Host]
    second.kernelIsSlow = true
    const id = second.command({ type: 'leave' })
    table.pass(4_999)
    assert.equal(second.exitCode, undefined)
    table.pass(1)
    assert.equal(second.exitCode, 0)
    assert.equal(codeOf(second.replies.get(id)), true)
  })

  it('before it has joined leaves nothing behind, and nobody confused', () => {
    const table = new Table()
    const host = table.running(a, { seeded: true })
    assert.equal(codeOf(asked(table, host, { type: 'leave' })), true)
    assert.equal(host.exitCode, 0)
  })

  it('is remembered for the retention time, its fence for ever', () => {
    const { table, hosts } = cluster([a, b, c], { timing: { tombstoneMs: 60_000 } })
    const [first, second, third] = hosts as [Host, Host, Host]
    asked(table, second, { type: 'leave' })
    table.pass(59_000)
    assert.deepEqual([first.agent.view().tombstones, third.agent.view().tombstones], [1, 1])
    table.pass(2_000)
    for (const stayer of [first, third]) {
      const { tombstones, fences } = stayer.agent.view()
      assert.deepEqual([tombstones, fences], [0, 1])
    }
    assert.equal(first.agent.view().root, third.agent.view().root)
  })
})

/** How long a node that was lost may still answer. */
const minute = 60_000

describe('an eviction', () => {
  it('of a node that is connected is refused', () => {
    const { table, hosts } = cluster([a, b])
    const [first] = hosts as [Host]
    assert.equal(codeOf(asked(table, first, { type: 'evict', node: b.name })), 'node-alive')
    assert.equal(codeOf(asked(table, first, { type: 'evict', node: b.id })), 'node-alive')
    assert.equal(codeOf(asked(table, first, { type: 'evict', node: a.name })), 'is-self')
    assert.equal(codeOf(asked(table, first, { type: 'evict', node: 'nobody' })), 'unknown-node')
  })

  it('frees the subnet of a node that is gone, for whoever comes next', () => {
    const { table, hosts } = cluster([a, b, c])
    const [first, second, third] = hosts as [Host, Host, Host]
    table.cut(first, second)
    table.cut(third, second)
    table.pass(minute)
    assert.equal(codeOf(asked(table, first, { type: 'evict', node: b.name })), true)
    table.pass(11_000)
    assert.deepEqual(
      third.notes('node-evicted').map(({ name, author }) => [name, author]),
      [[b.name, a.id]],
    )
    assert.ok(!third.routes.some((route) => route.startsWith('172.16.4.0')))
    const next = table.running(d, { seeded: true })
    table.connect(next, first)
    table.pass(3_000)
    assert.deepEqual(next.claims, ['172.16.4.0/22'])
    // The evicted one comes back: it lost, whatever its claim says, and yields once others had time to say otherwise.
    table.connect(second, third)
    table.pass(5_000)
    assert.deepEqual(next.claims, ['172.16.4.0/22'])
    assert.ok(third.routes.includes(`172.16.4.0/22 via ${d.nextHop.text}`))
    table.pass(minute)
    assert.deepEqual(next.claims, ['172.16.4.0/22'])
    assert.deepEqual(second.claims, ['172.16.12.0/22'])
    assert.ok(second.notes('missed-by-others').length > 0, 'it answers')
    assert.equal(second.notes('claim-lost').length, 1)
  })

  it('of a node that was just lost waits for a minute, in which its subnet stays and it may come back', () => {
    const { table, hosts } = cluster([a, b, c])
    const [first, second, third] = hosts as [Host, Host, Host]
    table.cut(first, second)
    table.cut(third, second)
    table.pass(20_000)
    const id = first.command({ type: 'evict', node: b.name })
    table.settle()
    assert.equal(
      first.replies.get(id)?.message,
      `${b.name} is evicted in 40 s, unless it answers before`,
    )
    const pending = (host: Host) =>
      host.agent.view().problems.flatMap((note) => (note.code === 'eviction-pending' ? [note] : []))
    for (const host of [first, third]) {
      assert.deepEqual(
        pending(host).map(({ node, author, inMs }) => [node, author, inMs]),
        [[b.id, a.id, 40_000]],
      )
    }
    table.pass(39_000)
    second.restart()
    table.connectAll()
    table.pass(2 * minute)
    for (const host of hosts) {
      assert.deepEqual(pending(host), [])
      assert.equal(host.routes.filter((route) => route.includes(' via ')).length, 2)
      assert.equal(host.agent.view().root, first.agent.view().root)
    }
    // Nobody ends what answered, however late it is said again.
    assert.deepEqual(second.claims, ['172.16.4.0/22'])
    assert.equal(first.agent.view().fences, 0)
  })

  it('takes effect after that minute, on all nodes', () => {
    const { table, hosts } = cluster([a, b, c])
    const [first, second, third] = hosts as [Host, Host, Host]
    table.cut(first, second)
    table.cut(third, second)
    asked(table, first, { type: 'evict', node: b.name })
    table.pass(minute - 1_000)
    for (const host of [first, third]) assert.equal(host.routes.length, 2)
    table.pass(2_000)
    for (const host of [first, third]) {
      assert.equal(host.routes.length, 1)
      assert.equal(host.agent.view().fences, 1)
      assert.ok(!host.agent.view().problems.some(({ code }) => code === 'eviction-pending'))
    }
  })

  it('that is told to who never met the node is passed on, and takes as long', () => {
    const { table, hosts } = cluster([a, b])
    const [first, second] = hosts as [Host, Host]
    const far = nodeOf(300)
    const record = recordOf(far, { claims: [claimOf('172.16.40.0/22')] })
    for (const host of hosts) host.hear(far.seal(record))
    table.pass(1_000)
    const entry = c.seal(tombstoneOf(record, c.id))
    const carried = [{ entry, remainMs: 1_000_000 }]
    first.push({
      type: 'sync-received',
      peer: nodeOf(999).id,
      message: { type: 'delta', carried, want: [], last: true },
    })
    table.pass(50_000)
    for (const host of [first, second]) {
      assert.equal(host.routes.length, 2)
      assert.ok(host.agent.view().problems.some(({ code }) => code === 'eviction-pending'))
    }
    // A newer word of the node itself ends the matter.
    far.seal(record)
    second.hear(far.seal({ ...record, version: { incarnation: 2, seqno: 1 } }))
    table.pass(2 * minute)
    for (const host of [first, second]) assert.equal(host.routes.length, 2)
  })

  it('after another costs its victim one record a second at the most', () => {
    const { table, hosts } = cluster([a, b])
    const [, second] = hosts as [Host, Host]
    table.pass(minute)
    const before = second.of('publish').length
    for (let round = 0; round < 500; round += 1) {
      const { entry } = second.stored.own
      assert.ok(entry && isRecord(entry))
      second.hear(c.seal(endOf(entry, { reason: 'evicted', author: c.id })))
      table.pass(20)
    }
    const published = second.of('publish').length - before
    assert.ok(published > 0 && published <= 12, `${published} records in 10 s`)
    table.pass(minute)
    assert.deepEqual(second.claims, ['172.16.4.0/22'])
  })

  it('of the highest fence leaves a claim that all can read', () => {
    const table = new Table()
    const host = table.running(a)
    table.pass(5_000)
    const [subnet = ''] = host.claims
    const top = recordOf(c, { claims: [claimOf(subnet, { fence: versionLimits.fence })] })
    const known = [{ entry: c.seal(tombstoneOf(top)), remainMs: 1_000_000 }]
    host.stored = { ...host.stored, known }
    host.restart()
    table.pass(5_000)
    const { entry } = host.stored.own
    assert.ok(entry && decodeEntry(entry.envelope).ok)
    assert.deepEqual(host.claims, [subnet])
  })

  it('that is refuted in time leaves the subnet with its holder, at the raised fence', () => {
    const { table, hosts } = cluster([a, b, c])
    const [first, second, third] = hosts as [Host, Host, Host]
    table.cut(first, second)
    table.pass(minute)
    assert.equal(codeOf(asked(table, first, { type: 'evict', node: b.name })), true)
    // The third sees the victim alive, does not believe it and does not pass it on.
    assert.deepEqual(
      third.notes('eviction-refused').map(({ author }) => author),
      [a.id],
    )
    assert.equal(third.routes.length, 2)
    const bridges = second.of('configure-bridge').length
    table.connect(first, second)
    table.pass(10_000)
    assert.deepEqual(second.claims, ['172.16.4.0/22'])
    assert.equal(second.agent.view().own.claims[0]?.fence, 1)
    assert.equal(second.notes('claim-lost').length, 0)
    // Its containers keep their gateway meanwhile.
    assert.equal(second.of('configure-bridge').length, bridges)
    for (const host of hosts) {
      assert.equal(host.routes.length, 2)
      assert.equal(host.agent.view().root, first.agent.view().root)
    }
  })

  it('that was refuted is remembered for its fence', () => {
    const { table, hosts } = cluster([a, b, c])
    const [first, second, third] = hosts as [Host, Host, Host]
    table.cut(first, second)
    table.pass(minute)
    asked(table, first, { type: 'evict', node: b.name })
    table.connect(first, second)
    table.pass(10_000)
    for (const host of [second, third]) {
      host.restart({ seeded: false })
      table.pass(1_000)
      assert.equal(host.agent.view().fences, 1, host.node.name)
    }
  })

  it('that was refuted leaves all in agreement, after any number of restarts', () => {
    const { table, hosts } = cluster([a, b])
    const [first, second] = hosts as [Host, Host]
    table.cut(first, second)
    table.pass(minute)
    asked(table, first, { type: 'evict', node: b.name })
    table.connect(first, second)
    table.pass(10_000)
    for (let times = 0; times < 3; times += 1) {
      second.restart()
      table.connectAll()
      table.pass(10_000)
      assert.equal(second.agent.view().root, first.agent.view().root, `restart ${times}`)
      assert.deepEqual(second.claims, ['172.16.4.0/22'])
    }
  })
})

describe('two agents with one identity', () => {
  for (const older of ['first', 'second'] as const) {
    it(`do not outbid each other: the one that started later ends (the older is the ${older})`, () => {
      const table = new Table()
      const witness = table.running(c)
      const other = table.running(d)
      table.connect(witness, other)
      table.pass(3_000)
      const one = table.running(a, { seeded: true, name: 'one' })
      table.connect(one, witness)
      table.pass(3_000)
      const claims = one.claims
      // A copied disk: the same store, started later or, as its clock tells, earlier.
      const wallOffsetMs = 1_700_000_000_000 + (older === 'first' ? 0 : -60_000)
      const snapshot = one.stored
      const twin = table.running(a, { seeded: true, snapshot, name: 'two', wallOffsetMs })
      table.connect(twin, other)
      table.pass(60_000)
      const [stayed, ended] = older === 'first' ? [one, twin] : [twin, one]
      assert.equal(ended.exitCode, 1, 'the younger goes on')
      assert.equal(stayed.exitCode, undefined, 'the older ended')
      assert.ok(ended.notes('duplicate-identity').some(({ yielding }) => yielding))
      const published = one.of('publish').length + twin.of('publish').length
      assert.ok(published < 20, `${published} publications`)
      assert.deepEqual(stayed.claims, claims)
      table.pass(20_000)
      const seen = witness.agent.view().nodes.find(({ record }) => record.origin === a.id)
      assert.equal(seen?.record.name, stayed.agent.view().name)
    })
  }
})

describe('two words of one version', () => {
  it('are a problem until a minute has passed without', () => {
    const table = new Table()
    const host = table.running(a)
    const say = (name: string, seqno: number) =>
      host.hear(b.seal(recordOf(b, { name, version: { incarnation: 2, seqno } })))
    const isTwice = () => host.agent.view().problems.some(({ code }) => code === 'node-twice')
    say('one', 1)
    table.pass(1_000)
    assert.ok(!isTwice())
    say('two', 1)
    table.pass(50_000)
    assert.ok(isTwice())
    for (const name of ['one', 'two']) say(name, 2)
    table.pass(50_000)
    assert.ok(isTwice(), 'again')
    table.pass(11_000)
    assert.ok(!isTwice())
  })
})

describe('word about a node that it wrote itself', () => {
  it('is no news to it', () => {
    const { table, hosts } = cluster([a, b])
    const [first] = hosts as [Host, Host]
    const { incarnation, own } = first.agent.view()
    const entry = first.stored.own.entry
    assert.ok(entry)
    first.hear(entry, a.seal(recordOf(a, { ...own, version: { incarnation: 0, seqno: 9 } })))
    first.hear(a.seal(tombstoneOf(recordOf(a, { version: { incarnation: 0, seqno: 1 } }))))
    table.pass(1_000)
    assert.equal(first.agent.view().incarnation, incarnation)
    assert.deepEqual(first.notes('refuted'), [])
  })
})
