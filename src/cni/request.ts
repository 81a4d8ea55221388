/** What one call asks for, checked as far as that goes without the agent. */

import type { Attachment, Witness } from '../core/ipam/lease.ts'
import { type Arguments, nameIn, parseArguments } from './arguments.ts'
import { type Asked, askedAddresses } from './asked.ts'
import type { Call } from './call.ts'
import { type Previous, previousAddresses } from './check.ts'
import { Failure, withoutSwallowedWords } from './failure.ts'
import { type Valid, validAttachments } from './garbage.ts'
import { quoted } from './json.ts'
import type { Moment } from './moment.ts'
import { isName, type Netconf, nameRule, parseNetconf } from './netconf.ts'
import { isAtLeast } from './version.ts'

export interface AddRequest {
  readonly type: 'add'
  readonly conf: Netconf
  readonly attachment: Attachment
  readonly name: string
  readonly asked: readonly Asked[]
  readonly witness: Witness
}

export interface DelRequest {
  readonly type: 'del'
  readonly attachment: Attachment
}

export interface CheckRequest {
  readonly type: 'check'
  readonly attachment: Attachment
  readonly previous: Previous
}

export interface GcRequest {
  readonly type: 'gc'
  readonly network: string
  readonly valid: Valid
}

export type Request =
  | AddRequest
  | DelRequest
  | CheckRequest
  | GcRequest
  | { readonly type: 'status' }

export function parseRequest(call: Call): Request | Failure {
  const command = call.entries.get('CNI_COMMAND') ?? ''
  const parsed = parse(command, call)
  return command === 'DEL' && parsed instanceof Failure ? withoutSwallowedWords(parsed) : parsed
}

/** When the plugin was started. */
export function momentOf({ entries }: Call): Moment {
  const uptimeMs = Number(entries.get('STARLING_UPTIME_MS'))
  return {
    bootId: entries.get('STARLING_BOOT_ID') ?? '',
    // One that says nothing was made before everything else: it undoes nothing that stands.
    uptimeMs: Number.isSafeInteger(uptimeMs) ? uptimeMs : 0,
  }
}

/** How the plugin frames its calls. */
const protocol = '1'

function parse(command: string, call: Call): Request | Failure {
  if (call.entries.get('STARLING_PROTOCOL') !== protocol) {
    const message = 'the plugin starling-ipam is of another version than the agent'
    return new Failure('environment', `${message}: starling cni install replaces it`)
  }
  const needed = variables.get(command)
  if (!needed) {
    return new Failure('environment', `unknown CNI_COMMAND ${quoted(command)}`)
  }
  const missing = needed.filter((name) => !call.entries.get(name))
  if (missing.length > 0) {
    return new Failure('environment', `${command} needs ${missing.join(', ')}`)
  }
  const conf = parseNetconf(call.config)
  if (conf instanceof Failure) return conf
  const least =
    command === 'CHECK' ? '0.4.0' : ['GC', 'STATUS'].includes(command) ? '1.1.0' : '0.1.0'
  if (!isAtLeast(conf.version, least)) {
    return new Failure('version', `config version ${conf.version} does not allow ${command}`)
  }
  if (command === 'STATUS') return { type: 'status' }
  if (conf.network === '') return new Failure('config', 'the configuration has no name')
  if (command === 'GC') return gc(conf)
  const attachment = attachmentOf(call, conf)
  if (attachment instanceof Failure) return attachment
  switch (command) {
    case 'ADD':
      return add(call, conf, attachment)
    case 'CHECK':
      return check(conf, attachment)
    default:
      return { type: 'del', attachment }
  }
}

const variables: ReadonlyMap<string, readonly string[]> = new Map([
  ['ADD', ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH']],
  ['CHECK', ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH']],
  ['DEL', ['CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH']],
  ['GC', ['CNI_PATH']],
  ['STATUS', ['CNI_PATH']],
])

function attachmentOf({ entries }: Call, { network }: Netconf): Attachment | Failure {
  const id = entries.get('CNI_CONTAINERID') ?? ''
  const ifname = entries.get('CNI_IFNAME') ?? ''
  if (!isName(id)) {
    return new Failure('environment', `CNI_CONTAINERID ${quoted(id)} is none: ${nameRule}`)
  }
  if (!isInterface(ifname)) {
    return new Failure(
      'environment',
      `CNI_IFNAME ${quoted(ifname)} is none: 1 to 15 characters without /, : and blanks`,
    )
  }
  return { door: 'cni', network, id, ifname }
}

/** As the kernel takes them; its length counts bytes. */
const isInterface = (text: string): boolean =>
  /^[^\s/:\0]{1,15}$/u.test(text) &&
  new TextEncoder().encode(text).length <= 15 &&
  text !== '.' &&
  text !== '..'

function add(call: Call, conf: Netconf, attachment: Attachment): AddRequest | Failure {
  const given: Arguments = parseArguments(call.entries.get('CNI_ARGS') ?? '')
  const asked = askedAddresses(conf.json, given)
  if (asked instanceof Failure) return asked
  const families = asked.map(({ address }) => address.family)
  if (!isAtLeast(conf.version, '0.3.0') && new Set(families).size < families.length) {
    const message = `cniVersion ${conf.version} has room for one address of each family`
    return new Failure('config', message)
  }
  return {
    type: 'add',
    conf,
    attachment,
    name: nameIn(given, attachment.ifname),
    asked,
    witness: {
      bootId: call.entries.get('STARLING_BOOT_ID') ?? '',
      path: call.entries.get('CNI_NETNS') ?? '',
      inode: call.entries.get('STARLING_NETNS') ?? '',
    },
  }
}

function check(conf: Netconf, attachment: Attachment): CheckRequest | Failure {
  const previous = previousAddresses(conf.json)
  return previous instanceof Failure ? previous : { type: 'check', attachment, previous }
}

function gc(conf: Netconf): GcRequest | Failure {
  const valid = validAttachments(conf.json)
  return valid instanceof Failure ? valid : { type: 'gc', network: conf.network, valid }
}
