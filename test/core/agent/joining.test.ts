/** What an agent may do before it knows enough, and how it comes back after its process ended. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bucketOf } from '../../../src/core/claim/digest.ts'
import type { Entry } from '../../../src/core/claim/record.ts'
import { RecordSet } from '../../../src/core/claim/record-set.ts'
import type { Snapshot } from '../../../src/core/effect.ts'
import { answerWant } from '../../../src/core/gossip/anti-entropy.ts'
import { type Stamp, syncLimits } from '../../../src/core/gossip/message.ts'
import type { KernelRoute } from '../../../src/core/routing/route.ts'
import {
  addressOf,
  claimOf,
  nodeOf,
  nodesInOrder,
  prefixOf,
  recordOf,
  type Specimen,
} from '../specimens.ts'
import { type Host, Table } from './harness.ts'

const [a, b, c] = nodesInOrder(3) as [Specimen, Specimen, Specimen]
const other = nodeOf(400)

const ownedRoute = (prefix: string, nextHop: string): KernelRoute => ({
  prefix: prefixOf(prefix),
  metric: 0,
  target: { type: 'via', nextHop: addressOf(nextHop), ifindex: 2 },
  owned: true,
})

const knowing = (...entries: readonly Entry[]): Snapshot => ({
  own: { entry: undefined, incarnation: 0, announced: [], gateways: [] },
  known: entries.map((entry) => ({ entry, remainMs: never })),
  leases: { leases: [], resting: [] },
})

const subnetOf = (node: Specimen, index: number): Entry =>
  node.seal(recordOf(node, { claims: [claimOf(`172.16.${index * 4}.0/22`)] }))

describe('an agent that has not joined', () => {
  it('neither claims nor publishes, nor removes what a former run left', () => {
    const table = new Table()
    const host = table.host(a, { seeded: true })
    host.kernel.putRoute(ownedRoute('172.16.200.0/22', '10.0.1.200'))
    host.start()
    table.pass(29_999)
    assert.deepEqual(host.claims, [])
    assert.deepEqual(host.of('publish'), [])
    assert.deepEqual(host.routes, ['172.16.200.0/22 via 10.0.1.200'])
    assert.equal(host.agent.view().phase, 'joining')
  })

  it('adds the routes that it knows of', () => {
    const table = new Table()
    const host = table.host(a, { seeded: true, snapshot: knowing(subnetOf(other, 5)) }).start()
    table.settle()
    assert.deepEqual(host.routes, [`172.16.20.0/22 via ${other.nextHop.text}`])
  })

  it('claims alone after the join timeout, says so loudly, and prunes', () => {
    const table = new Table()
    const host = table.host(a, { seeded: true })
    host.kernel.putRoute(ownedRoute('172.16.200.0/22', '10.0.1.200'))
    host.start()
    table.pass(30_000)
    assert.deepEqual(host.claims, ['(172.16.0.0/22)'])
    assert.deepEqual(
      host.notes('joined-alone').map(({ waitedMs }) => waitedMs),
      [30_000],
    )
    assert.deepEqual(
      host.notes('pruned').map(({ routes }) => routes),
      [1],
    )
    assert.deepEqual(host.routes, [])
    assert.ok(host.agent.view().problems.some(({ code }) => code === 'joined-alone'))
    const late = table.running(b)
    table.connect(host, late)
    table.settle()
    assert.ok(host.agent.view().problems.every(({ code }) => code !== 'joined-alone'))
  })

  it('does not claim beside a seed that answers with no handshake, and says so, however long it takes', () => {
    const table = new Table()
    const host = table.host(a, { seeded: true }).start()
    const trouble = { code: 'handshake-failed', subject: 'seed', reason: 'no answer' } as const
    host.push({ type: 'trouble-reported', trouble: { ...trouble, active: true } })
    table.pass(300_000)
    assert.deepEqual(host.claims, [])
    assert.deepEqual(
      host.notes('join-held').map(({ seeds }) => seeds),
      [['seed']],
    )
    assert.ok(host.agent.view().problems.some(({ code }) => code === 'join-held'))
    host.push({ type: 'trouble-reported', trouble: { ...trouble, active: false } })
    table.pass(30_000)
    assert.deepEqual(host.claims, ['(172.16.0.0/22)'])
    assert.ok(host.agent.view().problems.every(({ code }) => code !== 'join-held'))
  })

  it('whose seeds are all itself does not wait for anybody', () => {
    const table = new Table()
    const host = table.host(a, { seeded: true }).start().push({ type: 'seeds-are-self' })
    table.settle()
    assert.deepEqual(host.claims, ['(172.16.0.0/22)'])
    assert.deepEqual(
      host.notes('in-sync').map(({ by }) => by),
      ['seeds-are-self'],
    )
  })

  it('waits for its kernel before it claims', () => {
    const table = new Table()
    const host = table.host(a)
    host.kernelIsSlow = true
    host.start()
    table.pass(60_000)
    assert.deepEqual([host.claims, host.of('publish')], [[], []])
    host.kernelIsSlow = false
    table.settle()
    assert.deepEqual(host.claims, ['(172.16.0.0/22)'])
  })

  it('prunes with its first answer exactly the routes that nobody announces', () => {
    const table = new Table()
    const peer = table.running(b)
    table.pass(1_000)
    const host = table.host(a, { seeded: true })
    host.kernel.putRoute(ownedRoute('172.16.200.0/22', '10.0.1.200'))
    host.kernel.putRoute(ownedRoute('172.16.0.0/22', b.nextHop.text))
    host.start()
    table.settle()
    assert.equal(host.writes.length, 0)
    table.connect(host, peer)
    table.settle()
    assert.deepEqual(
      host.notes('in-sync').map(({ by }) => by),
      ['peer'],
    )
    assert.deepEqual(
      host.writes.map(({ type, key }) => [type, key.prefix.text]),
      [['remove', '172.16.200.0/22']],
    )
    assert.deepEqual(host.routes, [`172.16.0.0/22 via ${b.nextHop.text}`])
  })

  it('is in sync with whoever compared with it, whichever of the two began', () => {
    for (const [joiner, member] of [
      [a, b],
      [b, a],
    ] as const) {
      const table = new Table()
      const peer = table.running(member)
      const host = table.host(joiner, { seeded: true }).start()
      table.settle()
      table.connect(host, peer)
      table.settle()
      assert.equal(host.agent.view().phase, 'in-sync')
      assert.equal(host.agent.view().nodes.length, 2)
    }
  })

  it('is in sync by an answer that all is equal, although it heard news since it asked', () => {
    const table = new Table()
    const host = table.host(a, { seeded: true }).start()
    host.push({ type: 'peer-connected', peer: b.id, address: 'x' })
    table.settle()
    const asked = host.of('send').find(({ message }) => message.type === 'probe')
    assert.ok(asked?.message.type === 'probe')
    host.hear(subnetOf(other, 5))
    const { root } = asked.message
    host.push({ type: 'sync-received', peer: b.id, message: { type: 'match', root } })
    table.settle()
    assert.equal(host.agent.view().phase, 'in-sync')
  })

  it('is not in sync by a part of an answer', () => {
    const table = new Table()
    const host = table.host(a, { seeded: true }).start()
    const member = new RecordSet(60_000)
    for (const index of [1, 2]) {
      member.merge({ entry: subnetOf(nodeOf(300 + index), index), remainMs: never }, 0)
    }
    const [first, second] = everyBucket.flatMap((bucket) => member.stamps(bucket)) as [Stamp, Stamp]
    const summaryOf = (stamp: Stamp, last: boolean) => ({
      type: 'sync-received' as const,
      peer: b.id,
      message: { type: 'summary' as const, buckets: [bucketOf(stamp.id)], stamps: [stamp], last },
    })
    /** What the member says to each wish that it has heard. */
    const answers = () =>
      host
        .of('send')
        .splice(0)
        .flatMap(({ message }) =>
          message.type === 'delta' && message.want.length > 0 ? [message] : [],
        )
        .map(({ want, last }) => answerWant(member, { want, last }, 0))
    host.push(summaryOf(first, false))
    table.settle()
    const [early = []] = answers()
    for (const message of early) host.push({ type: 'sync-received', peer: b.id, message })
    table.settle()
    assert.equal(host.agent.view().phase, 'joining', 'one of two parts was answered')
    host.push(summaryOf(second, true))
    table.settle()
    assert.equal(host.agent.view().phase, 'joining', 'the second part was asked for')
    for (const message of answers()[1] ?? []) {
      host.push({ type: 'sync-received', peer: b.id, message })
    }
    table.settle()
    assert.equal(host.agent.view().phase, 'in-sync')
    assert.equal(host.agent.view().nodes.length, 3)
  })

  it('is not in sync by a part without news, while others are on their way', () => {
    const table = new Table()
    const host = table.host(a, { seeded: true, snapshot: knowing(subnetOf(other, 1)) }).start()
    table.settle()
    const stamps = [{ id: nodeOf(301).id, version: [1, 1] as const, hash: '00' }]
    const peer = b.id
    host.push({
      type: 'sync-received',
      peer,
      message: { type: 'summary', buckets: [], stamps, last: false },
    })
    host.push({
      type: 'sync-received',
      peer,
      message: { type: 'summary', buckets: [], stamps: [], last: true },
    })
    table.settle()
    assert.equal(host.agent.view().phase, 'joining')
  })

  it('is not in sync by the farewell of a node that leaves', () => {
    const table = new Table()
    const leaving = table.running(b)
    const witness = table.running(c)
    table.connectAll()
    table.pass(1_000)
    leaving.command({ type: 'leave' })
    table.settle()
    const farewell = leaving.of('send').at(-1)?.message
    assert.equal(farewell?.type, 'delta')
    assert.ok(witness.agent.view().tombstones === 1)
    const host = table.host(a, { seeded: true }).start()
    host.push({ type: 'sync-received', peer: b.id, message: farewell })
    table.settle()
    assert.equal(host.agent.view().phase, 'joining')
  })
})

