/** Hosts that change under the agent: what is done to one of them, and what its kernel and its status show thereafter. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { LabHost } from '../../simulations/lab/host.ts'
import { converged, ownSubnets, routeStates, shell, startHosts, until, withLab } from './lab.ts'

/** Far below the resync, which must find nothing. An idle machine needs a tenth of it; the time taken is printed. */
const withinMs = 10_000
const pools = [
  ...['--pool', '172.16.0.0/12', '--prefix-length', '22'],
  ...['--pool', 'fd00:10::/40', '--prefix-length', '64'],
]

/** What stands in the commands of the table, by name. */
interface Names {
  /** The subject's own subnet and address; the second host's subnets, and parts of them. */
  readonly own4: string
  readonly second4: string
  readonly second6: string
  readonly inside4: string
  readonly inside6: string
  readonly around4: string
  readonly address: string
  readonly hop2: string
}

type State = 'installed' | 'shadowed' | 'dead' | 'alien' | 'not-on-link' | 'refused'

interface Row {
  readonly what: string
  readonly does: (names: Names) => readonly string[]
  /** What is to be seen until `undo`; the states are of the routes to the second host. Without it: all is well. */
  readonly sees?: { readonly v4?: State; readonly v6?: State; readonly problem?: string }
  readonly undo?: (names: Names) => readonly string[]
  /** What must hold after all, in words of a shell. */
  readonly holds?: (names: Names) => readonly string[]
}

const vpn = 'ip link add vpn0 type bridge; ip link set vpn0 up; ip addr add 10.99.0.1/24 dev vpn0'

