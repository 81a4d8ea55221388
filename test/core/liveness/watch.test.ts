/** Whom a node dials, and what it says of whoever does not answer. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NodeId } from '../../../src/core/claim/record.ts'
import { type ProbeAnswer, Watch } from '../../../src/core/liveness/watch.ts'
import { nodesInOrder } from '../specimens.ts'

const [self, a, b, c] = nodesInOrder(4).map(({ id }) => id) as [NodeId, NodeId, NodeId, NodeId]

/** A node among three others, all of them connected at first, and as many strangers behind them as are asked for. */
class Surroundings {
  readonly incarnations = new Map<NodeId, number>([a, b, c].map((node) => [node, 1]))
  readonly connected = new Set<NodeId>([a, b, c])
  readonly overdue = new Set<NodeId>()
  readonly missedBy = new Map<NodeId, number>()
  readonly ending: NodeId[] = []
  own = 1
  isLost = true
  readonly strangers = new Set<NodeId>()
  isDialable = true
  now = 1_000
  readonly members: NodeId[] = [self, a, b, c]
  readonly watch = new Watch(
    {
      self,
      members: this.members,
      isHeard: (node) => this.connected.has(node) && !this.overdue.has(node),
      isLost: (node) => this.isLost && !this.strangers.has(node),
      isDialable: () => this.isDialable,
      isOverdue: (node) => this.overdue.has(node),
      ending: () => this.ending,
      missedBy: (node) => this.missedBy.get(node) ?? 0,
      incarnationOf: (node) => this.incarnations.get(node),
      incarnation: () => this.own,
    },
    () => 0.5,
  )

  constructor({ isDeaf = false, strangers = 0 } = {}) {
    for (const { id } of nodesInOrder(400)
      .filter((node) => node.id > c)
      .slice(0, strangers)) {
      this.strangers.add(id)
      this.members.push(id)
      this.incarnations.set(id, 1)
    }
    if (!isDeaf) this.watch.heard()
    this.watch.review(this.now)
  }

  /** What it dials within `ms`, each dial answered alike. */
  pass(ms: number, answer: ProbeAnswer['type']): NodeId[] {
    const dialled: NodeId[] = []
    const end = this.now + ms
    for (;;) {
      this.watch.review(this.now)
      for (const node of this.watch.take(this.now)) {
        dialled.push(node)
        this.watch.answered(node, { type: answer }, this.now)
      }
      const next = this.watch.nextDeadline()
      if (next > end) break
      this.now = Math.max(this.now, next)
    }
    this.now = end
    return dialled
  }

  get said(): string[] {
    return this.watch.observed.map(({ node, state }) => `${node === a ? 'a' : node} ${state}`)
  }
}

