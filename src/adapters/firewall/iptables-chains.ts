/** The chains of iptables that forwarded packets meet, as `iptables-save` prints them. */

import { parseAddress } from '../../core/ip/address.ts'
import { holds, parseInterface } from '../../core/ip/prefix.ts'
import type { Packet } from '../../core/path/look.ts'
import { type Action, all, type BaseChain, type Chain, type Rule } from './verdict.ts'

/** In the order in which the kernel asks them. */
const asked = [
  ['raw', 'PREROUTING'],
  ['mangle', 'PREROUTING'],
  ['mangle', 'FORWARD'],
  ['filter', 'FORWARD'],
] as const

export interface SavedTables {
  /** Names of the tables that are there. */
  readonly tables: ReadonlySet<string>
  readonly chains: readonly BaseChain[]
}

export function parseSaved(saved: string): SavedTables {
  const tables = new Map<string, { chains: Map<string, Rule[]>; policies: Map<string, string> }>()
  let table: (typeof tables extends Map<string, infer T> ? T : never) | undefined
  for (const line of saved.split('\n')) {
    const [, name] = /^\*(\S+)/.exec(line) ?? []
    if (name !== undefined) {
      table = { chains: new Map(), policies: new Map() }
      tables.set(name, table)
    }
    const [, chain, policy] = /^:(\S+) (\S+)/.exec(line) ?? []
    if (chain !== undefined && policy !== undefined) {
      table?.chains.set(chain, [])
      table?.policies.set(chain, policy)
    }
    const [, parent, rule] = /^-A (\S+) (.*)$/.exec(line) ?? []
    if (parent !== undefined && rule !== undefined) {
      table?.chains.get(parent)?.push(ruleOf(rule, line))
    }
  }
  return {
    tables: new Set(tables.keys()),
    chains: asked.flatMap(([name, chain]): BaseChain[] => {
      const found = tables.get(name)
      const rules = found?.chains.get(chain)
      if (!found || !rules) return []
      const policy = found.policies.get(chain) === 'DROP' ? 'drop' : 'accept'
      const others = new Map<string, Chain>(
        [...found.chains].map(([other, of]) => [other, { name: other, rules: of }]),
      )
      return [{ name: `${chain} (iptables, table ${name})`, policy, rules, others }]
    }),
  }
}

/** Most rules of a large firewall are never asked: they are read when they are. */
function ruleOf(text: string, line: string): Rule {
  let parsed: Parsed | undefined
  const read = () => {
    parsed ??= parse(text)
    return parsed
  }
  return {
    text: `iptables ${line}`,
    matches: (packet) => all(read().conditions.map((condition) => condition(packet))),
    get action() {
      return read().action
    },
  }
}

type Condition = (packet: Packet) => boolean | undefined

interface Parsed {
  readonly conditions: readonly Condition[]
  readonly action: Action
}

const unknown: Condition = () => undefined

function parse(text: string): Parsed {
  const words = text.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []
  const conditions: Condition[] = []
  let action: Action = { type: 'pass-on' }
  let isNot = false
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? ''
    const value = words[at + 1] ?? ''
    if (word === '!') {
      isNot = true
      continue
    }
    const condition = conditionOf(word, value)
    if (word === '-j' || word === '-g') {
      action = actionOf(word, value)
      // What follows are options of the target.
      break
    }
    if (condition !== undefined) conditions.push(isNot ? negated(condition) : condition)
    if (valued.has(word)) at += 1
    isNot = false
  }
  return { conditions, action }
}

/** Options with one value that are understood, or say nothing. */
const valued: ReadonlySet<string> = new Set([
  ...['-i', '-o', '-s', '-d', '-m', '--comment', '--ctstate', '--state', '-p'],
])

/** Undefined: it is no condition. */
function conditionOf(word: string, value: string): Condition | undefined {
  switch (word) {
    case '-i':
      return ({ iif }) => isNamed(iif, value)
    case '-o':
      return ({ oif }) => isNamed(oif, value)
    case '-s':
      return ({ from }) => isInside(value, from)
    case '-d':
      return ({ to }) => isInside(value, to)
    case '--ctstate':
    case '--state':
      return ({ isReply }) => value.split(',').includes(isReply ? 'ESTABLISHED' : 'NEW')
    case '-p':
      return () => value === 'tcp' || value === 'all'
    case '-m':
      return known.has(value) ? undefined : unknown
    case '--comment':
      return undefined
    default:
      return unknown
  }
}

/** Matches whose options are understood. */
const known: ReadonlySet<string> = new Set(['comment', 'conntrack', 'state'])

const negated =
  (condition: Condition): Condition =>
  (packet) => {
    const is = condition(packet)
    return is === undefined ? undefined : !is
  }

const isNamed = (name: string, wanted: string): boolean =>
  wanted.endsWith('+') ? name.startsWith(wanted.slice(0, -1)) : name === wanted

function isInside(text: string, address: Packet['from']): boolean | undefined {
  const prefix = parseInterface(text)?.prefix
  if (prefix) return holds(prefix, address)
  const single = parseAddress(text)
  return single ? single.text === address.text : undefined
}

/** Targets after which the next rule is asked. */
const passing: ReadonlySet<string> = new Set([
  ...['LOG', 'NFLOG', 'MARK', 'CONNMARK', 'TCPMSS', 'TOS', 'DSCP', 'CT', 'NOTRACK', 'CLASSIFY'],
])
const ends: ReadonlyMap<string, Action> = new Map([
  ['ACCEPT', { type: 'accept' }],
  ['DROP', { type: 'drop' }],
  ['REJECT', { type: 'drop' }],
  ['RETURN', { type: 'return' }],
  ['NFQUEUE', { type: 'unknown' }],
])

function actionOf(word: string, target: string): Action {
  if (word === '-g') return { type: 'goto', chain: target }
  if (passing.has(target)) return { type: 'pass-on' }
  return ends.get(target) ?? { type: 'jump', chain: target }
}
