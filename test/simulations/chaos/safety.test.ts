/** What must hold at every moment of a run of chaos, and what is answered by an error: each fault of a cluster is found, and nothing else. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { judge } from '../../../simulations/chaos/judge/judge.ts'
import type { Line } from '../../../simulations/chaos/judge/record.ts'
import type { FaultName } from '../../../simulations/chaos/plan/catalogue.ts'
import { oneFault } from './one-fault.ts'

/** One fault of host 1, from second 10 to second 30. */
const run = (name: FaultName, more: readonly Line[]): Line[] => [
  ...oneFault(name, { hosts: [1], forMs: 20_000 }),
  ...more,
]

const violations = (name: FaultName, more: readonly Line[]) =>
  judge(run(name, more)).violations.map(({ checker, what }) => `${checker}: ${what}`)

type NodeLine = Extract<Line, { type: 'node' }>

/** Host 1 at second 5, and what it is otherwise at second 20. */
const became = (changed: Partial<NodeLine>): Line[] => {
  const before: NodeLine = {
    type: 'node',
    host: 1,
    atMs: 5_000,
    sinceMs: 4_000,
    node: 'n1',
    incarnation: 3,
    claims: ['172.16.4.0/22'],
    pid: 100,
    residentMb: 120,
    descriptors: 60,
  }
  return [before, { ...before, atMs: 20_000, sinceMs: 19_000, ...changed }]
}

describe('an agent', () => {
  it('keeps its subnet unless it is another node', () => {
    const moved = became({ claims: ['172.16.8.0/22'] })
    assert.deepEqual(violations('kill-agent', moved), [
      'subnet: host1: it had 172.16.4.0/22, and has 172.16.8.0/22',
    ])
    assert.deepEqual(violations('set-up-anew', moved), [])
  })

  it('has none for a moment after its start', () => {
    const [before, after] = became({ pid: 101 }) as [NodeLine, NodeLine]
    const starting = { ...after, atMs: 19_000, claims: [] }
    assert.deepEqual(violations('kill-agent', [before, starting, after]), [])
  })

  it('never has an earlier incarnation, unless its store was rolled back', () => {
    const earlier = became({ incarnation: 2 })
    assert.deepEqual(violations('kill-agent', earlier), [
      'incarnation: host1: incarnation 2 after 3',
    ])
    assert.deepEqual(violations('rolled-back', earlier), [])
  })

  it('is another process only where somebody ended it', () => {
    const other = became({ pid: 101 })
    assert.deepEqual(violations('kill-agent', other), [])
    assert.deepEqual(violations('cut-off', other), [
      'crash: host1: its agent is another process, and nobody ended it',
    ])
  })

  it('needs no more memory than it may', () => {
    assert.deepEqual(violations('kill-agent', became({ pid: 101, residentMb: 500 })), [
      'memory: host1: 500 MB',
    ])
    assert.deepEqual(violations('cut-off', became({ residentMb: 230 })), [
      'memory: host1: its agent grew from 120 to 230 MB',
    ])
    assert.deepEqual(violations('kill-agent', became({ pid: 101, residentMb: 230 })), [])
  })

  it('leaves no files open, and does not talk without end', () => {
    assert.deepEqual(violations('cut-off', became({ descriptors: 700 })), [
      'descriptors: host1: 700 files and sockets are open',
    ])
    const said = (count: number, hosts: number) =>
      Array.from({ length: count }, (_, index): Line => {
        const event = {
          type: 'event',
          code: 'node-down',
          level: 'warn',
          text: 'h2 is down',
        } as const
        return { ...event, host: index % hosts, atMs: 20_000 + index }
      })
    assert.deepEqual(violations('cut-off', said(1_100, 1)), [
      'chatter: host0: more than 1000 events in a minute',
    ])
    assert.deepEqual(violations('cut-off', said(1_100, 2)), [])
  })

  it('says that something is an error only while something is done to it', () => {
    const event = (atMs: number): Line => ({
      type: 'event',
      host: 2,
      atMs,
      code: 'bridge-failed',
      level: 'error',
      text: 'no bridge',
    })
    assert.deepEqual(violations('cut-off', [event(20_000)]), [])
    assert.deepEqual(violations('cut-off', [event(70_000)]), ['error: host2: no bridge'])
  })

  it('answers for its leases', () => {
    const what = 'book-1 was granted 172.16.4.9, and has no lease'
    assert.deepEqual(violations('cut-off', [{ type: 'lease', host: 1, atMs: 40_000, what }]), [
      `lease: host1: ${what}`,
    ])
  })
})

