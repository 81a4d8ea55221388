/** The judge of chaos excuses what the plan excuses, and nothing else. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { excuses } from '../../../simulations/chaos/judge/excuse.ts'
import { judge } from '../../../simulations/chaos/judge/judge.ts'
import { type Line, parsed, printed } from '../../../simulations/chaos/judge/record.ts'
import type { FaultName } from '../../../simulations/chaos/plan/catalogue.ts'
import { oneFault } from './one-fault.ts'

/** One round, in which one fault hits hosts 1 and 2 from second 10 to second 20. */
const run = (name: FaultName, more: readonly Line[], witnessed = 1): Line[] => [
  ...oneFault(name, { hosts: [1, 2], forMs: 10_000, witnessed }),
  ...more,
]

const lost = (from: number, to: number, more: Partial<Extract<Line, { type: 'lost' }>>): Line => ({
  type: 'lost',
  from,
  to,
  kind: 'silence',
  isFull: false,
  isProbe: false,
  firstMs: 12_000,
  lastMs: 13_000,
  count: 21,
  detail: '-',
  ...more,
})

const settled = (rightAtMs: number | undefined, wrong: readonly string[] = []): Line => ({
  type: 'settled',
  round: 1,
  mendedAtMs: 20_000,
  rightAtMs,
  wrong,
})

const violations = (lines: readonly Line[]) =>
  judge(lines).violations.map(({ checker, what }) => `${checker}: ${what}`)

describe('echoes', () => {
  it('of hosts without power are excused, whoever sent them', () => {
    const lines = run('power-off', [lost(1, 0, {}), lost(3, 2, {}), lost(1, 2, {})])
    assert.deepEqual(violations(lines), [])
    assert.deepEqual([...judge(lines).echoes.excused], [['power-off', 63]])
  })

  it('between others are not', () => {
    assert.deepEqual(violations(run('power-off', [lost(0, 3, {})])), [
      'echo: 21 echoes from 0 to 3 without excuse, within 1.0 s: silence',
    ])
  })

  it('are excused by nothing that happens to agents alone', () => {
    assert.equal(violations(run('kill-agent', [lost(1, 0, {})])).length, 1)
  })

  it('across a cut are excused, and those of its sides are not', () => {
    assert.deepEqual(violations(run('cut-minority', [lost(1, 0, {}), lost(3, 2, {})])), [])
    assert.equal(violations(run('cut-minority', [lost(1, 2, {})])).length, 1)
    assert.equal(violations(run('cut-minority', [lost(0, 3, {})])).length, 1)
  })

  it('between two that do not hear each other are excused, and no others', () => {
    assert.deepEqual(violations(run('cut-pair', [lost(1, 2, {}), lost(2, 1, {})])), [])
    assert.equal(violations(run('cut-pair', [lost(1, 0, {})])).length, 1)
  })

  it('are excused from just before it began until all must be right', () => {
    const within = lost(1, 0, { firstMs: 9_960, lastMs: 29_990 })
    assert.deepEqual(violations(run('power-off', [within])), [])
    const before = lost(1, 0, { firstMs: 9_000, lastMs: 9_500, count: 11 })
    assert.equal(violations(run('power-off', [before])).length, 1)
    const after = lost(1, 0, { firstMs: 29_000, lastMs: 31_000, count: 41 })
    assert.deepEqual(violations(run('power-off', [after])), [
      'echo: 21 echoes from 1 to 0 without excuse, within 2.0 s: silence',
    ])
  })

  it('that were long under way, for another fault makes frames late, are excused from when they were sent', () => {
    const played = (name: 'delay' | 'power-off', begunAtMs: number) => ({
      fault: { id: 1, name, atMs: 0, forMs: 0, hosts: [0], share: 0 },
      begunAtMs,
      bittenAtMs: begunAtMs,
      mendingAtMs: 20_000,
      mendedAtMs: 20_000,
      healedAtMs: 20_000,
    })
    const begins = (among: readonly ReturnType<typeof played>[]) =>
      excuses(among, { from: 0, to: 1, isFull: false })
        .filter(({ name }) => name === 'power-off')
        .map(({ fromMs }) => fromMs)
    const off = played('power-off', 10_000)
    assert.deepEqual(begins([off]), [9_950])
    assert.deepEqual(begins([off, played('delay', 5_000)]), [9_700])
    assert.deepEqual(begins([off, played('delay', 15_000)]), [9_950])
  })

  it('of a kernel that its agent cannot put right, for it is away, are excused until it is back', () => {
    const lines = run('flush-routes', [])
    const [first] = lines
    assert.ok(first?.type === 'run')
    const [round] = first.schedule.rounds
    assert.ok(round)
    const stop = {
      id: 2,
      name: 'stop-agent',
      atMs: 0,
      forMs: 30_000,
      hosts: [1],
      share: 0,
    } as const
    const rounds = [{ ...round, faults: [...round.faults, stop] }]
    const schedule = { ...first.schedule, rounds }
    const together = (atMs: number): Line[] => [
      { type: 'run', schedule },
      ...lines.slice(1),
      { type: 'begun', fault: 2, atMs: 11_000, bittenAtMs: 11_000 },
      {
        type: 'mended',
        fault: 2,
        sinceMs: 50_000,
        atMs: 50_000,
        witness: { what: 'bites', count: 1 },
      },
      lost(1, 0, { firstMs: atMs, lastMs: atMs + 1_000 }),
    ]
    assert.deepEqual(violations(together(58_000)), [])
    assert.equal(violations(together(61_000)).length, 1)
    assert.equal(violations([...lines, lost(1, 0, { firstMs: 58_000, lastMs: 59_000 })]).length, 1)
  })

  it('are excused until the end by a fault that was never mended', () => {
    const lines = run('power-off', [lost(1, 0, { firstMs: 90_000, lastMs: 91_000 })])
    assert.deepEqual(violations(lines.filter(({ type }) => type !== 'mended')), [])
  })

  it('that somebody else answers, or that have another source, have no excuse', () => {
    const other = lost(1, 0, { kind: 'wrong-responder', detail: '3', count: 1 })
    assert.match(violations(run('power-off', [other]))[0] ?? '', /^responder: .*wrong-responder 3$/)
    const source = lost(1, 0, { kind: 'source-changed', detail: '192.168.77.11', count: 1 })
    assert.match(violations(run('power-off', [source]))[0] ?? '', /^source: /)
  })

  it('that came late after all are counted once', () => {
    assert.deepEqual(violations(run('power-off', [lost(0, 3, { kind: 'late' })])), [])
  })
})

