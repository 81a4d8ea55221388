/** The chains of nftables that forwarded packets meet, as `nft --json` prints them. */

import { parseAddress } from '../../core/ip/address.ts'
import { holds, parseInterface } from '../../core/ip/prefix.ts'
import type { Packet } from '../../core/path/look.ts'
import { type Action, all, type BaseChain, type Chain, type Rule } from './verdict.ts'

export interface NftTable {
  readonly family: string
  readonly name: string
}

/** Tables with a chain that may drop what is forwarded, by `nft --json list chains`. */
export function tablesOfForward(listed: string, family: 4 | 6): NftTable[] {
  const names = new Map<string, NftTable>()
  for (const { chain } of objectsIn(listed)) {
    if (!chain || !isAsked(chain) || !families[family].has(String(chain.family))) continue
    const table = { family: String(chain.family), name: String(chain.table) }
    names.set(`${table.family} ${table.name}`, table)
  }
  return [...names.values()]
}

/** By `nft --json list table`. */
export function chainsIn(listed: string): BaseChain[] {
  const objects = objectsIn(listed)
  const rules = new Map<string, Rule[]>()
  for (const { chain, rule } of objects) {
    if (chain) rules.set(String(chain.name), [])
    if (rule) rules.get(String(rule.chain))?.push(ruleOf(rule))
  }
  const others = new Map<string, Chain>([...rules].map(([name, of]) => [name, { name, rules: of }]))
  return objects.flatMap(({ chain }): BaseChain[] => {
    if (!chain || !isAsked(chain)) return []
    const name = `${chain.name} (nft, table ${chain.family} ${chain.table})`
    const policy = chain.policy === 'drop' ? 'drop' : 'accept'
    return [{ name, policy, rules: rules.get(String(chain.name)) ?? [], others }]
  })
}

const families = { 4: new Set(['ip', 'inet']), 6: new Set(['ip6', 'inet']) } as const

type Fields = Readonly<Record<string, unknown>>
type Listed = Readonly<Partial<Record<'chain' | 'rule', Fields>>>

const objectsIn = (listed: string): readonly Listed[] =>
  (JSON.parse(listed) as { nftables?: readonly Listed[] }).nftables ?? []

const isAsked = ({ hook, type }: Fields): boolean =>
  type === 'filter' && (hook === 'forward' || hook === 'prerouting')

function ruleOf({ expr, family, table, chain }: Fields): Rule {
  const statements = Array.isArray(expr) ? (expr as readonly Fields[]) : []
  const last = statements.at(-1) ?? {}
  return {
    text: `nft ${family} ${table} ${chain}: ${statements.map(textOf).filter(Boolean).join(' ')}`,
    matches: (packet) => all(statements.map((each) => conditionOf(each, packet))),
    action: actionOf(last),
  }
}

const silent: ReadonlySet<string> = new Set(['counter', 'log', 'mangle', 'limit', 'notrack'])
const verdicts: ReadonlySet<string> = new Set([
  ...['accept', 'drop', 'return', 'reject', 'jump', 'goto'],
])

function actionOf(statement: Fields): Action {
  const [name = ''] = Object.keys(statement)
  const target = (statement[name] as Fields | null)?.target
  if (name === 'jump' || name === 'goto') return { type: name, chain: String(target) }
  if (name === 'reject') return { type: 'drop' }
  if (name === 'accept' || name === 'drop' || name === 'return') return { type: name }
  return name === 'match' || silent.has(name) ? { type: 'pass-on' } : { type: 'unknown' }
}

/** A limit may be used up, and what is not understood may say anything. */
function conditionOf(statement: Fields, packet: Packet): boolean | undefined {
  const [name = ''] = Object.keys(statement)
  if (name === 'limit') return undefined
  if (name !== 'match') return verdicts.has(name) || silent.has(name) ? true : undefined
  const { op, left, right } = statement.match as { op: string; left: Fields; right: unknown }
  const is = isOneOf(left, right, packet)
  if (is === undefined) return undefined
  return op === '!=' ? !is : op === '==' || op === 'in' ? is : undefined
}

