/** From the agent's view to the page and back: what a viewer shows is what the agent says, by changes alone. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { boardOf } from '../../src/adapters/api/board.ts'
import { explainPrefix } from '../../src/adapters/api/explain-node.ts'
import { placeIn, poolMessage } from '../../src/adapters/api/pool-map.ts'
import { changes, told, whole, written } from '../../src/adapters/web/page-changes.ts'
import { type Change, changed, nothing, type Shown } from '../../src/page/board.ts'
import { cellPrefix, cellsOf, cellText } from '../../src/page/cells.ts'
import { verdictOf } from '../../src/words/verdict.ts'
import { prefixOf } from '../cli/fake-agent.ts'
import { clusterView, defaultPool } from './cluster-view.ts'

type View = ReturnType<typeof clusterView>

const textOf = (view: View) =>
  written(boardOf(view, { links: new Map([[1, 'eth0']]), inabilities: [] }))
const parsed = (json: string | undefined): Change => JSON.parse(json ?? '{}') as Change
const pageOf = (view: View): Shown => changed(nothing, parsed(whole(textOf(view))))
/** Of its first pool. */
const cellsIn = (page: Shown) => cellsOf(0, { ...page, pools: page.head?.pools ?? [] })

describe('changes', () => {
  const before = clusterView({ nodes: 40 })
  const after = clusterView({
    nodes: 38,
    liveness: new Map([[3, 'host-down']]),
    tentative: [5],
    leaving: [6],
    excluded: ['172.17.0.0/16'],
  })

  test('lead a viewer to what somebody sees who comes later', () => {
    const followed = changed(pageOf(before), parsed(changes(textOf(before), textOf(after))))
    const { head, lists } = pageOf(after)
    assert.deepEqual(followed.head, head)
    assert.deepEqual(followed.lists, lists)
  })

  test('hold what is different alone', () => {
    const { lists } = parsed(changes(textOf(before), textOf(after)))
    assert.deepEqual(lists.nodes?.gone.length, 2)
    // The node that is down, the one that leaves, the tentative one.
    assert.deepEqual(
      lists.nodes?.set.map(([, { name }]) => name),
      ['node-3', 'node-6'],
    )
    assert.deepEqual(lists.leases, undefined)
  })

  test('are none where nothing has changed', () => {
    assert.equal(changes(textOf(before), textOf(clusterView({ nodes: 40 }))), undefined)
  })

  test('leave lists alone that they do not concern, so that nothing is drawn anew', () => {
    const page = pageOf(before)
    const next = changed(page, { lists: { routes: { set: [], gone: ['x'] } } })
    assert.equal(next.lists.nodes, page.lists.nodes)
    assert.notEqual(next.lists.routes, page.lists.routes)
  })
})

test('names of other nodes come without characters that move the cursor, turn the text or hide a part', () => {
  const hostile = 'a\u0007b\u202ec\u2028d\u0085e\u200bf\\u0041\\ng\n"h'
  const board = pageOf(clusterView({ nodes: 2, name: () => hostile }))
  const [node] = board.lists.nodes.values()
  const shown = 'a?b?c?d?e?f\\u0041\\ng?"h'
  assert.equal(node?.name, shown)
  assert.equal(board.head?.name, shown)
  assert.deepEqual(JSON.parse(told({ name: hostile })), { name: shown })
})

