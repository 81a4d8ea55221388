/** What must hold of a settled cluster: the simulator's checkers, on what real hosts show. */

import { overlaps, type Prefix, parsePrefix } from '../../src/core/ip/prefix.ts'
import type { Violation } from '../sim/observed.ts'
import type { Observed } from './host.ts'

export function check(hosts: readonly Observed[]): Violation[] {
  return [agreement, uniqueness, claiming, convergence].flatMap((checker) => checker(hosts))
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

/** Every kernel's owned routes are exactly those that the others' claims call for, and `starling routes` says so. */
export function convergence(hosts: readonly Observed[]): Violation[] {
  return hosts.flatMap((host) => {
    const expected = hosts
      .filter((other) => other !== host)
      .flatMap((other) => confirmed(other).map(({ text }) => `${text} via ${other.address}`))
    const found = host.kernel.map(({ dst, gateway }) => `${dst} via ${gateway}`)
    const told = host.told.map(({ prefix, state }) => `${prefix} ${state}`)
    const installed = host.kernel.map(({ dst }) => `${dst} installed`)
    return [
      ...difference(expected, found, 'the kernel'),
      ...difference(installed, told, 'starling routes'),
    ].map((what) => violation('convergence', host, what))
  })
}

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
