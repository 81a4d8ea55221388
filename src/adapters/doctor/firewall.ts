/** The rules of the host's firewalls, as their own programs list them. */

import { type Fact, known, readText } from './fact.ts'
import { ask } from './program.ts'

/** What one flavour of iptables holds. */
export interface Saved {
  readonly family: 4 | 6
  /** `iptables-nft` and the like. */
  readonly program: string
  /** As `iptables-save` prints it. */
  readonly text: string
}

/** Both flavours, of both families. Unknown where none can be asked. */
export async function readIptables(): Promise<Fact<readonly Saved[]>> {
  const saved: Saved[] = []
  let failure: Fact<never> | undefined
  for (const family of [4, 6] as const) {
    const plain = family === 4 ? 'iptables' : 'ip6tables'
    const add = async (program: string): Promise<boolean> => {
      const answer = await ask(`${program}-save`)
      if (answer.isKnown) saved.push({ family, program, text: answer.value })
      else failure ??= answer
      return answer.isKnown
    }
    const hasNft = await add(`${plain}-nft`)
    // The program would load the tables.
    if ((await isLegacyLoaded(family)) && (await add(`${plain}-legacy`))) continue
    if (!hasNft) await add(plain)
  }
  return saved.length === 0 && failure ? failure : known(saved)
}

async function isLegacyLoaded(family: 4 | 6): Promise<boolean> {
  const names = await readText(`/proc/net/ip${family === 4 ? '' : '6'}_tables_names`)
  return names.isKnown && (names.value ?? '') !== ''
}

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
