/** What the doctor concludes from what was read. That it is read as it is on real hosts: test/e2e/doctor.test.ts. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Fact, known, unknown } from '../../../src/adapters/doctor/fact.ts'
import { parseNft } from '../../../src/adapters/doctor/firewall.ts'
import type { AgentFacts, Facts, Line, Verdict } from '../../../src/cli/doctor/check.ts'
import { checks, diagnose, verdictOf } from '../../../src/cli/doctor/checks.ts'
import { prefixOf } from '../fake-agent.ts'
import { agentFacts, route, setup, soundFacts } from './facts.ts'

const unseen: Fact<never> = unknown('it is not to be seen', 'look at the host')
const sysctls = (...changed: readonly (readonly [string, string | undefined])[]) => ({
  sysctls: new Map([...soundFacts().sysctls, ...changed]),
})
const agentWith = (status: Partial<AgentFacts['status']>, rest: Partial<AgentFacts> = {}) => {
  const agent = agentFacts()
  return { agent: { ...agent, ...rest, status: { ...agent.status, ...status } } }
}
const routes = (...further: ReturnType<typeof route>[]) => ({
  routes: { isWhole: true, routes: [...soundFacts().routes.routes, ...further] },
})
const filter = (...lines: readonly string[]) => ({
  iptables: known([
    {
      family: 4 as const,
      program: 'iptables-nft',
      saved: ['*filter', ...lines, 'COMMIT'].join('\n'),
    },
  ]),
})
const chain = (name: string, table: string, policy: string, ...rules: readonly string[]) => ({
  family: 'inet',
  hook: 'forward',
  ...{ name, table, policy, rules },
})
const way = (outcome: 'answered' | 'refused' | 'unreachable' | 'silent' | 'no-source') => ({
  ways: {
    from: ['172.16.0.1'],
    probed: [{ name: 'b', gateway: '172.16.4.1', outcome, ms: 1 }],
    left: 3,
  },
})
const seed = (facts: Partial<Facts['seeds'][number]>) => ({
  seeds: [{ seed: 'h9', addresses: ['10.0.9.9'], answer: undefined, ...facts }],
})
const noAgent = { agent: undefined, absence: 'no agent listens on /x' }
const dropped = { outcome: 'silent', error: '', ms: 2_000 } as const

type Case = readonly [code: string, verdict: Verdict, what: RegExp, change: Partial<Facts>]

const cases: readonly Case[] = [
  ['capability', 'fail', /CAP_NET_ADMIN is missing/, { ...noAgent, netAdmin: known(false) }],
  ['capability', 'ok', /is there/, noAgent],
  ['capability', 'unknown', /not to be seen/, { ...noAgent, netAdmin: unseen }],
  ['kernel', 'fail', /lacks veth/, { kernel: { ...soundFacts().kernel, veth: 'absent' } }],
  ['kernel', 'unknown', /bridges/, { kernel: { ...soundFacts().kernel, bridge: 'unknown' } }],
  [
    'kernel',
    'ok',
    /^the kernel has bridges, veth pairs$/,
    { kernel: { ...soundFacts().kernel, nf_tables: 'absent' } },
  ],
  [
    'kernel',
    'fail',
    /nftables/,
    {
      setup: { ...setup, masquerades: true },
      kernel: { ...soundFacts().kernel, nf_tables: 'absent' },
    },
  ],
  [
    'kernel',
    'fail',
    /iptables/,
    { setup: { ...setup, opens: true }, kernel: { ...soundFacts().kernel, ip_tables: 'absent' } },
  ],
  [
    'state-space',
    'fail',
    /^0 MiB are free/,
    { state: known({ path: '/s', freeBytes: 4_096, freeFiles: 9 }) },
  ],
  [
    'state-space',
    'warn',
    /^20 MiB are free/,
    { state: known({ path: '/s', freeBytes: 20 * 2 ** 20, freeFiles: undefined }) },
  ],
  [
    'state-space',
    'fail',
    /no further file/,
    { state: known({ path: '/s', freeBytes: 2 ** 33, freeFiles: 0 }) },
  ],
  ['state-space', 'unknown', /not to be seen/, { state: unseen }],
  ['state-write', 'ok', /after 1\.0 ms/, {}],
  ['state-write', 'warn', /after 150\.0 ms/, { write: { ms: 150 } }],
  ['state-write', 'fail', /no address is granted/, { write: { ms: 2_500 } }],
  ['state-write', 'fail', /hangs/, { write: { error: 'ETIMEDOUT' } }],
  ['state-write', 'fail', /read-only/, { write: { error: 'EROFS' } }],
  ['state-write', 'fail', /full/, { write: { error: 'ENOSPC' } }],
  ['state-write', 'fail', /\(EIO\)/, { write: { error: 'EIO' } }],
  ['state-write', 'unknown', /not by this user/, { write: { error: 'EACCES' } }],
  ['forwarding', 'fail', /^off: net\.ipv4\.ip_forward$/, sysctls(['ipv4/ip_forward', '0'])],
  [
    'forwarding',
    'ok',
    /switched on when the agent starts/,
    { ...noAgent, ...sysctls(['ipv4/ip_forward', '0']) },
  ],
  [
    'forwarding',
    'fail',
    /^off/,
    { ...noAgent, canWriteSysctls: false, ...sysctls(['ipv4/ip_forward', '0']) },
  ],
  ['forwarding', 'unknown', /not to be read/, sysctls(['ipv4/ip_forward', undefined])],
  [
    'forwarding',
    'fail',
    /net\.ipv6\.conf\.all\.forwarding/,
    {
      setup: { ...setup, pools: [prefixOf('fd00::/48')] },
      ...sysctls(['ipv6/conf/all/forwarding', '0']),
    },
  ],
  [
    'interface-forwarding',
    'fail',
    /conf\.eth0\.forwarding/,
    sysctls(['ipv4/conf/eth0/forwarding', '0']),
  ],
  ['rp-filter', 'ok', /the one way/, sysctls(['ipv4/conf/eth0/rp_filter', '1'])],
  [
    'rp-filter',
    'ok',
    /\(2\)/,
    sysctls(['ipv4/conf/all/rp_filter', '1'], ['ipv4/conf/eth0/rp_filter', '2']),
  ],
  [
    'rp-filter',
    'warn',
    /leave by eth1/,
    { ...sysctls(['ipv4/conf/all/rp_filter', '1']), ...routes(route('10.0.0.0/16', 'eth1')) },
  ],
  ['rp-filter', 'unknown', /not known/, { uplink: '' }],
  [
    'networkd',
    'warn',
    /removes routes/,
    { networkd: known({ isRunning: true, managesForeignRoutes: true }) },
  ],
  [
    'networkd',
    'ok',
    /leaves foreign/,
    { networkd: known({ isRunning: true, managesForeignRoutes: false }) },
  ],
  ['networkd', 'unknown', /not to be seen/, { networkd: unseen }],
  [
    'network-manager',
    'warn',
    /take over starling0/,
    { networkManager: known({ isRunning: true, unmanaged: ['docker*'] }) },
  ],
  [
    'network-manager',
    'ok',
    /alone/,
    { networkManager: known({ isRunning: true, unmanaged: ['starling*'] }) },
  ],
  ['network-manager', 'unknown', /not to be seen/, { networkManager: unseen }],
  ['uplink', 'fail', /no interface/, agentWith({ nextHops: [], uplink: '' })],
  ['uplink', 'fail', /no interface eth7/, { ...noAgent, setup: { ...setup, interface: 'eth7' } }],
  [
    'uplink',
    'fail',
    /no network/,
    { ...noAgent, uplink: '', routes: { isWhole: true, routes: [] } },
  ],
  ['uplink', 'unknown', /which interface/, { ...noAgent, uplink: '' }],
  ['uplink', 'ok', /10\.0\.1\.70 on eth0/, {}],
  [
    'mtu',
    'warn',
    /starling0 takes 1500 bytes, and eth0 1400/,
    {
      links: new Map([
        ['eth0', 1_400],
        ['starling0', 1_500],
      ]),
    },
  ],
  [
    'mtu',
    'fail',
    /1200/,
    { links: new Map([['eth0', 1_200]]), setup: { ...setup, pools: [prefixOf('fd00::/48')] } },
  ],
  ['mtu', 'unknown', /not known/, { uplink: '' }],
  [
    'pool-overlap',
    'warn',
    /Docker's 172\.17\.0\.0\/16 on docker0: 6\.2 % of it/,
    routes(route('172.17.0.0/16', 'docker0')),
  ],
  [
    'pool-overlap',
    'warn',
    /the VPN 172\.20\.0\.0\/24 on wg0/,
    routes(route('172.20.0.0/24', 'wg0')),
  ],
  [
    'pool-overlap',
    'warn',
    /the network 172\.21/,
    routes(route('172.21.0.0/24', 'eth1'), route('172.21.0.0/24', 'eth1')),
  ],
  [
    'pool-overlap',
    'warn',
    /the route 172\.22/,
    routes(route('172.22.0.0/24', 'eth0', { isOnLink: false })),
  ],
  [
    'pool-overlap',
    'fail',
    /more than half/,
    routes(route('172.16.0.0/13', 'eth1'), route('172.24.0.0/16', 'eth2')),
  ],
  [
    'pool-overlap',
    'fail',
    /fd00::\/49.* more than half/,
    {
      setup: { ...setup, pools: [prefixOf('172.16.0.0/12'), prefixOf('fd00::/48')] },
      ...routes(
        route('172.20.0.0/24', 'wg0'),
        route('fd00::/49', 'eth1'),
        route('fd00:0:0:8000::/50', 'eth2'),
      ),
    },
  ],
  [
    'pool-overlap',
    'ok',
    /no network/,
    routes(route('172.16.0.0/12', 'eth1', { isOnLink: false }), route('172.0.0.0/8', 'eth1')),
  ],
  [
    'pool-overlap',
    'unknown',
    /told from those/,
    {
      routes: {
        isWhole: false,
        routes: [{ ...route('172.16.4.0/22', 'eth0', { isOnLink: false }), protocol: undefined }],
      },
    },
  ],
  [
    'docker-pools',
    'warn',
    /172\.17\.0\.0\/16/,
    { docker: known({ isThere: true, pools: undefined }) },
  ],
  [
    'docker-pools',
    'ok',
    /elsewhere/,
    { docker: known({ isThere: true, pools: ['192.168.0.0/16'] }) },
  ],
  ['docker-pools', 'unknown', /not to be seen/, { docker: unseen }],
  [
    'next-hop',
    'warn',
    /10\.9\.0\.1 of b/,
    {
      agent: {
        ...agentFacts(),
        peers: agentFacts().peers.map((peer) => ({
          ...peer,
          nextHops: peer.name === 'b' ? ['10.9.0.1'] : peer.nextHops,
        })),
      },
    },
  ],
  [
    'next-hop',
    'warn',
    /10\.9\.0\.2 of h2/,
    { ...noAgent, seeds: [{ seed: 'h2', addresses: ['10.9.0.2'], answer: dropped }] },
  ],
  ['next-hop', 'ok', /2 next hops/, {}],
  ['forward-policy', 'fail', /FORWARD drops.*iptables-nft/, filter(':FORWARD DROP [0:0]')],
  [
    'forward-policy',
    'fail',
    /FORWARD drops/,
    filter(':FORWARD ACCEPT [0:0]', '-A FORWARD -j REJECT --reject-with icmp-host-prohibited'),
  ],
  [
    'forward-policy',
    'ok',
    /lets/,
    filter(
      ':FORWARD DROP [0:0]',
      ':STARLING - [0:0]',
      '-A FORWARD -j DOCKER-USER',
      '-A DOCKER-USER -m comment --comment starling -j STARLING',
      '-A STARLING -i starling0 -j ACCEPT',
      '-A STARLING -o starling0 -j ACCEPT',
    ),
  ],
  ['forward-policy', 'unknown', /not to be seen/, { iptables: unseen }],
  [
    'forward-chain',
    'fail',
    /chain forward of table inet filter/,
    { nft: known([chain('forward', 'filter', 'drop', '[{"drop":null}]')]) },
  ],
  [
    'forward-chain',
    'ok',
    /no chain/,
    { nft: known([chain('forward', 'filter', 'drop', '[{"match":{"right":"starling0"}}]')]) },
  ],
  ['forward-chain', 'unknown', /not to be seen/, { nft: unseen }],
  [
    'docker-raw',
    'fail',
    /172\.16\.0\.9\/32/,
    {
      iptables: known([
        {
          family: 4,
          program: 'iptables',
          saved: '*raw\n-A PREROUTING -d 172.16.0.9/32 ! -i br-1 -j DROP\nCOMMIT',
        },
      ]),
    },
  ],
  [
    'docker-raw',
    'ok',
    /nothing/,
    {
      iptables: known([
        {
          family: 4,
          program: 'iptables',
          saved: '*raw\n-A PREROUTING -d 192.168.9.9/32 ! -i docker0 -j DROP\nCOMMIT',
        },
      ]),
    },
  ],
  ['docker-raw', 'unknown', /not to be seen/, { iptables: unseen }],
  [
    'docker-filter',
    'fail',
    /-o starling0 -j DROP/,
    filter('-A DOCKER ! -i starling0 -o starling0 -j DROP'),
  ],
  ['docker-filter', 'ok', /nothing/, filter('-A DOCKER ! -i docker0 -o docker0 -j DROP')],
  [
    'docker-nft',
    'fail',
    /filter-forward-in__starling0/,
    {
      nft: known([
        {
          ...chain('filter-forward-in__starling0', 'docker-bridges', '', '[{"drop":null}]'),
          family: 'ip',
          hook: '',
        },
      ]),
    },
  ],
  [
    'docker-nft',
    'fail',
    /raw-PREROUTING/,
    {
      nft: known([
        {
          ...chain(
            'raw-PREROUTING',
            'docker-bridges',
            'accept',
            '[{"match":{"op":"!=","right":"starling0"}},{"drop":null}]',
          ),
          family: 'ip',
          hook: 'prerouting',
        },
      ]),
    },
  ],
  [
    'docker-nft',
    'ok',
    /no table/,
    {
      nft: known([
        {
          ...chain(
            'raw-PREROUTING',
            'docker-bridges',
            'accept',
            '[{"match":{"right":"docker0"}},{"drop":null}]',
          ),
          family: 'ip',
        },
      ]),
    },
  ],
  [
    'firewalld',
    'warn',
    /none of its zones/,
    { nft: known([chain('filter_FORWARD', 'firewalld', 'accept')]) },
  ],
  [
    'firewalld',
    'ok',
    /knows starling0/,
    {
      nft: known([
        chain('filter_FORWARD', 'firewalld', 'accept', '[{"match":{"right":"starling0"}}]'),
      ]),
    },
  ],
  [
    'bridge-filter',
    'warn',
    /do not reach each other/,
    { ...filter(':FORWARD DROP [0:0]'), ...sysctls(['bridge/bridge-nf-call-iptables', '1']) },
  ],
  ['bridge-filter', 'ok', /lets them through/, sysctls(['bridge/bridge-nf-call-iptables', '1'])],
  [
    'bridge-filter',
    'unknown',
    /not known/,
    { iptables: unseen, ...sysctls(['bridge/bridge-nf-call-iptables', '1']) },
  ],
  [
    'cni-network',
    'warn',
    /00-a\.conf comes before/,
    {
      cni: known({
        files: ['/c/00-a.conf', '/c/10-starling.conflist'],
        ours: ['/c/10-starling.conflist'],
        versions: ['1.0.0'],
        lack: '',
        plugin: 'same',
      }),
    },
  ],
  ['cni-network', 'fail', /is not there/, { setup: { ...setup, cniConfDir: '/c' } }],
  ['cni-network', 'unknown', /not to be seen/, { cni: unseen }],
  [
    'cni-plugins',
    'fail',
    /no bridge/,
    {
      cni: known({
        files: ['/c/10-starling.conflist'],
        ours: ['/c/10-starling.conflist'],
        versions: [],
        lack: 'no bridge',
        plugin: 'unknown',
      }),
    },
  ],
  [
    'cni-plugins',
    'fail',
    /starling-ipam is missing/,
    {
      cni: known({
        files: ['/c/1'],
        ours: ['/c/1'],
        versions: ['1.0.0'],
        lack: '',
        plugin: 'absent',
      }),
    },
  ],
  [
    'cni-plugins',
    'warn',
    /not the plugin of this/,
    {
      cni: known({
        files: ['/c/1'],
        ours: ['/c/1'],
        versions: ['1.0.0'],
        lack: '',
        plugin: 'other',
      }),
    },
  ],
  [
    'cni-plugins',
    'ok',
    /CNI 1\.0\.0/,
    {
      cni: known({
        files: ['/c/1'],
        ours: ['/c/1'],
        versions: ['1.0.0'],
        lack: '',
        plugin: 'same',
      }),
    },
  ],
  ['agent', 'unknown', /no agent listens/, noAgent],
  ['agent-here', 'unknown', /namespace/, { agent: { ...agentFacts(), isHere: false } }],
  [
    'convergence',
    'warn',
    /not converged/,
    agentWith({
      convergence: { converged: false, claimed: true, digestsEqual: false, kernelEqual: true },
    }),
  ],
  [
    'problem',
    'fail',
    /\[leases-unreadable\]/,
    agentWith({
      problems: [{ code: 'leases-unreadable', level: 'error', message: 'm', mend: 'x', cause: 0 }],
    }),
  ],
  [
    'problem',
    'warn',
    /\[route-alien\]/,
    agentWith({
      problems: [{ code: 'route-alien', level: 'warn', message: 'm', mend: 'x', cause: 0 }],
    }),
  ],
  [
    'problem',
    'warn',
    /^2 more problems$/,
    agentWith({
      problems: Array.from({ length: 5 }, () => ({
        code: 'route-alien',
        level: 'warn',
        message: 'm',
        mend: 'x',
        cause: 0,
      })),
    }),
  ],
  [
    'problem',
    'fail',
    /\[route-dead\]$/,
    agentWith({
      problems: [
        { code: 'route-dead', level: 'error', message: 'm', mend: 'x', cause: 2 },
        { code: 'uplink-missing', level: 'warn', message: 'm', mend: 'x', cause: 0 },
      ],
    }),
  ],
  ['seed', 'warn', /does not resolve/, seed({ addresses: [] })],
  ['seed', 'fail', /is silent/, { ...noAgent, ...seed({ answer: dropped }) }],
  [
    'seed',
    'warn',
    /no agent listens/,
    seed({ answer: { outcome: 'refused', error: 'ECONNREFUSED', ms: 1 } }),
  ],
  [
    'clock',
    'warn',
    /the clock of b/,
    agentWith({
      problems: [
        {
          code: 'clock-skew',
          level: 'warn',
          message: 'the clock of b is 90 s ahead',
          mend: 'NTP',
          cause: 0,
        },
      ],
    }),
  ],
  ['clock', 'unknown', /no peer/, agentWith({ peersConnected: 0 })],
  [
    'version',
    'warn',
    /1 run 0\.2\.0/,
    {
      agent: {
        ...agentFacts(),
        peers: agentFacts().peers.map((peer) =>
          peer.name === 'b' ? { ...peer, software: '0.2.0' } : peer,
        ),
      },
    },
  ],
  ['version', 'warn', /this command is 9/, { ownSoftware: '9' }],
  ['reachability', 'ok', /3 were not asked/, way('refused')],
  ['reachability', 'fail', /silent from 172\.16\.0\.1: 172\.16\.4\.1 of b/, way('silent')],
  ['reachability', 'fail', /unreachable from/, way('unreachable')],
  ['reachability', 'unknown', /does not have/, way('no-source')],
  [
    'reachability',
    'unknown',
    /no confirmed subnet/,
    { ways: undefined, unprobed: 'this node has no confirmed subnet to ask from' },
  ],
]

const linesOf = (code: string, change: Partial<Facts>): readonly Line[] =>
  diagnose({ ...soundFacts(), ...change }).filter((line) => line.code === code)

describe('the doctor', () => {
  test('finds nothing wrong with a host on which all is well', () => {
    const lines = diagnose(soundFacts())
    assert.deepEqual(
      lines.filter(({ verdict }) => verdict !== 'ok'),
      [],
    )
    assert.equal(verdictOf(lines), 'ok')
  })

  for (const [code, verdict, what, change] of cases) {
    test(`${code} is ${verdict}: ${what.source}`, () => {
      const line = linesOf(code, change).find(({ message }) => what.test(message))
      assert.equal(line?.verdict, verdict, JSON.stringify(linesOf(code, change)))
      assert.equal(line?.mend === '', verdict === 'ok', 'what is not well has a mend')
    })
  }

  test('has a case for each of its lines that is not ok', () => {
    const tried = new Set(cases.filter(([, verdict]) => verdict !== 'ok').map(([code]) => code))
    assert.deepEqual(
      checks.map(({ code }) => code).filter((code) => !tried.has(code)),
      [],
    )
    assert.equal(new Set(checks.map(({ code }) => code)).size, checks.length)
  })

  test('says nothing of a firewall where no bridge is managed', () => {
    const lines = diagnose({ ...soundFacts(), setup: { ...setup, bridge: '' } })
    assert.ok(!lines.some(({ code, group }) => group === 'firewall' || code === 'kernel'))
  })

  test('says of a host without an agent what can be said, and that the rest is not known', () => {
    const lines = diagnose({ ...soundFacts(), ...noAgent, ways: undefined })
    const cluster = lines.filter(({ group }) => group === 'cluster').map(({ code }) => code)
    assert.deepEqual(cluster, ['agent', 'seed'])
    assert.equal(verdictOf(lines), 'unknown')
  })
})

test('the chains of nft have their rules, and those of iptables are not judged twice', () => {
  const nftables = [
    { chain: { family: 'ip', table: 'filter', name: 'FORWARD', hook: 'forward', policy: 'drop' } },
    { rule: { family: 'ip', table: 'filter', chain: 'FORWARD', expr: [{ drop: null }] } },
  ]
  const chains = parseNft(JSON.stringify({ nftables }))
  assert.deepEqual(chains[0]?.rules, ['[{"drop":null}]'])
  assert.equal(linesOf('forward-chain', { nft: known(chains) })[0]?.verdict, 'ok')
})
