/** Whether this host forwards, and which way leads to others. */

import type { HostRoute } from '../../adapters/doctor/routes.ts'
import { isLinkLocal, isLoopback, parseAddress } from '../../core/ip/address.ts'
import { holds, overlaps } from '../../core/ip/prefix.ts'
import { counted, listed } from '../../core/listed.ts'
import { sysctlName } from '../../core/sysctl.ts'
import { type Check, type Facts, type Finding, fail, judged, ok, unknown, warn } from './check.ts'

export const networkChecks: readonly Check[] = [
  {
    code: 'forwarding',
    group: 'network',
    reads: 'net.ipv4.ip_forward, and net.ipv6.conf.all.forwarding with an IPv6 pool',
    wrong:
      'Off while an agent runs, or where nobody can switch it on: nothing gets from other hosts to containers.',
    mend: 'sysctl -w net.ipv4.ip_forward=1',
    judge: (facts) => judgeForwarding(facts, families(facts).map(wholeForwarding)),
  },
  {
    code: 'interface-forwarding',
    group: 'network',
    reads: 'net.ipv4.conf.*.forwarding of uplink and bridge, likewise of IPv6',
    wrong: 'Off for one of them: its packets end on this host.',
    mend: 'sysctl -w net.ipv4.conf.eth0.forwarding=1',
    judge: (facts) => {
      const links = [facts.uplink, facts.setup.bridge].filter((link) => facts.links.has(link))
      const settings = families(facts).flatMap((family) =>
        links.map((link) => `ipv${family}/conf/${link}/forwarding`),
      )
      // Off as a whole it is off for each, and the line above says so.
      const isWhole = families(facts).every(
        (each) => facts.sysctls.get(wholeForwarding(each)) === '1',
      )
      return links.length === 0 || !isWhole ? [] : judgeForwarding(facts, settings)
    },
  },
  {
    code: 'rp-filter',
    group: 'network',
    reads: 'the higher of net.ipv4.conf.all.rp_filter and that of the uplink, and the routes',
    wrong:
      'Strict (1), and packets may come by another interface than their answers leave by: those are dropped without a word.',
    mend: 'sysctl -w net.ipv4.conf.eth0.rp_filter=2',
    judge: judgeReversePath,
  },
  {
    code: 'networkd',
    group: 'network',
    reads: '/run/systemd/netif, and ManageForeignRoutes of networkd.conf and its drop-ins',
    wrong:
      'systemd-networkd runs and removes routes that others made, whenever it is restarted: they are put back, and packets are lost meanwhile.',
    mend: 'Set ManageForeignRoutes=no in /etc/systemd/networkd.conf.d/starling.conf.',
    judge: ({ networkd }) =>
      judged(networkd, 'systemd-networkd', ({ isRunning, managesForeignRoutes }) => {
        if (!isRunning) return [ok('systemd-networkd does not run')]
        if (!managesForeignRoutes) return [ok('systemd-networkd leaves foreign routes alone')]
        return [
          warn(
            'systemd-networkd removes routes that it did not make when it is restarted',
            "mkdir -p /etc/systemd/networkd.conf.d && printf '[Network]\\nManageForeignRoutes=no\\n' > /etc/systemd/networkd.conf.d/starling.conf && systemctl restart systemd-networkd",
          ),
        ]
      }),
  },
  {
    code: 'network-manager',
    group: 'network',
    reads: '/run/NetworkManager, and unmanaged-devices of its configuration',
    wrong: 'NetworkManager runs and may take over the bridge.',
    mend: 'Name the bridge in unmanaged-devices.',
    judge: ({ networkManager, setup: { bridge } }) =>
      bridge === ''
        ? []
        : judged(networkManager, 'NetworkManager', ({ isRunning, unmanaged }) => {
            if (!isRunning) return [ok('NetworkManager does not run')]
            if (unmanaged.some((pattern) => fits(pattern, bridge))) {
              return [ok(`NetworkManager leaves ${bridge} alone`)]
            }
            return [
              warn(
                `NetworkManager may take over ${bridge}`,
                `printf '[keyfile]\\nunmanaged-devices+=interface-name:${bridge}\\n' > /etc/NetworkManager/conf.d/starling.conf && systemctl reload NetworkManager`,
              ),
            ]
          }),
  },
  {
    code: 'uplink',
    group: 'network',
    reads: 'the agent; without one `interface`, and the routes to the seeds',
    wrong: 'No interface leads to other hosts, or the one that is named is not there.',
    mend: 'Give an interface an address, or name it with --interface.',
    judge: judgeUplink,
  },
  {
    code: 'mtu',
    group: 'network',
    reads: '/sys/class/net/*/mtu of uplink and bridge',
    wrong:
      'The bridge takes larger packets than the uplink: large ones are lost where nobody may say that they are too large. Below 1280 IPv6 does not work.',
    mend: 'Give the bridge the MTU of the uplink, and its containers by `starling cni install`.',
    judge: judgeMtu,
  },
  {
    code: 'next-hop',
    group: 'network',
    reads: 'next hops of the nodes, or the seeds, and the networks of this host',
    wrong: 'One lies on no network of this host: no route can lead there directly.',
    mend: 'Put the hosts on one link, or set --next-hop on that node to an address there.',
    judge: judgeNextHops,
  },
]

/** Of a path below /proc/sys/net. */
const nameOf = (setting: string): string => sysctlName(`net/${setting}`)

const families = ({ setup }: Facts): (4 | 6)[] =>
  ([4, 6] as const).filter((family) => setup.pools.some((pool) => pool.family === family))

const wholeForwarding = (family: 4 | 6): string =>
  family === 4 ? 'ipv4/ip_forward' : 'ipv6/conf/all/forwarding'