function isOneOf(left: Fields, right: unknown, packet: Packet): boolean | undefined {
  const set = (right as Fields | null)?.set
  const values = Array.isArray(set) ? set : Array.isArray(right) ? right : [right]
  const answers = values.map((value) => isOne(left, value, packet))
  if (answers.includes(true)) return true
  return answers.includes(undefined) ? undefined : false
}

function isOne({ meta, payload, ct }: Fields, value: unknown, packet: Packet): boolean | undefined {
  const { key } = (meta ?? ct ?? {}) as Fields
  if (meta && (key === 'iifname' || key === 'iif')) return isNamed(packet.iif, value)
  if (meta && (key === 'oifname' || key === 'oif')) return isNamed(packet.oif, value)
  if (meta && key === 'l4proto') {
    // A number where the host has no name for it.
    if (typeof value === 'number') return value === tcp
    return isWord(value) ? value === 'tcp' : undefined
  }
  if (meta && (key === 'nfproto' || key === 'protocol')) {
    return isWord(value) ? value === familyWords[packet.family][key] : undefined
  }
  // Between containers of the cluster nothing is translated.
  if (ct && key === 'status') return isWord(value) && /^[sd]nat$/.test(value) ? false : undefined
  if (ct && key === 'state') {
    return isWord(value) ? value === (packet.isReply ? 'established' : 'new') : undefined
  }
  const { protocol, field } = (payload ?? {}) as Fields
  if (other.has(protocol)) return false
  if (protocol !== 'ip' && protocol !== 'ip6') return undefined
  if ((protocol === 'ip') !== (packet.family === 4)) return false
  if (field === 'saddr') return isInside(value, packet.from)
  return field === 'daddr' ? isInside(value, packet.to) : undefined
}

const familyWords = {
  4: { nfproto: 'ipv4', protocol: 'ip' },
  6: { nfproto: 'ipv6', protocol: 'ip6' },
} as const

/** As IP headers have it. */
const tcp = 6

/** Not the name of a set. */
const isWord = (value: unknown): value is string =>
  typeof value === 'string' && !value.startsWith('@')

const other: ReadonlySet<unknown> = new Set(['udp', 'icmp', 'icmpv6', 'sctp', 'arp'])

function isNamed(name: string, value: unknown): boolean | undefined {
  if (!isWord(value)) return undefined
  return value.endsWith('*') ? name.startsWith(value.slice(0, -1)) : name === value
}

function isInside(value: unknown, address: Packet['from']): boolean | undefined {
  const { addr, len } = ((value as Fields | null)?.prefix ?? {}) as Fields
  if (addr !== undefined) {
    const prefix = parseInterface(`${addr}/${len}`)?.prefix
    return prefix && holds(prefix, address)
  }
  const single = typeof value === 'string' ? parseAddress(value) : undefined
  return single && single.text === address.text
}

/** Short, for people who look for the rule. */
function textOf(statement: Fields): string {
  const [name = ''] = Object.keys(statement)
  if (name === 'counter') return ''
  if (name !== 'match') {
    const target = (statement[name] as Fields | null)?.target
    return target === undefined ? name : `${name} ${target}`
  }
  const { op, left, right } = statement.match as { op: string; left: Fields; right: unknown }
  const of = (left.meta ?? left.payload ?? left.ct ?? {}) as Fields
  const what = [of.protocol, of.field ?? of.key].filter(Boolean).join(' ')
  return `${what}${op === '!=' ? ' !=' : ''} ${valueText(right)}`
}

/** `172.16.0.0/12`, `{ established, related }` */
function valueText(value: unknown): string {
  const { prefix, set } = (value ?? {}) as { prefix?: Fields; set?: unknown }
  if (prefix) return `${prefix.addr}/${prefix.len}`
  const many = set ?? value
  if (Array.isArray(many)) return `{ ${many.map(valueText).join(', ')} }`
  return typeof many === 'string' ? many : JSON.stringify(many)
}
