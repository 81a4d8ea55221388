/** Whether the networks of this host leave room for the pool, and will. */

import type { HostRoute } from '../../adapters/doctor/routes.ts'
import { contains, overlaps, type Prefix, parsePrefix } from '../../core/ip/prefix.ts'
import { listed } from '../../core/listed.ts'
import { type Check, type Facts, type Finding, fail, judged, ok, unknown, warn } from './check.ts'

export const poolChecks: readonly Check[] = [
  {
    code: 'pool-overlap',
    group: 'network',
    reads: 'routes of all tables',
    wrong:
      'Networks of this host lie inside the pool: no node claims those subnets. It fails where they are more than half of it.',
    mend: 'Choose a pool that no network of the hosts lies in (--pool), or renumber that network.',
    judge: judgeOverlap,
  },
  {
    code: 'docker-pools',
    group: 'network',
    reads: 'default-address-pools of /etc/docker/daemon.json',
    wrong: 'Docker cuts new networks from the pool, over the subnets of other hosts.',
    mend: 'Set default-address-pools in /etc/docker/daemon.json outside of the pool, and restart dockerd.',
    judge: judgeDockerPools,
  },
]

function judgeOverlap({ setup, routes, agent }: Facts): readonly Finding[] {
  const own = new Set(agent?.claims.filter((claim) => claim.own).map(({ prefix }) => prefix))
  const alien = routes.routes.filter((route) => {
    const { prefix, link, protocol, isOnLink } = route
    const isOurs = protocol === undefined ? !isOnLink || link === '' : protocol === setup.protocol
    const isContainers = link !== '' && link === setup.bridge
    return !isOurs && !isContainers && !own.has(prefix.text) && isInPools(prefix, setup.pools)
  })
  const mend = (found: readonly HostRoute[]): string =>
    found.some(({ link }) => isDockers(link))
      ? 'nothing, if the subnets that are left are enough; else set default-address-pools in /etc/docker/daemon.json, or --pool, to another network'
      : 'nothing, if the subnets that are left are enough; else renumber that network, or choose another --pool on all nodes'
  const findings = setup.pools.flatMap((pool): Finding[] => {
    const inside = distinct(alien.filter(({ prefix }) => overlaps(prefix, pool)))
    if (inside.length === 0) return []
    const taken = covered(inside.map(({ prefix }) => prefix))
    const whole = pool.last - pool.first + 1n
    const text = `${pool.text} holds ${listed(inside.map(networkText))}`
    if (taken * 2n > whole) {
      return [
        fail(
          `${text}, more than half of it: this node gets no subnet`,
          'choose a pool in which this host has no networks: --pool, the same on all nodes',
        ),
      ]
    }
    const share = Number((taken * 1_000n) / whole) / 10 || 'less than 0.1'
    return [warn(`${text}: ${share} % of it is claimed by nobody`, mend(inside))]
  })
  if (findings.length > 0) return findings
  if (!routes.isWhole) {
    return [
      unknown(
        'no network of this host lies in the pool; routes by gateways cannot be told from those of starling',
        'apt-get install iproute2',
      ),
    ]
  }
  return [ok(`no network of this host lies in ${listed(setup.pools.map(({ text }) => text))}`)]
}

/** What is at least as broad as a pool takes nothing from it: routes to subnets are more specific. */
const isInPools = (candidate: Prefix, pools: readonly Prefix[]): boolean =>
  pools.some((pool) => overlaps(pool, candidate) && !contains(candidate, pool))

const isDockers = (link: string): boolean => /^(docker\d+|br-[0-9a-f]{12})$/.test(link)

const isVpns = (link: string): boolean => /^(wg|tun|tap|tailscale|zt|ppp|nebula)/.test(link)

function networkText({ prefix, link, isOnLink }: HostRoute): string {
  const whose = isDockers(link)
    ? "Docker's "
    : isVpns(link)
      ? 'the VPN '
      : isOnLink
        ? 'the network '
        : 'the route '
  return `${whose}${prefix.text} on ${link || 'no link'}`
}

/** None inside another one. */
function distinct(routes: readonly HostRoute[]): HostRoute[] {
  return routes.filter(
    ({ prefix }, index) =>
      !routes.some(
        (other, at) =>
          contains(other.prefix, prefix) && (other.prefix.text !== prefix.text || at < index),
      ),
  )
}

const covered = (prefixes: readonly Prefix[]): bigint =>
  prefixes.reduce((sum, { first, last }) => sum + (last - first + 1n), 0n)

/** What dockerd cuts networks from where it is not told otherwise. */
const dockerDefaults = [
  ...['172.17.0.0/16', '172.18.0.0/16', '172.19.0.0/16', '172.20.0.0/14', '172.24.0.0/14'],
  ...['172.28.0.0/14', '192.168.0.0/16'],
]

function judgeDockerPools({ docker, setup }: Facts): readonly Finding[] {
  return judged(docker, 'Docker', ({ isThere, pools }) => {
    if (!isThere) return [ok('no Docker is here')]
    const bases = (pools ?? dockerDefaults).flatMap((text) => parsePrefix(text) ?? [])
    const inside = bases.filter((base) => setup.pools.some((pool) => overlaps(pool, base)))
    if (inside.length === 0) return [ok('Docker cuts its networks elsewhere')]
    const text = listed(inside.map((base) => base.text))
    return [
      warn(
        `Docker may cut new networks from ${text}, where other hosts have subnets`,
        'add "default-address-pools": [{"base": "192.168.0.0/16", "size": 24}] to /etc/docker/daemon.json (a network that is free here), and restart dockerd',
      ),
    ]
  })
}