function judgeForwarding(facts: Facts, settings: readonly string[]): readonly Finding[] {
  const names = (value: string | undefined): string[] =>
    settings.filter((setting) => facts.sysctls.get(setting) === value).map(nameOf)
  const [off, unread] = [names('0'), names(undefined)]
  const mend = off.map((name) => `sysctl -w ${name}=1`).join('; ')
  if (off.length > 0 && !facts.agent && facts.canWriteSysctls) {
    return [ok(`off, and switched on when the agent starts: ${listed(off)}`)]
  }
  if (off.length > 0) return [fail(`off: ${listed(off)}`, `${mend} (on the host)`)]
  if (unread.length > 0) {
    return [unknown(`not to be read: ${listed(unread)}`, 'run starling doctor on the host itself')]
  }
  return [ok(`on: ${listed(settings.map(nameOf))}`)]
}

function judgeReversePath({ sysctls, uplink, routes, agent }: Facts): readonly Finding[] {
  const values = ['all', uplink].map((link) => sysctls.get(`ipv4/conf/${link}/rp_filter`))
  if (uplink === '' || values.includes(undefined)) {
    return [
      unknown(
        'rp_filter: which interface leads to other hosts is not known',
        'name it: --interface',
      ),
    ]
  }
  const mode = Math.max(...values.map(Number))
  if (mode !== 1) return [ok(`${uplink} takes packets whose answers leave elsewhere (${mode})`)]
  // The kernel has no such filter for IPv6.
  const direct = onLink(routes.routes).filter(({ prefix }) => prefix.family === 4)
  const lans = direct.filter(({ link }) => link === uplink)
  const beside = direct.filter(
    ({ link, prefix }) => link !== uplink && lans.some((lan) => overlaps(lan.prefix, prefix)),
  )
  const elsewhere = (agent?.routes ?? []).flatMap(({ wanted }) =>
    wanted?.type === 'via' && wanted.interface !== uplink ? [wanted.interface] : [],
  )
  const others = [...new Set([...beside.map(({ link }) => link), ...elsewhere])]
  if (others.length === 0) {
    return [ok(`${uplink} is strict (1), and the one way to other hosts`)]
  }
  return [
    warn(
      `${uplink} drops packets whose answers leave by ${listed(others)} (strict, 1)`,
      `sysctl -w ${nameOf(`ipv4/conf/${uplink}/rp_filter`)}=2`,
    ),
  ]
}

/** `*` stands for anything. */
function fits(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(name)
}

function judgeUplink({ agent, setup, uplink, links, routes }: Facts): readonly Finding[] {
  const named = setup.interface
  // The kernel knows it by an alternative name as well.
  if (named !== '' && !links.has(named) && !agent?.status.uplink) {
    return [
      fail(
        `there is no interface ${named}`,
        `set --interface to one of ${listed([...links.keys()])}`,
      ),
    ]
  }
  if (agent) {
    const { status } = agent
    const hops = status.nextHops.join(', ')
    if (hops === '') {
      return [
        fail(
          'no interface of this host leads to other hosts',
          'give an interface an address, or set --interface or --next-hop',
        ),
      ]
    }
    return [ok(`others route to ${hops}${status.uplink === '' ? '' : ` on ${status.uplink}`}`)]
  }
  if (uplink !== '') return [ok(`${uplink} leads to other hosts`)]
  return routes.routes.length === 0
    ? [fail('this host has no network', 'give an interface an address')]
    : [unknown('which interface leads to other hosts', 'name it: --interface, or give --seed')]
}

function judgeMtu(facts: Facts): readonly Finding[] {
  const { links, uplink, setup } = facts
  const [outer, inner] = [links.get(uplink), links.get(setup.bridge)]
  if (outer === undefined) {
    return [
      unknown('MTU: which interface leads to other hosts is not known', 'name it: --interface'),
    ]
  }
  if (outer < 1_280 && families(facts).includes(6)) {
    return [fail(`${uplink} takes ${outer} bytes`, `ip link set dev ${uplink} mtu 1500`)]
  }
  if (inner !== undefined && inner > outer) {
    return [
      warn(
        `${setup.bridge} takes ${inner} bytes, and ${uplink} ${outer}`,
        `ip link set dev ${setup.bridge} mtu ${outer}; starling cni install; start the containers again`,
      ),
    ]
  }
  return [
    ok(`${uplink} takes ${outer} bytes${inner === undefined ? '' : `, ${setup.bridge} ${inner}`}`),
  ]
}

function judgeNextHops({ agent, seeds, routes }: Facts): readonly Finding[] {
  const lans = onLink(routes.routes)
  const isReached = (text: string): boolean => {
    const address = parseAddress(text)
    return (
      !address ||
      isLoopback(address) ||
      isLinkLocal(address) ||
      lans.some(({ prefix }) => holds(prefix, address))
    )
  }
  const asked = agent
    ? agent.peers
        .filter(({ self }) => !self)
        .flatMap(({ name, nextHops }) => nextHops.map((text) => ({ text, name })))
    : seeds.flatMap(({ seed, addresses }) => addresses.map((text) => ({ text, name: seed })))
  if (asked.length === 0) return []
  const far = asked.filter(({ text }) => !isReached(text))
  if (far.length === 0) return [ok(`${counted(asked.length, 'next hop')} on networks of this host`)]
  const names = far.map(({ text, name }) => (text === name ? text : `${text} of ${name}`))
  return [
    warn(
      `on no network of this host: ${listed(names)}`,
      'put the hosts on one link; or set --next-hop on that node to an address that is on one',
    ),
  ]
}

/** Destinations that are reached directly. */
const onLink = (routes: readonly HostRoute[]): HostRoute[] =>
  routes.filter(({ isOnLink, link, prefix }) => isOnLink && link !== '' && prefix.length > 0)