const rows: readonly Row[] = [
  { what: 'a route is deleted (IPv4)', does: (n) => [`ip route del ${n.second4}`] },
  { what: 'a route is deleted (IPv6)', does: (n) => [`ip -6 route del ${n.second6}`] },
  {
    what: 'a route is changed to another next hop',
    does: (n) => [`ip route change ${n.second4} via 10.0.1.99 proto 83`],
  },
  { what: 'all owned routes are flushed', does: () => ['ip route flush proto 83'] },
  {
    what: 'a route of another program stands before ours',
    does: (n) => [`ip route prepend ${n.second4} via 10.0.1.99`],
    sees: { v4: 'shadowed', problem: 'route-shadowed' },
    undo: (n) => [`ip route del ${n.second4} via 10.0.1.99`],
  },
  {
    what: 'a route of another program has a better metric (IPv6)',
    does: (n) => [`ip -6 route add ${n.second6} dev eth0 metric 5`],
    sees: { v6: 'shadowed', problem: 'route-shadowed' },
    undo: (n) => [`ip -6 route del ${n.second6} dev eth0 metric 5`],
  },
  {
    what: 'a null route inside ours (IPv4)',
    does: (n) => [`ip route add blackhole ${n.inside4.replace('/24', '/32')}`],
    sees: { v4: 'shadowed', problem: 'route-shadowed' },
    undo: (n) => [`ip route del blackhole ${n.inside4.replace('/24', '/32')}`],
  },
  {
    what: 'a null route inside ours (IPv6)',
    does: (n) => [`ip -6 route add blackhole ${n.inside6}`],
    sees: { v6: 'shadowed', problem: 'route-shadowed' },
    undo: (n) => [`ip -6 route del blackhole ${n.inside6}`],
  },
  {
    what: "a VPN's network inside ours, which goes with its link",
    does: (n) => [vpn, `ip route add ${n.inside4} dev vpn0`],
    sees: { v4: 'shadowed', problem: 'route-shadowed' },
    undo: () => ['ip link del vpn0'],
  },
  {
    what: 'a route inside ours by a nexthop object, which takes it along',
    does: (n) => ['ip nexthop add id 7 via 10.0.1.99 dev eth0', `ip route add ${n.inside4} nhid 7`],
    sees: { v4: 'shadowed', problem: 'route-shadowed' },
    undo: () => ['ip nexthop del id 7'],
  },
  {
    what: 'a route at our key by a nexthop object, which takes it along',
    does: (n) => [
      'ip nexthop add id 8 via 10.0.1.99 dev eth0',
      `ip route replace ${n.second4} nhid 8`,
    ],
    sees: { v4: 'alien', problem: 'route-alien' },
    undo: () => ['ip nexthop del id 8'],
  },
  {
    what: 'a route at our key on a link, which takes it along',
    does: (n) => [vpn, `ip route replace ${n.second4} dev vpn0`],
    sees: { v4: 'alien', problem: 'route-alien' },
    undo: () => ['ip link del vpn0'],
  },
  {
    what: 'a route at our key that is removed again',
    does: (n) => [`ip route replace blackhole ${n.second4}`],
    sees: { v4: 'alien', problem: 'route-alien' },
    undo: (n) => [`ip route del blackhole ${n.second4}`],
  },
  {
    what: 'a local network round ours, which goes with its bridge',
    does: (n) => [
      'ip link add br9 type bridge',
      'ip link set br9 up',
      `ip addr add ${n.around4} dev br9`,
    ],
    sees: { v4: 'refused', problem: 'route-refused' },
    undo: () => ['ip link del br9'],
  },
  {
    what: 'a local network round ours, which goes with its address',
    does: (n) => [
      'ip link add br9 type bridge',
      'ip link set br9 up',
      `ip addr add ${n.around4} dev br9`,
    ],
    sees: { v4: 'refused', problem: 'route-refused' },
    undo: (n) => [`ip addr del ${n.around4} dev br9`],
  },
  { what: 'that bridge goes', does: () => ['ip link del br9'] },
  {
    what: 'a policy rule leads to another table (IPv4)',
    does: (n) => [
      'ip route add default via 10.0.1.99 table 100',
      `ip rule add to ${n.second4} lookup 100`,
    ],
    sees: { v4: 'shadowed', problem: 'route-shadowed' },
    undo: (n) => [`ip rule del to ${n.second4} lookup 100`, 'ip route flush table 100'],
  },
  {
    what: 'a policy rule leads to another table (IPv6)',
    does: (n) => [
      'ip -6 route add default dev eth0 table 100',
      `ip -6 rule add to ${n.second6} lookup 100`,
    ],
    sees: { v6: 'shadowed', problem: 'route-shadowed' },
    undo: (n) => [`ip -6 rule del to ${n.second6} lookup 100`, 'ip -6 route flush table 100'],
  },
  {
    what: "a policy rule takes the next hops' link away",
    does: () => [
      'ip route add 10.0.0.0/16 via 10.0.1.99 dev eth0 onlink table 100',
      'ip rule add to 10.0.1.0/24 priority 100 lookup 100',
    ],
    sees: { v4: 'not-on-link', problem: 'route-off-link' },
    undo: () => ['ip rule del priority 100', 'ip route flush table 100'],
  },
  {
    what: 'a VPN in the manner of wg-quick, which leaves the main table its routes',
    does: () => [
      vpn,
      'ip route add default dev vpn0 table 51820',
      'ip rule add not fwmark 51820 lookup 51820',
      'ip rule add lookup main suppress_prefixlength 0',
    ],
    undo: () => [
      'ip rule del lookup main suppress_prefixlength 0',
      'ip rule del lookup 51820',
      'ip link del vpn0',
    ],
  },
  {
    what: 'the main table is flushed, and the connected route comes back later',
    does: () => [
      'ip route flush table main',
      'sleep 0.3',
      'ip route add 10.0.0.0/16 dev eth0 proto kernel scope link',
    ],
  },
  {
    what: 'an address comes without its route, which comes 300 ms later',
    does: (n) => [
      `ip addr del ${n.address}/16 dev eth0`,
      `ip addr add ${n.address}/16 dev eth0 noprefixroute`,
      'sleep 0.3',
      'ip route add 10.0.0.0/16 dev eth0',
    ],
    undo: (n) => [
      `ip addr del ${n.address}/16 dev eth0`,
      'ip route flush 10.0.0.0/16',
      `ip addr add ${n.address}/16 dev eth0`,
    ],
  },
  {
    what: 'a link goes down and up, and takes its routes along',
    does: () => ['ip link set eth0 down', 'ip link set eth0 up'],
  },
  {
    what: 'a link stays down',
    does: () => ['ip link set eth0 down'],
    sees: { v4: 'not-on-link', v6: 'not-on-link', problem: 'route-off-link' },
    undo: () => ['ip link set eth0 up'],
  },
  {
    what: 'the last address of the link goes',
    does: (n) => [`ip addr del ${n.address}/16 dev eth0`],
    sees: { v4: 'not-on-link', problem: 'route-off-link' },
    undo: (n) => [`ip addr add ${n.address}/16 dev eth0`],
  },
  {
    what: 'another address comes and goes',
    does: () => ['ip addr add 10.0.9.9/24 dev eth0', 'ip addr del 10.0.9.9/24 dev eth0'],
  },
  {
    what: 'a more specific route leads to a next hop over another link: ours moves, and moves back',
    does: (n) => [
      'ip link add lan2 type veth peer name lan2p',
      'ip link set lan2 up',
      'ip link set lan2p up',
      `ip route add ${n.hop2}/32 dev lan2`,
      `until ip route show ${n.second4} | grep -q lan2; do sleep 0.05; done`,
    ],
    undo: () => ['ip link del lan2'],
    holds: (n) => [`ip route show ${n.second4} | grep eth0`],
  },
  {
    what: 'the link is renamed',
    does: () => [
      'ip link set eth0 down',
      'ip link set eth0 name lan0',
      'ip link set lan0 up',
      'until ip route show proto 83 | grep -q lan0; do sleep 0.05; done',
    ],
    undo: () => ['ip link set lan0 down', 'ip link set lan0 name eth0', 'ip link set eth0 up'],
  },
  {
    what: 'the link becomes a port of a bridge, which takes its address',
    does: (n) => [
      'ip link add brlan type bridge',
      'ip link set brlan address $(cat /sys/class/net/eth0/address)',
      'ip link set brlan up',
      'ip link set eth0 master brlan',
      `ip addr del ${n.address}/16 dev eth0`,
      `ip addr add ${n.address}/16 dev brlan`,
      'until ip route show proto 83 | grep -q brlan; do sleep 0.05; done',
    ],
    undo: (n) => [
      'ip link del brlan',
      `ip addr add ${n.address}/16 dev eth0`,
      'until ip route show proto 83 | grep -q eth0; do sleep 0.05; done',
    ],
  },
  {
    what: 'IPv6 is switched off on the link',
    does: () => ['sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1'],
    sees: { v6: 'not-on-link' },
    undo: () => ['sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0'],
  },
  {
    what: 'the bridge of the containers is deleted',
    does: () => ['ip link del starling0'],
    holds: (n) => [`ip addr show dev starling0 | grep ${n.own4.replace('.0/22', '.1/22')}`],
  },
  {
    what: 'the bridge of the containers is set down',
    does: () => ['ip link set starling0 down'],
    holds: () => ['ip -br link show dev starling0 | grep -v DOWN.*\\<BROADCAST,MULTICAST\\>'],
  },
  {
    what: 'the gateway address is removed',
    does: (n) => [`ip addr del ${n.own4.replace('.0/22', '.1/22')} dev starling0`],
    holds: (n) => [`ip addr show dev starling0 | grep ${n.own4.replace('.0/22', '.1/22')}`],
  },
  {
    what: 'an operator adds addresses to the bridge, inside the pool too, which stay',
    does: (n) => [
      'ip addr add 192.168.9.1/24 dev starling0',
      `ip addr add ${n.own4.replace('.0/22', '.77/22')} dev starling0`,
      'ip link set starling0 down',
      'ip link set starling0 up',
      'sleep 1',
    ],
    holds: (n) => [
      'ip addr show dev starling0 | grep 192.168.9.1/24',
      `ip addr show dev starling0 | grep ${n.own4.replace('.0/22', '.77/22')}`,
    ],
  },
  {
    what: 'forwarding is switched off (IPv4)',
    does: () => [
      'sysctl -qw net.ipv4.ip_forward=0',
      'until [ $(cat /proc/sys/net/ipv4/ip_forward) = 1 ]; do sleep 0.05; done',
    ],
  },
  {
    what: 'forwarding is switched off (IPv6)',
    does: () => [
      'sysctl -qw net.ipv6.conf.all.forwarding=0',
      'until [ $(cat /proc/sys/net/ipv6/conf/all/forwarding) = 1 ]; do sleep 0.05; done',
    ],
  },
  ...['eth0', 'starling0'].map((link) => ({
    what: `forwarding of ${link} is switched off`,
    does: () => [
      `sysctl -qw net.ipv4.conf.${link}.forwarding=0`,
      `until [ $(cat /proc/sys/net/ipv4/conf/${link}/forwarding) = 1 ]; do sleep 0.05; done`,
    ],
  })),
  {
    what: 'a default route comes and goes',
    does: () => ['ip route add default via 10.0.1.99', 'ip route del default via 10.0.1.99'],
  },
]

