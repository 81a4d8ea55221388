/** What the listings of nft and iptables say of a packet. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseSaved } from '../../../src/adapters/firewall/iptables-chains.ts'
import { chainsIn, tablesOfForward } from '../../../src/adapters/firewall/nft-chains.ts'
import { judge } from '../../../src/adapters/firewall/verdict.ts'
import type { Packet } from '../../../src/core/path/look.ts'
import { addressOf } from '../../cli/fake-agent.ts'

const packet: Packet = {
  family: 4,
  from: addressOf('172.16.0.9'),
  to: addressOf('172.16.4.7'),
  iif: 'starling0',
  oif: 'eth0',
  isReply: false,
}
const reply: Packet = { ...packet, isReply: true }

const saved = (policy: 'ACCEPT' | 'DROP', ...rules: readonly string[]): string =>
  [
    '*filter',
    `:FORWARD ${policy} [0:0]`,
    ':OTHER - [0:0]',
    ':ISOLATE - [0:0]',
    ...rules,
    'COMMIT',
  ].join('\n')

describe('iptables', () => {
  const cases: readonly [string, Packet, string, 'pass' | 'drop' | 'unknown', RegExp][] = [
    [
      'its policy decides where no rule does',
      packet,
      saved('DROP'),
      'drop',
      /policy drop of FORWARD/,
    ],
    ['nothing drops', packet, saved('ACCEPT'), 'pass', /policy accept/],
    [
      'a rule with interfaces and networks',
      packet,
      saved('ACCEPT', '-A FORWARD -s 172.16.0.0/12 -i star+ ! -o lo -j DROP'),
      'drop',
      /-A FORWARD -s 172\.16\.0\.0\/12/,
    ],
    [
      'a rule for others',
      packet,
      saved('ACCEPT', '-A FORWARD ! -s 172.16.0.0/12 -j DROP', '-A FORWARD -i docker0 -j DROP'),
      'pass',
      /policy/,
    ],
    [
      'chains that return, and one that drops',
      packet,
      saved(
        'DROP',
        '-A FORWARD -j OTHER',
        '-A FORWARD -m comment --comment "a -j b" -j ISOLATE',
        '-A FORWARD -j ACCEPT',
        '-A OTHER -j RETURN',
        '-A ISOLATE -o eth0 -j REJECT --reject-with icmp-port-unreachable',
      ),
      'drop',
      /-A ISOLATE/,
    ],
    [
      'a packet of a connection that stands',
      reply,
      saved('DROP', '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'),
      'pass',
      /ctstate/,
    ],
    [
      'one of a new connection',
      packet,
      saved('DROP', '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'),
      'drop',
      /policy/,
    ],
    [
      'what is not understood before a drop',
      packet,
      saved('DROP', '-A FORWARD -m set --match-set friends src -j ACCEPT'),
      'unknown',
      /match-set friends/,
    ],
    [
      'what is not understood, and changes nothing',
      packet,
      saved('ACCEPT', '-A FORWARD -m set --match-set friends src -j ACCEPT'),
      'pass',
      /./,
    ],
    [
      'rules of other protocols',
      packet,
      saved(
        'ACCEPT',
        '-A FORWARD -p udp -j DROP',
        '-A FORWARD -p icmp -m icmp --icmp-type 8 -j DROP',
      ),
      'pass',
      /./,
    ],
    [
      'a drop before the forwarding, as Docker has it',
      packet,
      `*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 172.16.4.7/32 ! -i docker0 -j DROP\nCOMMIT\n${saved('ACCEPT')}`,
      'drop',
      /PREROUTING/,
    ],
    [
      'chains that jump in a circle',
      packet,
      saved('ACCEPT', '-A FORWARD -j OTHER', '-A OTHER -j OTHER'),
      'unknown',
      /OTHER/,
    ],
  ]
  test('many rules that lead through many chains are asked once', () => {
    const chains = Array.from({ length: 14 }, (_, level) => `C${level}`)
    const jumps = chains.flatMap((name, level) =>
      Array.from(
        { length: 14 },
        () => `-A ${name} -m dscp --dscp 1 -j ${chains[level + 1] ?? 'DROP'}`,
      ),
    )
    const text = [
      '*filter',
      ':FORWARD ACCEPT [0:0]',
      ...chains.map((name) => `:${name} - [0:0]`),
      '-A FORWARD -j C0',
      ...jumps,
      'COMMIT',
    ]
    assert.equal(judge(parseSaved(text.join('\n')).chains, packet).verdict, 'unknown')
  })

  for (const [what, of, text, verdict, by] of cases) {
    test(`${what}: ${verdict}`, () => {
      const found = judge(parseSaved(text).chains, of)
      assert.equal(found.verdict, verdict, found.by)
      assert.match(found.by, by)
    })
  }
})

describe('nft', () => {
  const chain = { family: 'inet', table: 't', name: 'f', type: 'filter', hook: 'forward' }
  const match = (left: object, right: unknown, op = '==') => ({ match: { op, left, right } })
  const saddr = { payload: { protocol: 'ip', field: 'saddr' } }
  const listed = (...rules: readonly (readonly object[])[]) =>
    JSON.stringify({
      nftables: [
        { metainfo: {} },
        { chain: { ...chain, policy: 'accept' } },
        ...rules.map((expr) => ({ rule: { ...chain, chain: 'f', expr } })),
      ],
    })
  const verdict = (...rules: readonly (readonly object[])[]) =>
    judge(chainsIn(listed(...rules)), packet)

  test('names the rule that drops', () => {
    const inside = match(saddr, { prefix: { addr: '172.16.0.0', len: 12 } })
    const { verdict: found, by } = verdict([inside, { counter: {} }, { drop: null }])
    assert.deepEqual([found, by], ['drop', 'nft inet t f: ip saddr 172.16.0.0/12 drop'])
  })

  test('passes by rules of others, of other families and with sets', () => {
    const others = match(saddr, { set: ['10.0.0.1', { prefix: { addr: '10.1.0.0', len: 16 } }] })
    const six = match({ payload: { protocol: 'ip6', field: 'saddr' } }, 'fd00::1')
    const link = match({ meta: { key: 'iifname' } }, 'starling*', '!=')
    const rules = [others, six, link].map((each) => [each, { drop: null }])
    assert.equal(verdict(...rules).verdict, 'pass')
  })

  test('does not guess what named sets hold', () => {
    const protocol = { meta: { key: 'l4proto' } }
    for (const left of [saddr, protocol, { ct: { key: 'state' } }]) {
      assert.equal(verdict([match(left, '@banned'), { drop: null }]).verdict, 'unknown')
    }
  })

  test('knows TCP by its number, too', () => {
    const protocol = { meta: { key: 'l4proto' } }
    assert.equal(verdict([match(protocol, 6), { drop: null }]).verdict, 'drop')
    assert.equal(verdict([match(protocol, 17), { drop: null }]).verdict, 'pass')
  })

  test('reads what firewalld drops, and what its zones let pass', () => {
    const state = (...right: string[]) => match({ ct: { key: 'state' } }, right, 'in')
    const base = [
      [match({ meta: { key: 'nfproto' } }, 'ipv6'), { fib: null }, { drop: null }],
      [state('established', 'related'), { accept: null }],
      [match({ ct: { key: 'status' } }, 'dnat', 'in'), { accept: null }],
      [match({ meta: { key: 'iifname' } }, 'lo'), { accept: null }],
      [match({ ct: { key: 'state' } }, 'invalid', 'in'), { drop: null }],
      [match({ meta: { key: 'l4proto' } }, { set: ['icmp', 'ipv6-icmp'] }), { accept: null }],
    ]
    const reject = [{ reject: { type: 'icmpx', expr: 'admin-prohibited' } }]
    assert.equal(verdict(...base, reject).verdict, 'drop')
    const zone = [match({ meta: { key: 'iifname' } }, 'starling0'), { accept: null }]
    assert.equal(verdict(...base, zone, reject).verdict, 'pass')
    const { by } = judge(chainsIn(listed(...base, reject)), reply)
    assert.equal(by, 'nft inet t f: state { established, related } accept')
  })

  test('reads only tables that forwarded packets of the family meet', () => {
    const chains = [
      chain,
      { ...chain, table: 'nat', type: 'nat', hook: 'postrouting' },
      { ...chain, family: 'ip6', table: 'six' },
    ]
    const text = JSON.stringify({ nftables: chains.map((each) => ({ chain: each })) })
    assert.deepEqual(tablesOfForward(text, 4), [{ family: 'inet', name: 't' }])
  })
})
