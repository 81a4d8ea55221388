/** What the host's firewall does with a TCP packet that is forwarded, by its own programs' listings. Changes nothing. */

import type { Family } from '../../core/ip/address.ts'
import type { FirewallVerdict, Packet } from '../../core/path/look.ts'
import { flavoursOf, isInNftables } from './flavours.ts'
import { parseSaved } from './iptables-chains.ts'
import { chainsIn, type NftTable, tablesOfForward } from './nft-chains.ts'
import { ProgramError, run } from './program.ts'
import { type BaseChain, judge } from './verdict.ts'

/** More is not read: it would hold up the agent. */
const charactersMax = 1_000_000

/** Listings that are under way: whoever asks meanwhile shares them. */
const listings = new Map<Family, Promise<readonly BaseChain[]>>()

export async function judgeForwarded(packet: Packet): Promise<FirewallVerdict> {
  const { family } = packet
  const chains = listings.get(family) ?? chainsOf(family)
  listings.set(family, chains)
  try {
    return judge(await chains, packet)
  } catch (thrown) {
    if (!(thrown instanceof ProgramError || thrown instanceof SyntaxError)) throw thrown
    return { verdict: 'unknown', by: thrown.message }
  } finally {
    listings.delete(family)
  }
}

async function chainsOf(family: Family): Promise<readonly BaseChain[]> {
  const saved = await savedChains(family)
  return [...saved.chains, ...(await nftChains(family, saved))]
}

/** Several flavours of iptables may have rules at once. */
async function savedChains(family: Family): Promise<SavedChains> {
  const { found, unread } = await flavoursOf(family, { charactersMax })
  if (unread !== undefined) throw new ProgramError(unread, true)
  const parsed = found.map((flavour) => ({ ...parseSaved(flavour.saved), flavour }))
  return {
    chains: parsed.flatMap(({ chains }) => chains),
    inNftables: new Set(
      parsed.flatMap(({ tables, flavour }) => (isInNftables(flavour) ? [...tables] : [])),
    ),
  }
}

interface SavedChains {
  readonly chains: readonly BaseChain[]
  /** Names of the tables that nftables has, too. */
  readonly inNftables: ReadonlySet<string>
}

/** Without those that iptables keeps in nftables, and has told of. */
async function nftChains(family: Family, { inNftables }: SavedChains): Promise<BaseChain[]> {
  const ofIptables = (table: NftTable) =>
    table.family === (family === 4 ? 'ip' : 'ip6') && inNftables.has(table.name)
  const found = tablesOfForward(await listing(['nft', '--json', 'list', 'chains']), family)
  const chains: BaseChain[] = []
  for (const table of found) {
    if (ofIptables(table)) continue
    const { family: kind, name } = table
    chains.push(...chainsIn(await listing(['nft', '--json', 'list', 'table', kind, name])))
  }
  return chains
}

const listing = (words: readonly [string, ...string[]]): Promise<string> =>
  run(words, '', charactersMax)
