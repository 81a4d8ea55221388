/** What the host's firewall does with a TCP packet that is forwarded, by its own programs' listings. Changes nothing. */

import { readFile } from 'node:fs/promises'
import type { Family } from '../../core/ip/address.ts'
import type { FirewallVerdict, Packet } from '../../core/path/look.ts'
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

interface Saved {
  readonly chains: readonly BaseChain[]
  readonly tables: ReadonlySet<string>
}

/** Both kinds of iptables may have rules at once. */
async function savedChains(family: Family): Promise<Saved> {
  const prefix = family === 4 ? 'ip' : 'ip6'
  const names = await readFile(`/proc/self/net/${prefix}_tables_names`, 'utf8').catch(() => '')
  const programs = [
    `${prefix}tables-save`,
    ...(names.trim() === '' ? [] : [`${prefix}tables-legacy-save`]),
  ]
  const found: Saved[] = []
  for (const program of programs) {
    try {
      found.push(parseSaved(await listing([program])))
    } catch (thrown) {
      // Whoever has no iptables has no rules of it, unless the kernel has some of old.
      const isNone = thrown instanceof ProgramError && thrown.isAbsent && names.trim() === ''
      if (!isNone) throw thrown
    }
  }
  return {
    chains: found.flatMap(({ chains }) => chains),
    tables: new Set(found.flatMap(({ tables }) => [...tables])),
  }
}

/** Without those that iptables keeps in nftables, and has told of. */
async function nftChains(family: Family, { tables }: Saved): Promise<BaseChain[]> {
  const ofIptables = (table: NftTable) =>
    table.family === (family === 4 ? 'ip' : 'ip6') && tables.has(table.name)
  const found = tablesOfForward(await listing(['nft', '--json', 'list', 'chains']), family)
  const chains: BaseChain[] = []
  for (const table of found) {
    if (ofIptables(table)) continue
    const { family: kind, name } = table
    chains.push(...chainsIn(await listing(['nft', '--json', 'list', 'table', kind, name])))
  }
  return chains
}

async function listing(words: readonly [string, ...string[]]): Promise<string> {
  const listed = await run(words)
  if (listed.length <= charactersMax) return listed
  throw new ProgramError(`${words.join(' ')} prints more than is read`, false)
}