describe('the map', () => {
  const view = clusterView({
    nodes: 12,
    liveness: new Map([
      [1, 'host-down'],
      [2, 'agent-down'],
      [3, 'suspect'],
      [4, 'displaced'],
    ]),
    tentative: [5],
    contested: [6],
    leaving: [7],
    excluded: ['172.17.0.0/16'],
  })

  test('shows the state of each subnet', () => {
    const states = cellsIn(pageOf(view)).map(({ state }) => state)
    assert.deepEqual(states.slice(0, 10), [
      ...['own', 'host-down', 'agent-down', 'suspect', 'host-down'],
      ...['tentative', 'contested', 'left', 'confirmed', 'confirmed'],
    ])
    assert.equal(states.length, 1_024)
    assert.equal(states.filter((state) => state === 'excluded').length, 64)
    assert.equal(states[64], 'excluded')
    assert.equal(states[1_023], 'free')
  })

  test('says in words what a cell is', () => {
    const page = pageOf(view)
    const cells = cellsIn(page)
    const pool = page.head?.pools[0]
    const text = (at: number) => pool && cells[at] && cellText(pool, at, cells[at])
    assert.equal(text(1), '172.16.4.0/22, host down, node-1')
    assert.equal(text(6), '172.16.24.0/22, contested, node-6, and 1 more')
    assert.equal(text(64), '172.17.0.0/22, excluded, by node-0')
    assert.equal(text(1_023), '172.31.252.0/22, free')
  })

  test('remembers who left while it was looked at, until the subnet is claimed again', () => {
    const three = clusterView({ nodes: 3 })
    const two = clusterView({ nodes: 2 })
    const left = changed(pageOf(three), parsed(changes(textOf(three), textOf(two))))
    assert.deepEqual(cellsIn(left)[2], {
      ...{ state: 'left', claims: [], excluded: undefined, former: 'node-2' },
    })
    const back = changed(left, parsed(changes(textOf(two), textOf(three))))
    assert.equal(cellsIn(back)[2]?.state, 'confirmed')
    assert.equal(back.former.size, 0)
  })

  test('of a huge pool has 4096 cells, as far as claims reach', () => {
    const pool = { prefix: prefixOf('fd00::/40'), subnetLength: 64 }
    const near = poolMessage(pool, [prefixOf('fd00:0:0:7::/64')])
    assert.deepEqual([near.cellBits, near.cellLength, near.subnets], [12, 64, '16777216'])
    assert.equal(cellPrefix(near, 7), 'fd00:0:0:7::/64')
    const far = poolMessage(pool, [prefixOf('fd00:0:0:ffff::/64')])
    assert.deepEqual([far.cellBits, far.cellLength], [12, 60])
    const last = placeIn([far], prefixOf('fd00:0:0:ffff::/64'))
    assert.deepEqual(last, { pool: 0, at: 4_095, span: 1 })
    assert.equal(cellPrefix(far, 4_095), 'fd00:0:0:fff0::/60')
  })

  test('clips what lies partly outside, and places nothing that lies outside of all pools', () => {
    const pools = [poolMessage(defaultPool, [])]
    assert.deepEqual(placeIn(pools, prefixOf('172.0.0.0/8')), { pool: 0, at: 0, span: 1_024 })
    assert.deepEqual(placeIn(pools, prefixOf('10.0.0.0/8')).pool, -1)
    assert.deepEqual(placeIn(pools, prefixOf('172.32.0.0/22')).pool, -1)
  })
})

test('a prefix is explained by what overlaps it', () => {
  const view = clusterView({ nodes: 9, excluded: ['172.17.0.0/16'] })
  const links = new Map([[1, 'eth0']])
  const inside = explainPrefix(view, prefixOf('172.16.5.0/24'), links)
  assert.deepEqual(
    [inside.claims, inside.routes].map((rows) =>
      rows.map(({ name, prefix }) => `${name} ${prefix}`),
    ),
    [['node-1 172.16.4.0/22'], ['node-1 172.16.4.0/22']],
  )
  assert.deepEqual(explainPrefix(view, prefixOf('172.17.4.0/22'), links).excludedBy, [
    { prefix: '172.17.0.0/16', name: 'node-0', node: view.self },
  ])
})

describe('the verdict', () => {
  const healthy = pageOf(clusterView({ nodes: 3 })).head
  assert.ok(healthy)

  test('is good where all has converged', () => {
    assert.deepEqual(verdictOf(healthy), {
      tone: 'good',
      word: 'OK',
      text: 'node-0 has 172.16.0.0/22, 2 peers agree, 2 of 2 routes are in the kernel',
    })
  })

  test('warns of problems', () => {
    assert.equal(
      verdictOf({
        ...healthy,
        problems: [{ code: 'x', level: 'warn', message: '', mend: '', cause: 0 }],
      }).tone,
      'warn',
    )
  })

  test('says what convergence waits for', () => {
    const convergence = {
      converged: false,
      claimed: false,
      digestsEqual: false,
      kernelEqual: false,
    }
    const routes = { ...healthy.routes, installed: 1 }
    assert.deepEqual(verdictOf({ ...healthy, convergence, routes, phase: 'joining', claims: [] }), {
      tone: 'bad',
      word: 'Not converged',
      text: 'node-0: joining, no peer has answered yet; it has no subnet; some connected peers may not have the same records yet; 1 of 2 routes is not in the kernel',
    })
  })
})
