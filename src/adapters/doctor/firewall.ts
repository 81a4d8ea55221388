/** The rules of the host's firewalls, as their own programs list them. */

import { type Flavour, flavoursOf } from '../firewall/flavours.ts'
import { ProgramError } from '../firewall/program.ts'
import { asRoot, type Fact, known, unknown } from './fact.ts'
import { ask } from './program.ts'

/** All flavours, of both families. Unknown where one of them cannot be read, or none is there. */
export async function readIptables(): Promise<Fact<readonly Flavour[]>> {
  try {
    const all = await Promise.all(([4, 6] as const).map((family) => flavoursOf(family)))
    const unread = all.find((each) => each.unread !== undefined)?.unread
    const found = all.flatMap((each) => each.found)
    if (unread === undefined && found.length > 0) return known(found)
    return unknown(unread ?? 'the program iptables is not there', installIptables)
  } catch (thrown) {
    if (!(thrown instanceof ProgramError)) throw thrown
    return unknown(thrown.message, asRoot)
  }
}

const installIptables = 'apt-get install iptables'

/** A chain of nftables, and its rules in nft's JSON. */
export interface NftChain {
  readonly family: string
  readonly table: string
  readonly name: string
  /** Empty where only rules lead to it. */
  readonly hook: string
  readonly policy: string
  readonly rules: readonly string[]
}

export async function readNft(): Promise<Fact<readonly NftChain[]>> {
  const answer = await ask('nft', '-j', 'list', 'ruleset')
  return answer.isKnown ? known(parseNft(answer.value)) : answer
}

export function parseNft(text: string): NftChain[] {
  const { nftables } = JSON.parse(text) as {
    nftables: {
      chain?: { family: string; table: string; name: string; hook?: string; policy?: string }
      rule?: { family: string; table: string; chain: string; expr?: unknown[] }
    }[]
  }
  const rules = new Map<string, string[]>()
  const keyOf = (...parts: string[]): string => JSON.stringify(parts)
  for (const { rule } of nftables) {
    if (!rule) continue
    const key = keyOf(rule.family, rule.table, rule.chain)
    const among = rules.get(key) ?? []
    among.push(JSON.stringify(rule.expr ?? []))
    rules.set(key, among)
  }
  return nftables.flatMap(({ chain }) => {
    if (!chain) return []
    const { family, table, name, hook = '', policy = '' } = chain
    return [
      { family, table, name, hook, policy, rules: rules.get(keyOf(family, table, name)) ?? [] },
    ]
  })
}