const never = Number.POSITIVE_INFINITY
const everyBucket = Array.from({ length: syncLimits.buckets }, (_, index) => index)

describe('an agent that was killed and started again', () => {
  function cluster(): { table: Table; host: Host; peer: Host } {
    const table = new Table()
    const peer = table.running(b)
    table.pass(1_000)
    const host = table.host(a, { seeded: true }).start()
    table.connectAll()
    table.pass(5_000)
    assert.deepEqual(host.claims, ['172.16.4.0/22'])
    return { table, host, peer }
  }

  it('keeps its subnet, its gateway and its routes without a single write', () => {
    const { table, host, peer } = cluster()
    const [before, beforeThere] = [host.writes.length, peer.writes.length]
    host.restart()
    table.pass(500)
    assert.equal(host.agent.view().phase, 'joining')
    assert.deepEqual(
      host.agent.view().own.claims.map(({ prefix }) => prefix.text),
      ['172.16.4.0/22'],
    )
    table.connectAll()
    table.pass(5_000)
    assert.deepEqual(host.claims, ['172.16.4.0/22'])
    assert.equal(host.writes.length, before)
    assert.equal(peer.writes.length, beforeThere)
    assert.equal(host.notes('claim-tentative').length, 1)
  })

  it('publishes with a higher incarnation, once it knows what happened meanwhile', () => {
    const { table, host, peer } = cluster()
    const incarnation = host.agent.view().incarnation
    const published = host.of('publish').length
    host.restart()
    table.pass(500)
    assert.equal(host.of('publish').length, published)
    table.connectAll()
    table.pass(1_000)
    assert.equal(host.agent.view().incarnation, incarnation + 1)
    const seen = peer.agent.view().nodes.find(({ record }) => record.origin === a.id)?.record
    assert.equal(seen?.version.incarnation, incarnation + 1)
    assert.equal(host.notes('refuted').length, 0)
  })

  it('keeps its subnet alone, too', () => {
    const table = new Table()
    const host = table.running(a)
    table.pass(1_000)
    const [claim] = host.agent.view().own.claims
    host.restart()
    table.pass(1_000)
    assert.deepEqual(host.agent.view().own.claims, [claim])
  })

  it('answers a later self of its own, which its store has forgotten', () => {
    const { table, host } = cluster()
    const old = host.stored
    host.restart()
    table.connectAll()
    table.pass(1_000)
    host.restart()
    host.stored = old
    host.restart()
    table.connectAll()
    table.pass(3_000)
    assert.deepEqual(
      host.notes('refuted').map(({ what }) => what),
      ['older-self'],
    )
    assert.deepEqual(host.notes('duplicate-identity'), [])
    assert.deepEqual(host.claims, ['172.16.4.0/22'])
    assert.equal(host.exitCode, undefined)
  })

  it('counts its subnet as lost if it was evicted and its subnet taken meanwhile', () => {
    const { table, host, peer } = cluster()
    table.cut(host, peer)
    table.pass(60_000)
    const id = peer.command({ type: 'evict', node: a.name })
    table.settle()
    assert.equal(peer.replies.get(id)?.ok, true)
    table.pass(11_000)
    const newcomer = table.running(c, { seeded: true })
    table.connect(newcomer, peer)
    table.pass(3_000)
    assert.deepEqual(newcomer.claims, ['172.16.4.0/22'])
    host.restart()
    table.connectAll()
    table.pass(3_000)
    assert.deepEqual(host.claims, ['172.16.8.0/22'])
    assert.deepEqual(newcomer.claims, ['172.16.4.0/22'])
    assert.equal(host.notes('claim-lost').length, 1)
  })

  it('forgets what it stored in a cluster of another name', () => {
    const { table, host } = cluster()
    host.restart({ cluster: 'renamed', seeded: false })
    table.pass(3_000)
    assert.deepEqual(
      host.agent.view().nodes.map(({ record }) => record.origin),
      [a.id],
    )
    assert.deepEqual(host.routes, [])
  })

  it('has announced what was announced by command, and what is configured', () => {
    const table = new Table()
    const host = table.running(a, { announce: [prefixOf('192.168.1.0/24')] })
    const id = host.command({ type: 'announce', prefix: prefixOf('192.168.2.0/24') })
    table.pass(100)
    assert.equal(host.replies.get(id)?.ok, true)
    host.restart()
    table.pass(100)
    assert.deepEqual(
      host.agent.view().own.extras.map(({ text }) => text),
      ['192.168.1.0/24', '192.168.2.0/24'],
    )
  })
})
