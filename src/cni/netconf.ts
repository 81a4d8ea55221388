/** A network's configuration, as far as it concerns addresses. */

import { parseAddress } from '../core/ip/address.ts'
import { parsePrefix } from '../core/ip/prefix.ts'
import { Failure } from './failure.ts'
import { asObject, asTexts, type JsonObject, quoted } from './json.ts'
import { isVersion, type Version, versions } from './version.ts'

export interface Netconf {
  readonly version: Version
  /** Empty where it names none. */
  readonly network: string
  readonly dns: Dns
  /** Undefined: a default route for each family. */
  readonly routes: readonly RouteSpec[] | undefined
  /** All of it, for what single commands read. */
  readonly json: JsonObject
}

export interface Dns {
  readonly nameservers?: readonly string[]
  readonly domain?: string
  readonly search?: readonly string[]
  readonly options?: readonly string[]
}

export interface RouteSpec {
  readonly dst: string
  readonly gw?: string
}

/** The version to answer in, whatever else is wrong. */
export function versionIn(config: string): Version {
  const json = jsonIn(config)
  const version = json instanceof Failure ? undefined : versionOf(json)
  return isVersion(version) ? version : '1.0.0'
}

export function parseNetconf(config: string): Netconf | Failure {
  const json = jsonIn(config)
  if (json instanceof Failure) return json
  const version = versionOf(json)
  if (version instanceof Failure) return version
  const network = json.name ?? ''
  if (typeof network !== 'string' || (network !== '' && !isName(network))) {
    return new Failure('config', `the network's name ${quoted(network)} is none: ${nameRule}`)
  }
  const ipam = json.ipam === undefined ? {} : asObject(json.ipam)
  if (!ipam) return new Failure('config', 'ipam in the configuration is no object')
  const unsupported = unsupportedIn(ipam)
  if (unsupported) return unsupported
  const dns = dnsOf(json.dns)
  if (dns instanceof Failure) return dns
  const routes = routesOf(ipam.routes)
  if (routes instanceof Failure) return routes
  return { version, network, dns, routes, json }
}

export const nameRule =
  'a letter or digit, then letters, digits, dots, dashes and underscores, at most 256'

export const isName = (text: string): boolean =>
  text.length <= 256 && /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text)

function jsonIn(config: string): JsonObject | Failure {
  try {
    const json = asObject(JSON.parse(config))
    return json ?? new Failure('decoding', 'the configuration on stdin is no JSON object')
  } catch {
    // What the parser says quotes the configuration, which may hold any words.
    return new Failure('decoding', 'the configuration on stdin is no JSON')
  }
}

function versionOf({ cniVersion }: JsonObject): Version | Failure {
  // What was written before the specification had versions.
  if (cniVersion === undefined || cniVersion === '') return '0.1.0'
  if (isVersion(cniVersion)) return cniVersion
  return new Failure(
    'version',
    `incompatible CNI versions: the configuration is ${quoted(cniVersion)}, starling-ipam knows ${versions.join(', ')}`,
  )
}

/** What people copy from host-local and would think to be heeded. */
const foreign = [
  ...['resolvConf', 'subnet', 'ranges', 'rangeStart', 'rangeEnd', 'gateway', 'dataDir'],
] as const

const instead = new Map<string, string>([
  ['resolvConf', "write the configuration's own dns"],
  ['dataDir', 'the agent keeps the leases'],
])

function unsupportedIn(ipam: JsonObject): Failure | undefined {
  const key = foreign.find((each) => ipam[each] !== undefined)
  if (!key) return undefined
  const mend = instead.get(key) ?? "addresses are those of this host's subnet"
  return new Failure(
    'unsupportedField',
    `ipam.${key} ${quoted(ipam[key])} is not supported by starling-ipam: ${mend}`,
  )
}

function dnsOf(value: unknown): Dns | Failure {
  if (value === undefined || value === null) return {}
  const json = asObject(value)
  const wrong = (field: string) => new Failure('config', `${field} in the configuration is wrong`)
  if (!json) return wrong('dns')
  const { domain } = json
  if (domain !== undefined && typeof domain !== 'string') return wrong('dns.domain')
  const lists = new Map<'nameservers' | 'search' | 'options', readonly string[]>()
  for (const field of ['nameservers', 'search', 'options'] as const) {
    if (json[field] === undefined || json[field] === null) continue
    const texts = asTexts(json[field])
    if (!texts) return wrong(`dns.${field}`)
    lists.set(field, texts)
  }
  return { ...Object.fromEntries(lists), ...(domain === undefined ? {} : { domain }) }
}

function routesOf(value: unknown): readonly RouteSpec[] | undefined | Failure {
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value)) return new Failure('config', 'ipam.routes is no list')
  const routes: RouteSpec[] = []
  for (const each of value) {
    const { dst, gw, ...others } = asObject(each) ?? {}
    const [other] = Object.keys(others)
    if (other !== undefined) {
      return new Failure('unsupportedField', `ipam.routes: ${quoted(other)} is not supported`)
    }
    const isRoute = typeof dst === 'string' && parsePrefix(dst)
    const isVia = gw === undefined || (typeof gw === 'string' && parseAddress(gw))
    if (!isRoute || !isVia) return new Failure('config', `ipam.routes: ${quoted(each)} is none`)
    routes.push({ dst, ...(gw === undefined ? {} : { gw: gw as string }) })
  }
  return routes
}