describe('a round', () => {
  it('must be right within the time that its faults may take', () => {
    assert.deepEqual(violations(run('cut-off', [settled(29_000)])), [])
    assert.deepEqual(violations(run('cut-off', [settled(31_000)])), [
      'right: all was right 11.0 s after the last fault was mended, not within 10 s',
    ])
    assert.deepEqual(violations(run('set-up-anew', [settled(31_000)])), [])
  })

  it('that does not become right shows what is wrong', () => {
    const lines = run('cut-off', [settled(undefined, ['host1: no claim', 'host2: no route'])])
    assert.deepEqual(violations(lines), ['observed: host1: no claim', 'observed: host2: no route'])
  })

  it('may change nothing once all is right', () => {
    assert.deepEqual(violations(run('cut-off', [{ type: 'quiet', round: 1, changes: 2 }])), [
      'quiet: 2 route changes while nothing happened',
    ])
  })
})

describe('a fault', () => {
  it('that nobody saw bite proves nothing', () => {
    assert.deepEqual(violations(run('cut-off', [], 0)), [
      'witness: fault 1 (cut-off) did not bite: bites',
    ])
  })

  it('that was skipped is told, and excuses nothing', () => {
    const skipped: Line = { type: 'skipped', fault: 1, why: 'its agent does not run' }
    const lines = [...run('power-off', [lost(1, 0, {})]).slice(0, 2), skipped, lost(1, 0, {})]
    const verdict = judge(lines)
    assert.equal(verdict.violations.length, 1)
    assert.deepEqual([...verdict.skipped], [['its agent does not run', 1]])
  })
})

it('a stored run is judged like the run', () => {
  const lines = run('power-off', [lost(0, 3, {}), settled(25_000)])
  assert.deepEqual(judge(parsed(lines.map(printed).join(''))), judge(lines))
})

it('what is no run is refused', () => {
  assert.throws(() => judge([]), /no run of chaos/)
})
