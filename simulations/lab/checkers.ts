/** What must hold of a settled cluster: the simulator's checkers, on what real hosts show. */

import { overlaps, type Prefix, parsePrefix } from '../../src/core/ip/prefix.ts'
import type { Violation } from '../sim/observed.ts'
import type { ShownRoute } from './iproute.ts'
import type { Absent, Observed } from './observed.ts'

export function check(hosts: readonly Observed[], absent: Absent = {}): Violation[] {
  return [
    ...[agreement, uniqueness, claiming].flatMap((checker) => checker(hosts)),
    ...convergence(hosts, absent),
  ]
}

/** Nodes have equal digests. */
export function agreement(hosts: readonly Observed[]): Violation[] {
  const [first, ...others] = hosts
  if (!first) return []
  return others
    .filter(({ status }) => status.digest !== first.status.digest)
    .map((host) =>
      violation('agreement', host, `digest ${host.status.digest}, ${first.name} has another`),
    )
}

/** No two confirmed claims overlap. */
export function uniqueness(hosts: readonly Observed[]): Violation[] {
  const held = hosts.flatMap((host) => confirmed(host).map((prefix) => ({ host, prefix })))
  return held.flatMap(({ host, prefix }, index) =>
    held
      .slice(index + 1)
      .filter((other) => overlaps(other.prefix, prefix))
      .map((other) => violation('uniqueness', host, `${prefix.text} is also ${other.host.name}'s`)),
  )
}

/** Every node has a confirmed claim. */
export function claiming(hosts: readonly Observed[]): Violation[] {
  return hosts
    .filter((host) => confirmed(host).length === 0)
    .map((host) => violation('claiming', host, 'it has no confirmed claim'))
}

/** Every kernel's owned routes are exactly those that all claims call for, and `starling routes` says so. */
export function convergence(hosts: readonly Observed[], absent: Absent = {}): Violation[] {
  return hosts.flatMap((host) => {
    const told = host.told.map(({ prefix, state }) => `${prefix} ${state}`)
    const installed = host.kernel.map(({ dst }) => `${dst} installed`)
    return [
      ...difference(expectedRoutes(host, hosts, absent), host.kernel.map(routeText), 'the kernel'),
      ...difference(installed, told, 'starling routes'),
    ].map((what) => violation('convergence', host, what))
  })
}

/** In the words of `routeText`. */
export function expectedRoutes(
  host: Observed,
  hosts: readonly Observed[],
  { gone = [], silent = [] }: Absent,
): string[] {
  const present = [...hosts, ...silent].filter(({ name }) => name !== host.name)
  return [
    ...present.flatMap((other) =>
      confirmed(other).map(({ text }) => `${text} via ${other.address}`),
    ),
    ...gone.flatMap((other) => confirmed(other).map(({ text }) => `${text} unreachable`)),
  ]
}

export const routeText = ({ dst, gateway, type }: ShownRoute): string =>
  gateway === undefined ? `${dst} ${type}` : `${dst} via ${gateway}`

function difference(expected: readonly string[], found: readonly string[], where: string) {
  return [
    ...expected.filter((one) => !found.includes(one)).map((one) => `${where} lacks ${one}`),
    ...found.filter((one) => !expected.includes(one)).map((one) => `${where} has ${one}`),
  ]
}

const confirmed = ({ status }: Observed): Prefix[] =>
  status.claims
    .filter(({ state }) => state === 'confirmed')
    .flatMap(({ prefix }) => parsePrefix(prefix) ?? [])

const violation = (checker: string, host: Observed, what: string): Violation => ({
  checker,
  host: host.name,
  what,
})
