/** The names that what an agent and a host say of themselves holds. */

import type { EventMessage, LeaseMessage, SettingMessage } from '../../adapters/api/definition.ts'
import { seedPlace } from '../../config/seed.ts'
import { parseAddress } from '../../core/ip/address.ts'
import type { AgentFacts } from './check.ts'

export interface Named {
  readonly name: string
  /** What takes its place. */
  readonly kind: string
}

export function namesIn(sources: {
  readonly agent: AgentFacts | undefined
  readonly leases: readonly LeaseMessage[]
  readonly events: readonly EventMessage[]
  readonly settings: readonly SettingMessage[]
  readonly links: readonly string[]
  readonly hostname: string
}): readonly Named[] {
  const { agent, leases, events, settings, links, hostname } = sources
  const of = (kind: string, ...names: readonly string[]): Named[] =>
    names.filter((name) => name !== '').map((name) => ({ name, kind }))
  const setting = (key: string): readonly string[] =>
    settings.find((each) => each.key === key)?.values ?? []
  const places = setting('seed').map((seed) => seedPlace(seed)?.host ?? seed)
  return [
    ...of('node', agent?.status.name ?? '', ...setting('name'), hostname),
    ...of('node', ...(agent?.peers ?? []).flatMap(({ name, missedBy }) => [name, ...missedBy])),
    ...of('node', ...(agent?.claims ?? []).map(({ name }) => name)),
    ...of('node', ...(agent?.routes ?? []).map(({ name }) => name)),
    ...of('cluster', agent?.status.cluster ?? '', ...setting('cluster')),
    ...of('host', ...[...places, ...setting('webName')].filter((name) => !parseAddress(name))),
    ...leases.flatMap(({ id, name, network, lostTo }) => [
      ...of('container', id, id.slice(0, 12)),
      ...of('lease', name),
      ...of('network', network),
      ...of('node', lostTo),
    ]),
    ...events.flatMap((event) => of('name', ...namesOfEvent(event))),
    ...of('interface', ...links.filter((link) => !isUsual(link))),
    ...of('group', ...setting('socketGroup'), ...setting('socketReadGroup')),
    ...of(
      'operator',
      ...setting('operatorKey').map((key) => key.replace('starling-operator:', '')),
    ),
  ]
}

/** Named by the kernel, by systemd or by container runtimes, without the address or the id of anything. */
const isUsual = (link: string): boolean =>
  /^(lo|eth\d+|en[ops]\d\w*|wl[ops]\d\w*|docker\d+|br\d+|veth.*|v-c\d+|starling\d+|wg\d+|tun\d+|tap\d+|bond\d+|cni\d+|sit\d+|tunl\d+|gre\d+|ip6tnl\d+|erspan\d+|gretap\d+|ip_vti\d+|ip6_vti\d+|ip6gre\d+)$/.test(
    link,
  )

/** Facts of notes that are names, or lists of names; `subject` and `id` are where their codes say so. */
const nameFields = [
  'name',
  'rivalName',
  'winner',
  'names',
  'certified',
  'admittedName',
  'refusedName',
]
const seedCodes =
  /^(seed-|join-held|handshake-failed|dial-forbidden|peer-|not-admitted|trouble-over)/
const leaseCodes = /^(lease-|address-lost)/

function namesOfEvent({ code, fields }: EventMessage): string[] {
  const facts = JSON.parse(fields) as Record<string, unknown>
  const textsAt = (...keys: string[]): string[] =>
    keys.flatMap((key) => [facts[key] ?? []].flat()).filter((each) => typeof each === 'string')
  // The bridge is an interface, and reasons of others are sentences.
  const names =
    code.startsWith('bridge-') || code.startsWith('uplink-') ? [] : textsAt(...nameFields)
  const lists = Array.isArray(facts.by) ? textsAt('by') : []
  const hosts = seedCodes.test(code) ? textsAt('subject', 'seeds') : []
  const leases = leaseCodes.test(code) ? textsAt('id', 'network') : []
  const places = hosts.map((host) => seedPlace(host)?.host ?? host)
  return [...names, ...lists, ...places.filter((place) => !parseAddress(place)), ...leases]
}
