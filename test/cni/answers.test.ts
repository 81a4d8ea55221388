/** What is answered: results in the shape of each version, CHECK, GC, STATUS, and the agent's refusals. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { wrongLength } from '../../src/cni/asked.ts'
import { difference, lossAmong } from '../../src/cni/check.ts'
import { failureText } from '../../src/cni/failure.ts'
import { garbage } from '../../src/cni/garbage.ts'
import { areDifferent, isNewer } from '../../src/cni/moment.ts'
import { isBlind, unreadiness } from '../../src/cni/readiness.ts'
import { refusal } from '../../src/cni/refusal.ts'
import { resultText } from '../../src/cni/result.ts'
import { versions } from '../../src/cni/version.ts'
import type { LeaseRefusal } from '../../src/core/ipam/lease.ts'
import type { Problem } from '../../src/core/problem.ts'
import type { AgentView } from '../../src/core/view.ts'
import { healthyView } from '../cli/fake-agent.ts'
import { addressOf, poolOf, prefixOf } from '../core/specimens.ts'
import { bootId, conf, leaseOf, requestOf, v4, v6, witness } from './calls.ts'

const result = (leases: Parameters<typeof resultText>[0], fields: object): unknown =>
  JSON.parse(resultText(leases, requestOf('add', conf(fields)).conf))

describe('the result of an ADD', () => {
  const routes = [
    { dst: '0.0.0.0/0', gw: '172.16.8.1' },
    { dst: '::/0', gw: 'fd00:10::1' },
  ]
  const ips = [
    { address: '172.16.8.5/22', gateway: '172.16.8.1' },
    { address: 'fd00:10::5/64', gateway: 'fd00:10::1' },
  ]
  const shapes = new Map<string, object>([
    ...['0.1.0', '0.2.0'].map((version): [string, object] => [
      version,
      {
        ip4: { ip: '172.16.8.5/22', gateway: '172.16.8.1', routes: routes.slice(0, 1) },
        ip6: { ip: 'fd00:10::5/64', gateway: 'fd00:10::1', routes: routes.slice(1) },
      },
    ]),
    ...['0.3.0', '0.3.1', '0.4.0'].map((version): [string, object] => [
      version,
      {
        ips: [
          { version: '4', ...ips[0] },
          { version: '6', ...ips[1] },
        ],
        routes,
      },
    ]),
    ...['1.0.0', '1.1.0'].map((version): [string, object] => [version, { ips, routes }]),
  ])

  for (const cniVersion of versions) {
    it(`has the shape of ${cniVersion}`, () => {
      const dns = { nameservers: ['10.0.0.1'], domain: 'x', search: ['y'], options: ['z'] }
      assert.deepEqual(result([v4, v6], { cniVersion, dns }), {
        cniVersion,
        ...shapes.get(cniVersion),
        dns,
      })
    })
  }

  it('has one family where there is one, and no dns where none is configured', () => {
    assert.deepEqual(result([v4], {}), {
      cniVersion: '1.1.0',
      ips: ips.slice(0, 1),
      routes: routes.slice(0, 1),
      dns: {},
    })
    assert.deepEqual(result([v6], { cniVersion: '0.2.0' }), {
      cniVersion: '0.2.0',
      ip6: { ip: 'fd00:10::5/64', gateway: 'fd00:10::1', routes: routes.slice(1) },
      dns: {},
    })
  })

  it('has one default route for two addresses of a family', () => {
    const second = leaseOf('172.16.8.6', '172.16.8.0/22')
    const { ips: all, routes: one } = result([v4, second], {}) as {
      ips: object[]
      routes: object[]
    }
    assert.equal(all.length, 2)
    assert.deepEqual(one, routes.slice(0, 1))
  })

  it('has the routes of the configuration where it has some, or none', () => {
    const own = [{ dst: '10.0.0.0/8' }, { dst: 'fd00::/8', gw: 'fd00:10::1' }]
    const withRoutes = (cniVersion: string, list: object[]) =>
      result([v4, v6], { cniVersion, ipam: { type: 'x', routes: list } }) as {
        routes: object[]
        ip4: { routes: object[] }
        ip6: { routes: object[] }
      }
    assert.deepEqual(withRoutes('1.1.0', own).routes, own)
    assert.deepEqual(withRoutes('1.1.0', []).routes, [])
    assert.deepEqual(withRoutes('0.2.0', own).ip4.routes, own.slice(0, 1))
    assert.deepEqual(withRoutes('0.2.0', own).ip6.routes, own.slice(1))
  })

  it('is one line', () => assert.match(resultText([v4], requestOf('add').conf), /^[^\n]+\n$/))
})

describe('a length behind an address that is asked for', () => {
  const subnets = [prefixOf('172.16.8.0/22'), prefixOf('fd00:10::/64')]
  const asked = (address: string, length?: number) => [{ address: addressOf(address), length }]

  it('is the subnet’s, a host’s or none', () => {
    for (const length of [22, 32, undefined]) {
      assert.equal(wrongLength(asked('172.16.8.5', length), subnets), undefined)
    }
    assert.equal(wrongLength(asked('fd00:10::5', 64), subnets), undefined)
    assert.match(wrongLength(asked('172.16.8.5', 24), subnets)?.message ?? '', /\/24.*write \/22/)
  })

  it('is left to the agent where the address is in none of its subnets', () => {
    assert.equal(wrongLength(asked('10.0.0.1', 24), subnets), undefined)
  })
})

describe('CHECK', () => {
  it('is content with what is leased and told, and with other plugins’ addresses besides', () => {
    const previous = [v4.address, v6.address, addressOf('10.0.0.1')]
    assert.equal(difference([v4, v6], previous), undefined)
    assert.equal(difference([v4], undefined), undefined)
  })

  it('finds an address that was lost to another container after a partition, and none that is kept', () => {
    const kept = [
      { lease: v4, lostTo: '' },
      { lease: v6, lostTo: 'h7' },
    ]
    assert.equal(lossAmong([v4], { kept }), undefined)
    const loss = lossAmong([v4, v6], { kept })
    assert.equal(loss?.kind, 'leaseDiffers')
    assert.match(loss?.message ?? '', /^fd00:10::5 is lost to a container of h7: recreate/)
  })

  it('finds what is not leased, not told, and told and not leased', () => {
    assert.match(difference([], [v4.address])?.message ?? '', /^no address is leased/)
    assert.match(difference([v4, v6], [v4.address])?.message ?? '', /^fd00:10::5 is leased.*lacks/)
    const another = addressOf('172.16.8.9')
    assert.match(
      difference([v4], [v4.address, another])?.message ?? '',
      /172\.16\.8\.9.*not leased/,
    )
  })
})

describe('GC', () => {
  const at = (id: string, more: object = {}) =>
    leaseOf('172.16.8.5', '172.16.8.0/22', {
      attachment: { door: 'cni', network: 'net', id, ifname: 'eth0', ...more },
    })
  const leases = [
    at('a'),
    at('b'),
    at('a', { ifname: 'net1' }),
    at('c', { network: 'other' }),
    at('d', { door: 'docker' }),
    at('e', { door: 'manual' }),
  ]
  const now = { bootId, uptimeMs: 60_000, wallMs: 1_000_000 }
  const call = { bootId, uptimeMs: 59_000 }
  const found = (valid: ReadonlySet<string> | undefined) =>
    garbage({ network: 'net', valid }, leases, call, now).map(
      ({ attachment: { id, ifname } }) => `${id} ${ifname}`,
    )

  it('finds those of its network that came by CNI and are not valid', () => {
    assert.deepEqual(found(new Set(['a\0eth0'])), ['b eth0', 'a net1'])
    assert.deepEqual(found(new Set()), ['a eth0', 'b eth0', 'a net1'])
  })

  it('finds nothing where the runtime says nothing', () => assert.deepEqual(found(undefined), []))

  it('leaves those that came after its list was made', () => {
    const late = leaseOf('172.16.8.5', '172.16.8.0/22', { sinceMs: 999_900 })
    assert.deepEqual(garbage({ network: 'net', valid: new Set() }, [late], call, now), [])
  })
})

describe('the time of a call', () => {
  const now = { bootId, uptimeMs: 60_000, wallMs: 1_000_000 }
  const since = (sinceMs: number) => leaseOf('172.16.8.5', '172.16.8.0/22', { sinceMs })

  it('tells whether a lease came after it', () => {
    const call = { bootId, uptimeMs: 50_000 }
    assert.equal(isNewer(since(989_000), call, now), false)
    assert.equal(isNewer(since(990_010), call, now), false, 'as exact as the clocks are')
    assert.equal(isNewer(since(990_100), call, now), true)
  })

  it('is before everything where it is of another boot, or unknown', () => {
    for (const other of ['', 'another']) {
      assert.equal(isNewer(since(0), { bootId: other, uptimeMs: 60_000 }, now), true)
    }
  })

  it('has nothing to do with whether two namespaces are one', () => {
    assert.equal(areDifferent(witness, { ...witness, path: '/elsewhere' }), false)
    assert.equal(areDifferent(witness, { ...witness, inode: '' }), false, 'unknown')
    assert.equal(areDifferent(witness, { ...witness, inode: '4:1' }), true)
    assert.equal(areDifferent(witness, { ...witness, bootId: 'another' }), true)
  })
})

describe('STATUS', () => {
  const healthy = healthyView()
  const [subnet] = healthy.ipam.subnets
  const view = (more: Partial<AgentView>): AgentView => ({ ...healthy, ...more })
  const ipam = (subnets: AgentView['ipam']['subnets']) =>
    view({ ipam: { ...healthy.ipam, subnets } })
  const ofProblem = (problem: Problem) => view({ problems: [problem] })
  const codeOf = (seen: AgentView): number => {
    const failure = unreadiness(seen)
    return failure ? (JSON.parse(failureText(failure, '1.1.0')) as { code: number }).code : 0
  }

  it('is well where a container would get its addresses', () => assert.equal(codeOf(healthy), 0))

  const cases: readonly (readonly [string, number, AgentView])[] = [
    ['no confirmed subnet', 50, ipam([])],
    [
      'none of one family',
      50,
      view({ own: { ...healthy.own, pools: [...healthy.own.pools, poolOf('fd00::/48', 64)] } }),
    ],
    ['left', 50, view({ phase: 'left' })],
    ['exhausted', 50, ipam(subnet ? [{ ...subnet, free: 0n, resting: 0 }] : [])],
    ['leases that cannot be read', 50, ofProblem({ code: 'leases-unreadable', reason: 'x' })],
    ['a disk that is full', 50, ofProblem({ code: 'leases-unwritable', reason: 'x' })],
    ['no bridge', 51, ofProblem({ code: 'bridge-failed', name: 'x', error: 'y' })],
    ['no forwarding', 51, ofProblem({ code: 'forwarding-off', error: 'y' })],
    ['purged', 51, view({ phase: 'purged' })],
  ]
  for (const [what, code, seen] of cases) {
    it(`${what}: ${code}`, () => assert.equal(codeOf(seen), code))
  }

  it('is well where only rests are left, or something else is wrong', () => {
    assert.equal(codeOf(ipam(subnet ? [{ ...subnet, free: 0n, resting: 1 }] : [])), 0)
    assert.equal(codeOf(ofProblem({ code: 'leases-slow' })), 50)
    assert.equal(codeOf(ofProblem({ code: 'joined-alone', waitedMs: 1 })), 0)
  })

  it('says what CHECK cannot know', () => {
    assert.equal(isBlind(healthy), false)
    assert.equal(isBlind(ofProblem({ code: 'leases-unreadable', reason: 'x' })), true)
  })
})

describe('what the agent refuses', () => {
  const codes: readonly (readonly [LeaseRefusal | 'stopping', number])[] = [
    ['no-subnet', 11],
    ['exhausted', 11],
    ['address-taken', 11],
    ['address-outside', 7],
    ['address-unusable', 7],
    ['other-address', 7],
    ['leases-unwritable', 11],
    ['leases-slow', 11],
    ['leases-unreadable', 11],
    ['stopping', 11],
  ]
  for (const [code, expected] of codes) {
    it(`${code}: ${expected}`, () => {
      const failure = refusal({ code, message: 'why' })
      assert.deepEqual(JSON.parse(failureText(failure, '0.4.0')), {
        cniVersion: '0.4.0',
        code: expected,
        msg: 'why',
      })
    })
  }
})