test('whatever happens to a host is noticed, and undone or said', async (t) => {
  assert.ok(rows.length >= 30)
  await withLab('changes', async (lab) => {
    const [h1, h2] = await startHosts(lab, 2, pools)
    assert.ok(h1 && h2)
    for (const host of [h1, h2]) await host.note('claim-confirmed')
    await converged(h1, h2)
    const names = await namesOf(h1, h2)
    for (const row of rows) await t.test(row.what, (inner) => play(inner, h1, names, row))
    await t.test('the other host is right again, too', () => converged(h2))
  })
})

async function play(t: TestContext, host: LabHost, names: Names, row: Row): Promise<void> {
  const { sees } = row
  try {
    for (const command of row.does(names)) await shell(host, command)
    if (sees) await within(t, 'seen', host, (status) => isSeen(status, names, sees))
  } finally {
    // The next row begins on a host that is right, whatever came of this one.
    for (const command of row.undo?.(names) ?? []) await shell(host, command)
  }
  const holds = async () => {
    for (const command of row.holds?.(names) ?? []) await shell(host, command)
    return true
  }
  // What was done may not have been noticed yet.
  await until('it holds', () => holds().catch(() => false))
  await within(t, 'right', host, (status) => isWell(status, names))
}

interface Status {
  readonly isConverged: boolean
  readonly problems: readonly { readonly code: string; readonly message: string }[]
  readonly states: ReadonlyMap<string, string>
}

