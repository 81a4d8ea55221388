/** What a host says of a packet's way, and what is concluded from it. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type HostFacts, judgeHost } from '../../../src/core/path/judge.ts'
import type { Look } from '../../../src/core/path/look.ts'
import { conclude, type Hop, type Step } from '../../../src/core/path/step.ts'
import { addressOf } from '../../cli/fake-agent.ts'

const look = (given: Partial<Look>): Look => ({
  type: 'link',
  route: '172.16.0.0/22 dev starling0',
  isOwned: false,
  isDown: false,
  ifindex: 5,
  interface: 'starling0',
  nextHop: undefined,
  error: '',
  ...given,
})
const uplink = look({
  type: 'gateway',
  route: '172.16.4.0/22 via 10.0.1.72 dev eth0',
  isOwned: true,
  ifindex: 2,
  interface: 'eth0',
  nextHop: addressOf('10.0.1.72'),
})

/** The host of the sender. */
const near: HostFacts = {
  from: addressOf('172.16.0.9'),
  to: addressOf('172.16.4.7'),
  ends: { from: true, to: false },
  subnet: '',
  isRouted: true,
  back: look({}),
  ahead: uplink,
  inputError: '',
  forwarding: 'on',
  firewall: { verdict: 'pass', by: 'policy accept of FORWARD' },
  neighbour: 'answers',
  lease: '',
  routing: { reason: '', mend: '' },
}
/** The host of the receiver. */
const far: HostFacts = {
  ...near,
  ends: { from: false, to: true },
  subnet: '172.16.4.0/22',
  back: uplink,
  ahead: look({}),
  lease: '172.16.4.7 is held by cni',
}

const words = (facts: HostFacts) =>
  judgeHost(facts).map(({ code, verdict }) => `${code} ${verdict}`)
const wrong = (facts: HostFacts): Step => {
  const [first] = judgeHost(facts).filter(({ verdict }) => verdict !== 'ok')
  assert.ok(first)
  return first
}

describe('a host on the way', () => {
  it('tells of each step that a packet takes there, in its order', () => {
    assert.deepEqual(words(near), [
      'source ok',
      'route ok',
      'forwarding ok',
      'input ok',
      'firewall ok',
      'neighbour ok',
    ])
    assert.deepEqual(words(far), [
      'subnet ok',
      'route ok',
      'forwarding ok',
      'input ok',
      'firewall ok',
      'lease ok',
      'neighbour ok',
    ])
  })

  it('forwards nothing between two containers on its bridge, nor what it sends itself', () => {
    const ends = { from: true, to: true }
    assert.deepEqual(words({ ...far, ends, back: look({}) }), [
      'subnet ok',
      'route ok',
      'lease ok',
      'neighbour ok',
    ])
    assert.deepEqual(words({ ...near, back: look({ type: 'own', ifindex: 1 }) }), [
      'source ok',
      'route ok',
      'neighbour ok',
    ])
  })

  const cases: readonly [string, HostFacts, Step['code'], Step['verdict'], RegExp, RegExp][] = [
    [
      'a route that is missing, with what the agent says of it',
      {
        ...near,
        ahead: look({ type: 'none', route: '', error: 'ENETUNREACH', ifindex: 0 }),
        routing: { reason: 'nothing is written since the purge', mend: 'starling resync' },
      },
      'route',
      'wrong',
      /no route leads to 172\.16\.4\.7: nothing is written/,
      /^starling resync$/,
    ],
    [
      'a packet for another node that takes no route of starling',
      { ...near, ahead: { ...uplink, isOwned: false, route: 'default via 10.0.0.1 dev eth0' } },
      'route',
      'wrong',
      /but default via 10\.0\.0\.1/,
      /ip route get/,
    ],
    [
      'a bridge without a carrier',
      { ...far, ahead: look({ isDown: true }) },
      'route',
      'wrong',
      /its link is down/,
      /attach/,
    ],
    [
      'its own subnet by way of another host',
      { ...far, ahead: { ...uplink, isOwned: false } },
      'route',
      'wrong',
      /leave this host/,
      /ip route get/,
    ],
    [
      'forwarding that is off',
      { ...near, forwarding: 'off' },
      'forwarding',
      'wrong',
      /starling0 does not forward/,
      /^sysctl -w net\.ipv4\.conf\.starling0\.forwarding=1$/,
    ],
    [
      'forwarding of a VLAN that is off',
      { ...near, forwarding: 'off', back: { ...near.back, interface: 'eth0.100' } },
      'forwarding',
      'wrong',
      /eth0\.100 does not forward/,
      /^sysctl -w net\.ipv4\.conf\.eth0\/100\.forwarding=1$/,
    ],
    [
      'a reverse path filter',
      { ...near, inputError: 'EXDEV' },
      'input',
      'wrong',
      /reverse path filter/,
      /rp_filter=2/,
    ],
    [
      'a firewall that drops',
      { ...near, firewall: { verdict: 'drop', by: 'iptables -A FORWARD -j DROP' } },
      'firewall',
      'wrong',
      /drops it: iptables/,
      /open-forward/,
    ],
    [
      'a neighbour that is silent',
      { ...near, neighbour: 'silent' },
      'neighbour',
      'wrong',
      /nobody answers for 10\.0\.1\.72 on eth0/,
      /is up/,
    ],
    [
      'what it cannot tell as unknown, and never as wrong',
      { ...near, forwarding: 'unknown' },
      'forwarding',
      'unknown',
      /nobody can read/,
      /^$/,
    ],
    [
      'that it does not know where a packet comes in, where no route leads back',
      { ...far, back: look({ type: 'none', route: '', ifindex: 0, interface: '' }) },
      'input',
      'unknown',
      /no route leads back to 172\.16\.0\.9/,
      /^$/,
    ],
    [
      'addresses that are not its own',
      { ...near, ends: { from: false, to: false } },
      'subnet',
      'wrong',
      /neither/,
      /converged/,
    ],
  ]
  for (const [what, facts, code, verdict, message, mend] of cases) {
    it(`names ${what}`, () => {
      const found = wrong(facts)
      assert.deepEqual([found.code, found.verdict], [code, verdict])
      assert.match(found.message, message)
      assert.match(found.mend, mend)
    })
  }

  it('may take any route to what is outside of the cluster', () => {
    const elsewhere = { ...uplink, isOwned: false }
    assert.ok(words({ ...near, isRouted: false, ahead: elsewhere }).includes('route ok'))
  })
})

describe('the conclusion', () => {
  const hop = (
    name: string,
    verdicts: readonly Step['verdict'][],
    more: Partial<Hop> = {},
  ): Hop => ({
    direction: 'there',
    name,
    unanswered: '',
    steps: verdicts.map((verdict) => ({ verdict, message: `${verdict} here`, mend: 'mend it' })),
    ...more,
  })

  it('is the first thing that is wrong, before all that is unknown', () => {
    const hops = [hop('a', ['ok', 'unknown']), hop('b', ['wrong', 'wrong'], { direction: 'back' })]
    const expected = {
      verdict: 'wrong',
      message: 'b, on the way back: wrong here',
      mend: 'mend it',
    }
    assert.deepEqual(conclude(hops), expected)
  })

  it('is unknown where a host does not answer, and well where all is', () => {
    const silent = hop('b', [], { unanswered: 'unknown: it does not answer' })
    assert.equal(conclude([hop('a', ['ok']), silent]).verdict, 'unknown')
    assert.equal(conclude([hop('a', ['ok'])]).verdict, 'ok')
  })
})