describe('a watching node', () => {
  it('dials nobody whom it hears', () => {
    assert.deepEqual(new Surroundings().pass(60_000, 'silent'), [])
  })

  it('says at the first silent dial that a host is gone whose connection fell silent', () => {
    const around = new Surroundings()
    around.overdue.add(a)
    assert.deepEqual(around.pass(0, 'silent'), [a])
    assert.deepEqual(around.said, ['a host-down'])
  })

  it('dials twice where the connection was closed', () => {
    const around = new Surroundings()
    around.connected.delete(a)
    around.pass(0, 'silent')
    assert.deepEqual(around.said, [])
    around.pass(100, 'silent')
    assert.deepEqual(around.said, ['a host-down'])
  })

  it('takes a lost node that nobody can dial anywhere for gone, and no other', () => {
    const saidOf = (more: Partial<Surroundings>) => {
      const around = Object.assign(new Surroundings(), more)
      around.connected.delete(a)
      around.pass(60_000, 'unknown')
      return around.said
    }
    assert.deepEqual(saidOf({ isDialable: false }), ['a host-down'])
    assert.deepEqual(saidOf({ isDialable: false, isLost: false }), [])
    assert.deepEqual(saidOf({}), [])
  })

  it('asks the nearest that stands on each side, and those before it', () => {
    const around = new Surroundings()
    assert.deepEqual([...around.watch.nearest].sort(), [a, c])
    around.overdue.add(a)
    around.watch.review(around.now)
    assert.deepEqual([...around.watch.nearest].sort(), [a, b, c])
  })

  it('gives an agent a second to come back before it says that it is down', () => {
    const around = new Surroundings()
    around.connected.delete(a)
    around.pass(900, 'refused')
    assert.deepEqual(around.said, [])
    around.pass(200, 'refused')
    assert.deepEqual(around.said, ['a agent-down'])
  })

  it('needs two answers that agree', () => {
    const around = new Surroundings()
    around.connected.delete(a)
    for (const answer of ['refused', 'silent', 'displaced', 'hung', 'unknown'] as const) {
      around.watch.review(around.now)
      around.now = Math.max(around.now, around.watch.nextDeadline())
      for (const node of around.watch.take(around.now)) {
        around.watch.answered(node, { type: answer }, around.now)
      }
    }
    assert.deepEqual(around.said, [])
  })

  it('dials for ever, ever more rarely, up to every ten seconds', () => {
    const around = new Surroundings()
    around.connected.delete(a)
    around.pass(60_000, 'silent')
    const dials = around.pass(600_000, 'silent').length
    assert.ok(dials >= 60 && dials <= 120, `${dials}`)
  })

  it('says nothing before it has heard anybody, nor after it stood still itself', () => {
    const around = new Surroundings({ isDeaf: true })
    around.connected.delete(a)
    around.pass(20_000, 'silent')
    assert.deepEqual(around.said, [])
    around.watch.heard()
    around.pass(20_000, 'silent')
    assert.deepEqual(around.said, ['a host-down'])
    const paused = new Surroundings()
    paused.overdue.add(a)
    paused.watch.paused()
    paused.pass(20_000, 'silent')
    assert.deepEqual(paused.said, [])
  })

  it('looks past those that are gone', () => {
    const around = new Surroundings()
    around.connected.clear()
    around.pass(60_000, 'silent')
    assert.equal(around.watch.observed.length, 3)
  })

  it('looks soon at who comes next where neighbours are gone, at a few of them at once', () => {
    const around = new Surroundings({ strangers: 60 })
    around.connected.clear()
    const isStranger = (node: NodeId) => around.strangers.has(node)
    assert.ok(new Set(around.pass(2_000, 'silent').filter(isStranger)).size >= 2)
    around.pass(28_000, 'silent')
    const known = around.watch.observed.length
    assert.ok(known >= 3 + 8 && known < 30, `${known} of 60 after half a minute`)
  })

  it('takes back what was refuted, and does not say it again so soon while others reach the node', () => {
    const around = new Surroundings()
    around.connected.delete(a)
    around.pass(1_000, 'silent')
    around.incarnations.set(a, 2)
    around.pass(4_000, 'silent')
    assert.deepEqual(around.said, [])
    around.missedBy.set(a, 1)
    around.pass(10_000, 'silent')
    assert.deepEqual(around.said, ['a host-down'], 'another one misses it, too')
  })

  it('says it again at once of a node that it had heard in between', () => {
    const around = new Surroundings()
    around.connected.delete(a)
    around.pass(1_000, 'silent')
    around.incarnations.set(a, 2)
    around.pass(100, 'silent')
    around.connected.add(a)
    around.pass(100, 'silent')
    around.overdue.add(a)
    around.pass(0, 'silent')
    assert.deepEqual(around.said, ['a host-down'])
  })

  it('keeps what it said of a node that is back until that one has refuted it, but not for ever', () => {
    const around = new Surroundings()
    around.connected.delete(a)
    around.pass(1_000, 'silent')
    around.connected.add(a)
    around.pass(5_000, 'silent')
    assert.deepEqual(around.said, ['a host-down'])
    around.pass(6_000, 'silent')
    assert.deepEqual(around.said, [])
  })

  it('looks again before its word counts at a new incarnation of its own', () => {
    const around = new Surroundings()
    around.connected.delete(a)
    around.pass(1_000, 'silent')
    const [before] = around.watch.observed
    around.own = 2
    around.watch.lookAgain(around.now)
    around.pass(1_000, 'silent')
    const [after] = around.watch.observed
    assert.deepEqual([before?.observer, after?.observer], [1, 2])
  })

  it('dials those that others end, wherever they are on the ring', () => {
    const around = new Surroundings()
    around.pass(0, 'silent')
    around.connected.delete(c)
    around.ending.push(c)
    around.pass(1_000, 'silent')
    assert.ok(around.watch.misses(c))
  })
})