async function statusOf(host: LabHost): Promise<Status> {
  const [{ problems, convergence }, states] = await Promise.all([
    host.ask('Status'),
    routeStates(host),
  ])
  return { isConverged: convergence.converged, problems, states }
}

function isSeen(
  { isConverged, problems, states }: Status,
  names: Names,
  sees: Row['sees'],
): boolean {
  const { v4, v6, problem } = sees ?? {}
  return (
    !(isConverged && problems.length === 0) &&
    (v4 === undefined || states.get(names.second4) === v4) &&
    (v6 === undefined || states.get(names.second6) === v6) &&
    (problem === undefined || problems.some(({ code }) => code === problem))
  )
}

const isWell = ({ isConverged, problems, states }: Status, { second4, second6 }: Names): boolean =>
  isConverged &&
  problems.length === 0 &&
  states.get(second4) === 'installed' &&
  states.get(second6) === 'installed'

async function within(
  t: TestContext,
  what: string,
  host: LabHost,
  fits: (status: Status) => boolean,
): Promise<void> {
  const from = performance.now()
  let last: Status | undefined
  try {
    await until(
      what,
      async () => {
        last = await statusOf(host)
        return fits(last)
      },
      withinMs,
    )
  } catch (error) {
    const routes = last ? [...last.states].join(' ') : ''
    const problems = last?.problems.map(({ code, message }) => `${code}: ${message}`).join('\n')
    throw new Error(
      `${what}: ${last?.isConverged ? '' : 'not '}converged\n${routes}\n${problems}`,
      {
        cause: error,
      },
    )
  }
  t.diagnostic(`${what} after ${Math.round(performance.now() - from)} ms`)
}

async function namesOf(host: LabHost, second: LabHost): Promise<Names> {
  const [own4] = await ownSubnets(host)
  const [second4 = '', second6 = ''] = await ownSubnets(second)
  return {
    own4: own4 ?? '',
    second4,
    second6,
    inside4: second4.replace('/22', '/24'),
    inside6: second6.replace('/64', '/96'),
    around4: '172.16.200.1/16',
    address: host.address,
    hop2: second.address,
  }
}