describe('a kernel', () => {
  const route = (more: Partial<Extract<Line, { type: 'route' }>>): Line => ({
    type: 'route',
    host: 2,
    atMs: 20_000,
    change: 'added',
    destination: '172.16.4.0/22',
    isOwned: true,
    ...more,
  })

  it('has routes to what somebody claims, sooner or later', () => {
    const early = route({ atMs: 1_000 })
    assert.deepEqual(violations('cut-off', [early, ...became({})]), [])
  })

  it('has none to what nobody ever claimed', () => {
    const stray = route({ destination: '172.16.200.0/22' })
    assert.deepEqual(violations('cut-off', [stray, ...became({})]), [
      'stranger: host2: a route to 172.16.200.0/22, which nobody ever claimed',
    ])
  })

  it('has none to its own subnet', () => {
    const own = route({ host: 1, atMs: 10_000 })
    assert.deepEqual(violations('cut-off', [own, ...became({})]), [
      'own-subnet: host1: a route to 172.16.4.0/22, its own',
    ])
  })

  it('loses none that somebody else made', () => {
    const gone = route({ change: 'removed', destination: '203.0.113.0/24', isOwned: false })
    assert.deepEqual(violations('cut-off', [gone]), [
      "alien: host2: somebody else's route to 203.0.113.0/24 went",
    ])
  })
})

describe('a probe', () => {
  const silent = (to: number, firstMs: number): Line => ({
    type: 'lost',
    from: 0,
    to,
    kind: 'silence',
    isFull: false,
    isProbe: true,
    firstMs,
    lastMs: firstMs + 2_000,
    count: 2,
    detail: '-',
  })

  it('of what nobody has is answered by an error', () => {
    assert.deepEqual(violations('kill-agent', [silent(63, 20_000)]), [
      'probe: asked by 0, an address that nobody has is answered by silence',
    ])
    assert.deepEqual(
      violations('kill-agent', [{ ...silent(63, 20_000), kind: 'unreachable' } as Line]),
      [],
    )
  })

  it('of what somebody came to claim proves nothing', () => {
    const claimed = became({ claims: ['172.16.4.0/22', '172.31.248.0/22'] })
    assert.deepEqual(violations('set-up-anew', [...claimed, silent(63, 20_000)]), [])
  })

  it('of a dead host is answered by an error, some seconds after it died', () => {
    assert.deepEqual(violations('power-off', [silent(1, 12_000)]), [])
    assert.deepEqual(violations('power-off', [silent(1, 20_000)]), [
      'probe: asked by 0, host 1, which is dead, is answered by silence',
    ])
    assert.deepEqual(violations('cut-off', [silent(1, 20_000)]), [])
  })

  it('is judged by the moments that are known: between two silent ones another answer may have come', () => {
    const around = (lastMs: number, count: number): Line =>
      ({ ...silent(1, 12_000), lastMs, count }) as Line
    assert.deepEqual(violations('power-off', [around(50_000, 2)]), [])
    assert.equal(violations('power-off', [around(50_000, 3)]).length, 1)
    assert.equal(violations('power-off', [around(20_000, 2)]).length, 1)
  })

  it('never leaves for the gateway while no host’s routes are touched', () => {
    const sample = (atMs: number, leaked: number): Line => ({
      type: 'sample',
      atMs,
      complete: 4,
      digests: 1,
      agentsCpuMs: 0,
      runnerCpuMs: 0,
      leaked,
      said: 0,
    })
    const leaking = [sample(20_000, 0), sample(21_000, 3)]
    assert.deepEqual(violations('cut-off', leaking), [
      'leak: 3 packets to the pool reached the gateway',
    ])
    assert.deepEqual(violations('delete-routes', leaking), [])
  })
})

describe('a TCP connection', () => {
  const stream = (more: Partial<Extract<Line, { type: 'stream' }>>): Line => ({
    type: 'stream',
    from: 0,
    to: 1,
    kind: 'stalled',
    fromMs: 20_000,
    toMs: 50_000,
    why: '-',
    ...more,
  })

  it('may stand still from when its way is cut, however long TCP waits afterwards', () => {
    assert.deepEqual(violations('cut-off', [stream({})]), [])
    assert.deepEqual(violations('cut-off', [stream({ from: 2, to: 3 })]), [
      'stream: the TCP connection from 2 to 3 stood still for 30.0 s',
    ])
  })

  it('breaks only where a host does', () => {
    const broken = stream({ kind: 'broken', why: 'ETIMEDOUT' })
    assert.deepEqual(violations('power-off', [broken]), [])
    assert.deepEqual(violations('kill-agent', [broken]), [
      'stream: the TCP connection from 0 to 1 broken: ETIMEDOUT',
    ])
  })

  it('never brings anything else than was sent', () => {
    assert.equal(violations('power-off', [stream({ kind: 'disordered' })]).length, 1)
  })
})
